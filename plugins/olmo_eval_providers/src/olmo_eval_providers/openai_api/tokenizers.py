"""Tokenizers for endpoints: the model's own files where they are at hand, else the server's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from attrs import define, field, frozen

from olmo_eval.common.types import LMRequest
from olmo_eval.errors import ProviderError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.providers.tokenization import TextEncoder
from olmo_eval.providers.tokenizer import ModelTokenizer
from olmo_eval_providers.model_folders import local_folder
from olmo_eval_providers.openai_api.body import chat_body
from olmo_eval_providers.openai_api.client import OpenAIClient

_CACHED_TEXTS = 4096


@frozen
class LocalTokenizer:
    """A tokenizer that is at hand."""

    tokenizer: ModelTokenizer

    async def encoded(self, texts: Sequence[str]) -> TextEncoder:
        return self.tokenizer


@frozen
class EncodedTexts:
    """Texts that the server has encoded, each with its token ids."""

    bos_id: int | None
    eos_id: int | None
    ids: Mapping[str, list[int]]

    def encode(self, text: str) -> list[int]:
        return self.ids[text]


@frozen
class ReadableTexts(EncodedTexts):
    """Encoded texts whose tokens can be read back; of the special ones only BOS is known as
    such."""

    token_texts: Mapping[int, str] = field(factory=dict)

    @property
    def special_ids(self) -> frozenset[int]:
        return frozenset({self.bos_id} - {None})  # type: ignore[arg-type]

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(self.token_texts[token] for token in tokens)

    def token_text(self, token: int) -> str:
        return self.token_texts[token]

    vocabulary_text = token_text


@define
class ServerTokenizer:
    """vLLM's ``/tokenize``. ``bos_id`` is what the tokenizer puts in front, if anything, and
    ``bos_text`` how it is written."""

    client: OpenAIClient
    model: str
    bos_id: int | None = None
    bos_text: str = ""
    _cache: dict[str, list[int]] = field(factory=dict, init=False)

    @classmethod
    async def probe(cls, client: OpenAIClient, model: str) -> ServerTokenizer | None:
        """The server's tokenizer, or None where it offers none."""
        encoder = cls(client, model)
        try:
            plain = await encoder._tokenize("a", special=False)
            full = await encoder._tokenize("a")
        except ProviderError:
            return None
        if len(full) > len(plain) and full[-len(plain) :] == plain:
            encoder.bos_id = full[0]
            with suppress(ProviderError):
                encoder.bos_text = await encoder.text(full[:1])
        return encoder

    def to_send(self, prompt: str) -> str:
        """``prompt`` less a BOS of its own, where the server puts one in front anyway."""
        return prompt.removeprefix(self.bos_text)

    async def chat_ids(self, request: LMRequest) -> list[int]:
        """Ids of a CHAT request as the server's own template writes it.

        Raises:
            ProviderError: the server does not say, or the template refuses the messages.
        """
        body = {"model": self.model, **chat_body(request), "add_generation_prompt": True}
        return _ids(self.client, await self.client.post("//tokenize", body))

    async def readable(self, texts: Sequence[str], more: Sequence[int] = ()) -> ReadableTexts:
        """An encoder that knows ``texts`` and reads their tokens, and ``more``, back.

        Raises:
            ProviderError: the server does not detokenize.
        """
        encoded = await self.encoded(texts)
        ids = list({*more, *(token for text in texts for token in encoded.encode(text))})
        token_texts = await asyncio.gather(*(self.text([token]) for token in ids))
        by_id = dict(zip(ids, token_texts, strict=True))
        return ReadableTexts(encoded.bos_id, None, encoded.ids, by_id)

    async def text(self, tokens: Sequence[int]) -> str:
        """The text of ``tokens``, special ones by name.

        Raises:
            ProviderError: the server does not detokenize.
        """
        body = {"model": self.model, "tokens": list(tokens)}
        answer: Any = await self.client.post("//detokenize", body)
        try:
            return str(answer["prompt"])
        except (KeyError, TypeError) as error:
            raise ProviderError(f"{self.client.root}/detokenize answered otherwise") from error

    async def _tokenize(self, text: str, *, special: bool = True) -> list[int]:
        body = {"model": self.model, "prompt": text, "add_special_tokens": special}
        return _ids(self.client, await self.client.post("//tokenize", body))

    async def encoded(self, texts: Sequence[str]) -> EncodedTexts:
        cached = {text: self._cache[text] for text in texts if text in self._cache}
        new = [text for text in dict.fromkeys(texts) if text not in cached]
        token_ids = await asyncio.gather(*(self._tokenize(text) for text in new))
        fresh = dict(zip(new, token_ids, strict=True))
        if len(self._cache) + len(fresh) > _CACHED_TEXTS:
            self._cache.clear()
        self._cache.update(fresh)
        return EncodedTexts(self.bos_id, None, {**cached, **fresh})


def _ids(client: OpenAIClient, answer: Any) -> list[int]:
    try:
        return [int(token) for token in answer["tokens"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ProviderError(f"{client.root}/tokenize answered something else") from error


def local_tokenizer(config: ProviderConfig, add_bos: bool | None = None) -> ModelTokenizer | None:
    """The tokenizer that ``config`` names, from its folder or the hub cache, if at hand;
    ``add_bos`` overrules it about putting BOS in front."""
    for name, revision in ((config.tokenizer, None), (config.model, config.revision)):
        if not name:
            continue
        folder = local_folder(name, revision)
        if folder is not None and (folder / "tokenizer.json").is_file():
            return ModelTokenizer(folder, add_bos)
        if name == config.tokenizer:
            raise ProviderError(
                f"provider.tokenizer: {name} holds no tokenizer.json",
                hint="give the folder of the model's tokenizer",
            )
    return None
