"""A transformers tokenizer behind the plugin's rule of tokenization."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from olmo_eval.common.types import LMRequest, RequestType
from olmo_eval.errors import ProviderError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.providers.tokenization import start_token
from olmo_eval.providers.tokenizer import chat_arguments, with_bos


class TransformersTokenizer:
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
    ) -> TransformersTokenizer:
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
        """Ids of ``text``, with BOS if the tokenizer adds it and the text does not bring it."""
        ids = list(self.tokenizer.encode(text))
        return with_bos(ids, self.bos_id, added=self._adds_bos, wanted=self._add_bos)

    @cached_property
    def _adds_bos(self) -> bool:
        """Whether the tokenizer itself puts BOS before a text."""
        return self.bos_id is not None and list(self.tokenizer.encode(""))[:1] == [self.bos_id]

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
            ProviderError: as ``chat_arguments``; or the template refuses the messages.
        """
        arguments = chat_arguments(getattr(self.tokenizer, "chat_template", None), request)
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    arguments["messages"],
                    tools=arguments["tools"],
                    tokenize=False,
                    add_generation_prompt=True,
                )
            )
        except Exception as error:  # jinja2 lets through whatever a template's expressions raise
            raise ProviderError(f"the chat template failed: {error}") from error

    def vocabulary_text(self, token: int) -> str:
        """One token as the vocabulary writes it, for tokens that are no whole characters."""
        return str(self.tokenizer.convert_ids_to_tokens(token))

    @property
    def special_ids(self) -> frozenset[int]:
        """The tokens that no text stands for."""
        return frozenset(self.tokenizer.all_special_ids)

    def prompt_ids(self, request: LMRequest) -> list[int]:
        """Ids of what is to be continued; the start token where the prompt is empty."""
        if request.prompt_tokens is not None:
            return list(request.prompt_tokens)
        if request.request_type is RequestType.CHAT:
            return self.encode_plain(self.render_chat(request))
        return self.encode(request.prompt) or [start_token(self)]
