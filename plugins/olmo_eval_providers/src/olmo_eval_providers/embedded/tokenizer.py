"""The tokenizer of a model folder: text to ids and back, and the chat template."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from olmo_eval.common.types import Message
from olmo_eval.errors import MissingDependencyError, ProviderError
from olmo_eval_providers.embedded.config import read_json


class ModelTokenizer:
    """``tokenizer.json`` with the special tokens and chat template beside it."""

    def __init__(self, folder: Path) -> None:
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise ProviderError(
                f"{folder} has no tokenizer.json",
                hint="save the tokenizer with its fast (Rust) version, or set provider.tokenizer",
            )
        self._tokenizer = _load(path)
        settings_path = folder / "tokenizer_config.json"
        self._settings = read_json(settings_path) if settings_path.exists() else {}
        self._template = _chat_template(folder, self._settings)
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
        """Ids of ``text``, with BOS if the tokenizer adds it."""
        return list(self._tokenizer.encode(text).ids)

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

    def render_chat(self, messages: Sequence[Message]) -> str:
        """``messages`` in the model's chat template, ready for the assistant's answer.

        Raises:
            ProviderError: the model has no template, or the template refuses the messages.
        """
        if self._template is None:
            raise ProviderError(
                "the model has no chat template, so chat requests have no defined form",
                hint="use a completion formatter, or add chat_template to tokenizer_config.json",
            )
        if self._compiled is None:
            self._compiled = _compile(self._template)
        names = {name: self._special(name) or "" for name in ("bos_token", "eos_token")}
        try:
            return str(
                self._compiled.render(messages=messages, add_generation_prompt=True, **names)
            )
        except Exception as error:  # jinja2 lets through whatever a template's expressions raise
            raise ProviderError(f"the chat template failed: {error}") from error


def _load(path: Path) -> Any:
    from tokenizers import Tokenizer

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

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = raise_exception
    environment.filters["tojson"] = lambda value, **options: json.dumps(
        value, ensure_ascii=False, indent=options.get("indent")
    )
    return environment.from_string(template)
