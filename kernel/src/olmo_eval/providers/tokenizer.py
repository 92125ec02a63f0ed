"""The tokenizer of a model folder, without its engine: text to ids and back, the chat template."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from olmo_eval.common.types import LMRequest, RequestType
from olmo_eval.errors import MissingDependencyError, ProviderError
from olmo_eval.providers.checkpoints import read_json
from olmo_eval.providers.tokenization import start_token


class ModelTokenizer:
    """``tokenizer.json`` with the special tokens and chat template beside it.

    ``add_bos`` overrules the tokenizer: True puts BOS in front, False takes it away, None leaves
    it to the tokenizer.

    Raises:
        ProviderError: the folder has no readable tokenizer.json.
        MissingDependencyError: the tokenizers library is not installed.
    """

    def __init__(self, folder: Path, add_bos: bool | None = None) -> None:
        self._add_bos = add_bos
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise ProviderError(
                f"{folder} has no tokenizer.json",
                hint="save the tokenizer with its fast (Rust) version, or set provider.tokenizer",
            )
        self._tokenizer = _load(path)
        settings_path = folder / "tokenizer_config.json"
        self._settings = read_json(settings_path) if settings_path.exists() else {}
        self.chat_template = _chat_template(folder, self._settings)
        self._compiled: Any = None
        self._texts: dict[int, str] = {}

    def _special(self, name: str) -> str | None:
        token = self._settings.get(name)
        return token.get("content") if isinstance(token, dict) else token

    def _special_id(self, name: str) -> int | None:
        token = self._special(name)
        return None if token is None else self._tokenizer.token_to_id(token)

    @property
    def bos_id(self) -> int | None:
        return self._special_id("bos_token")

    @property
    def eos_id(self) -> int | None:
        return self._special_id("eos_token")

    @property
    def vocab_size(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def encode(self, text: str) -> list[int]:
        """Ids of ``text``, with BOS if the tokenizer adds it and the text does not bring it."""
        ids = list(self._tokenizer.encode(text).ids)
        return with_bos(ids, self.bos_id, added=self._adds_bos, wanted=self._add_bos)

    @cached_property
    def _adds_bos(self) -> bool:
        """Whether the tokenizer itself puts BOS before a text."""
        return self.bos_id is not None and list(self._tokenizer.encode("").ids)[:1] == [self.bos_id]

    def encode_plain(self, text: str) -> list[int]:
        """Ids of ``text`` alone, for text that already carries its special tokens."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of ``tokens``, special tokens left out."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True))

    def token_text(self, token: int) -> str:
        """One token as text, special tokens by name."""
        if token not in self._texts:
            self._texts[token] = str(self._tokenizer.decode([token], skip_special_tokens=False))
        return self._texts[token]

    def vocabulary_text(self, token: int) -> str:
        """One token as the vocabulary writes it, for tokens that are no whole characters."""
        return str(self._tokenizer.id_to_token(token))

    @cached_property
    def special_ids(self) -> frozenset[int]:
        """The tokens that no text stands for."""
        added = self._tokenizer.get_added_tokens_decoder()
        return frozenset(token for token, entry in added.items() if entry.special)

    def render_chat(self, request: LMRequest) -> str:
        """The chat of ``request`` in the model's template, ready for the assistant's answer.

        Raises:
            ProviderError: as ``chat_arguments``; or the template refuses the messages.
        """
        arguments = chat_arguments(self.chat_template, request)
        if self._compiled is None:
            self._compiled = _compile(str(self.chat_template))
        names = {k: _text(v) for k, v in self._settings.items() if k.endswith("_token")}
        names = {"bos_token": "", "eos_token": "", **names}
        try:
            return str(self._compiled.render(**arguments, add_generation_prompt=True, **names))
        except Exception as error:  # jinja2 lets through whatever a template's expressions raise
            raise ProviderError(f"the chat template failed: {error}") from error

    def prompt_ids(self, request: LMRequest) -> list[int]:
        """Ids of what a COMPLETION or CHAT request wants continued; the start token where that
        is empty."""
        if request.prompt_tokens is not None:
            return list(request.prompt_tokens)
        if request.request_type is RequestType.CHAT:
            return self.encode_plain(self.render_chat(request))
        return self.encode(request.prompt) or [start_token(self)]


def with_bos(ids: list[int], bos: int | None, *, added: bool, wanted: bool | None) -> list[int]:
    """``ids`` with ``bos`` in front if it is ``wanted`` (None: if the tokenizer has ``added`` it),
    and not twice: a text that brings its own gets no second one."""
    if bos is None:
        return ids
    own = ids[1:] if added else ids
    if (added if wanted is None else wanted) and own[:1] != [bos]:
        return [bos, *own]
    return own


def chat_arguments(template: Any, request: LMRequest) -> dict[str, Any]:
    """``messages`` and ``tools`` as chat templates take them.

    Raises:
        ProviderError: there is no template, or it takes no tools where the request has some.
    """
    if not template:
        raise ProviderError(
            "the model has no chat template, so chat requests have no defined form",
            hint="use a completion formatter, or add chat_template to tokenizer_config.json",
        )
    tools = [tool.to_openai() for tool in request.tools] or None
    if tools and "tools" not in str(template):
        raise ProviderError(
            "the model's chat template takes no tools",
            hint="use a harness without tools, a model whose template has them, or a scaffold that "
            "speaks of them in text (tool_loop: -o scaffold_kwargs.tool_format=react)",
        )
    messages = [_with_argument_objects(dict(m)) for m in request.chat_messages()]
    return {"messages": messages, "tools": tools}


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


def _text(token: Any) -> str:
    return str(token.get("content", "")) if isinstance(token, dict) else str(token or "")


def _load(path: Path) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingDependencyError(
            "a model's tokenizer needs the tokenizers library", hint="pip install tokenizers"
        ) from error
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exception for every malformed file
        raise ProviderError(f"{path} is not a readable tokenizer: {error}") from error


def _chat_template(folder: Path, settings: dict[str, Any]) -> str | None:
    """A file chat_template.jinja, else the setting (a list holds several by name)."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    template = settings.get("chat_template")
    if isinstance(template, list):
        named = {entry["name"]: entry["template"] for entry in template}
        template = named.get("default")
    return template


def _compile(template: str) -> Any:
    try:
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError as error:
        raise MissingDependencyError(
            "chat templates need jinja2", hint="pip install jinja2"
        ) from error

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = raise_exception
    # not jinja2's own, which escapes for HTML: templates are written for transformers' filter
    environment.filters["tojson"] = lambda value, **options: json.dumps(
        value, **{"ensure_ascii": False, **options}
    )
    return environment.from_string(template)
