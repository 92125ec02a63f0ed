"""A transformers tokenizer behind the plugin's rule of tokenization."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from olmo_eval.common.types import LMRequest
from olmo_eval.errors import ProviderError
from olmo_eval.harness.provider import ProviderConfig
from olmo_eval_providers.tokenization import start_token


class HFTokenizer:
    """Text to ids and back, and the chat template.

    ``add_bos`` overrules the tokenizer: True puts BOS in front, False takes it away, None leaves
    it to the tokenizer.
    """

    def __init__(self, tokenizer: Any, add_bos: bool | None = None) -> None:
        self.tokenizer = tokenizer
        self._add_bos = add_bos
        self._texts: dict[int, str] = {}

    @classmethod
    def load(
        cls, transformers: Any, config: ProviderConfig, add_bos: bool | None = None
    ) -> HFTokenizer:
        """The tokenizer of the model, or the one that ``config.tokenizer`` names.

        Raises:
            ProviderError: it cannot be found or read.
        """
        name = config.tokenizer or config.model
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                str(Path(name).expanduser()),
                revision=None if config.tokenizer else config.revision,
                trust_remote_code=config.trust_remote_code,
            )
        except (OSError, ValueError, TypeError, KeyError, ImportError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise ProviderError(
                f"the tokenizer of {name} cannot be loaded: {reason}",
                hint="give a folder with a tokenizer, a hub id in the cache, or provider.tokenizer",
            ) from error
        return cls(tokenizer, add_bos)

    @property
    def bos_id(self) -> int | None:
        return self._id("bos_token_id")

    @property
    def eos_id(self) -> int | None:
        return self._id("eos_token_id")

    def _id(self, name: str) -> int | None:
        found = getattr(self.tokenizer, name, None)
        return None if found is None else int(found)

    def encode(self, text: str) -> list[int]:
        """Ids of ``text``, with BOS if the tokenizer adds it."""
        ids = list(self.tokenizer.encode(text))
        starts = bool(ids) and ids[0] == self.bos_id
        if self._add_bos is True and not starts and self.bos_id is not None:
            return [self.bos_id, *ids]
        return ids[1:] if self._add_bos is False and starts else ids

    def encode_plain(self, text: str) -> list[int]:
        """Ids of ``text`` alone, for text that already carries its special tokens."""
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of ``tokens``, special tokens left out, white space as it is."""
        return str(
            self.tokenizer.decode(
                list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )

    def token_text(self, token: int) -> str:
        """One token as text, special tokens by name."""
        if token not in self._texts:
            text = self.tokenizer.decode([token], clean_up_tokenization_spaces=False)
            self._texts[token] = str(text)
        return self._texts[token]

    def render_chat(self, request: LMRequest) -> str:
        """The chat of ``request`` in the model's template, ready for the assistant's answer.

        Raises:
            ProviderError: the model has no template, the template takes no tools where there are
                some, or it refuses the messages.
        """
        template = getattr(self.tokenizer, "chat_template", None)
        if not template:
            raise ProviderError(
                "the model has no chat template, so chat requests have no defined form",
                hint="use a completion formatter, or add chat_template to tokenizer_config.json",
            )
        tools = [tool.to_openai() for tool in request.tools] or None
        if tools and "tools" not in str(template):
            raise ProviderError("the model's chat template takes no tools")
        messages = [_with_argument_objects(dict(m)) for m in request.chat_messages()]
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    messages, tools=tools, tokenize=False, add_generation_prompt=True
                )
            )
        except Exception as error:  # jinja2 lets through whatever a template's expressions raise
            raise ProviderError(f"the chat template failed: {error}") from error

    def prompt_ids(self, request: LMRequest, *, chat: bool) -> list[int]:
        """Ids of what is to be continued; the start token where the prompt is empty."""
        if chat:
            return self.encode_plain(self.render_chat(request))
        return self.encode(request.prompt) or [start_token(self)]


def _with_argument_objects(message: dict[str, Any]) -> dict[str, Any]:
    """Tool calls with their arguments as objects, which is how templates write them."""
    calls = message.get("tool_calls")
    if not calls:
        return message
    read = []
    for call in calls:
        function = dict(call["function"])
        with suppress(TypeError, ValueError):  # no JSON: the template shows what was written
            function["arguments"] = json.loads(function.get("arguments") or "{}")
        read.append({**call, "function": function})
    return {**message, "tool_calls": read}
