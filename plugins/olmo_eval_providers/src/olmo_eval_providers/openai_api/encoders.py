"""Tokenizers for endpoints: the model's own files where they are at hand, else the server's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from olmo_eval.errors import ProviderError
from olmo_eval.harness.provider import ProviderConfig
from olmo_eval_providers.embedded.tokenizer import ModelTokenizer
from olmo_eval_providers.fingerprint import hub_cache, hub_commit
from olmo_eval_providers.openai_api.client import OpenAIClient
from olmo_eval_providers.tokenization import TextEncoder

_REMEMBERED = 4096


@frozen
class LocalEncoder:
    """The tokenizer of a model folder; ``add_bos`` overrules it about putting BOS in front."""

    tokenizer: ModelTokenizer
    add_bos: bool | None = None

    @property
    def bos_id(self) -> int | None:
        return self.tokenizer.bos_id

    @property
    def eos_id(self) -> int | None:
        return self.tokenizer.eos_id

    def encode(self, text: str) -> list[int]:
        ids = self.tokenizer.encode(text)
        starts = bool(ids) and ids[0] == self.bos_id
        if self.add_bos is True and not starts and self.bos_id is not None:
            return [self.bos_id, *ids]
        return ids[1:] if self.add_bos is False and starts else ids

    async def table(self, texts: Sequence[str]) -> TextEncoder:
        return self


@frozen
class _Table:
    """The answers to what was just asked."""

    bos_id: int | None
    eos_id: int | None
    known: Mapping[str, list[int]]

    def encode(self, text: str) -> list[int]:
        return self.known[text]


@define
class ServerEncoder:
    """vLLM's ``/tokenize``. ``bos_id`` is what the tokenizer puts in front, if anything."""

    client: OpenAIClient
    model: str
    bos_id: int | None = None
    _known: dict[str, list[int]] = field(factory=dict, init=False)

    @classmethod
    async def probe(cls, client: OpenAIClient, model: str) -> ServerEncoder | None:
        """The server's tokenizer, or None where it offers none."""
        encoder = cls(client, model)
        try:
            plain = await encoder._ask("a", special=False)
            full = await encoder._ask("a")
        except ProviderError:
            return None
        if len(full) > len(plain) and full[-len(plain) :] == plain:
            encoder.bos_id = full[0]
        return encoder

    async def _ask(self, text: str, *, special: bool = True) -> list[int]:
        body = {"model": self.model, "prompt": text, "add_special_tokens": special}
        answer: Any = await self.client.post("//tokenize", body)
        try:
            return [int(token) for token in answer["tokens"]]
        except (KeyError, TypeError, ValueError) as error:
            raise ProviderError(f"{self.client.root}/tokenize answered something else") from error

    async def table(self, texts: Sequence[str]) -> TextEncoder:
        known = {text: self._known[text] for text in texts if text in self._known}
        new = [text for text in dict.fromkeys(texts) if text not in known]
        found = await asyncio.gather(*(self._ask(text) for text in new))
        fresh = dict(zip(new, found, strict=True))
        if len(self._known) + len(fresh) > _REMEMBERED:
            self._known.clear()
        self._known.update(fresh)
        return _Table(self.bos_id, None, {**known, **fresh})


def local_tokenizer(config: ProviderConfig) -> ModelTokenizer | None:
    """The tokenizer that ``config`` names, from its folder or the hub cache, if at hand."""
    for name, revision in ((config.tokenizer, None), (config.model, config.revision)):
        if not name:
            continue
        folder = Path(name).expanduser()
        commit = None if folder.is_dir() else hub_commit(name, revision)
        if commit:
            folder = hub_cache() / ("models--" + name.replace("/", "--")) / "snapshots" / commit
        if (folder / "tokenizer.json").is_file():
            return ModelTokenizer(folder)
        if name == config.tokenizer:
            raise ProviderError(
                f"provider.tokenizer: {name} holds no tokenizer.json",
                hint="give the folder of the model's tokenizer",
            )
    return None
