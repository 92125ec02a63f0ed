"""What a server receives, as far as it can be known from here."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from olmo_eval.common.types import LMRequest, RequestType, SamplingParams
from olmo_eval.errors import ProviderError
from olmo_eval.providers.engine_input import EngineInput, engine_inputs, input_tokens, scored_inputs
from olmo_eval.providers.tokenization import one_bos
from olmo_eval_providers.openai_api.body import chat_body
from olmo_eval_providers.openai_api.tokenizers import LocalTokenizer, ServerTokenizer

_UNLIMITED = 2**31


async def text_inputs(
    request: LMRequest,
    params: SamplingParams,
    encoder: LocalTokenizer | ServerTokenizer | None,
    limit: int | None,
    *,
    local: LocalTokenizer | None = None,
) -> list[EngineInput] | None:
    """The inputs of a request that no chat template stands between, cut to ``limit`` positions
    where that is known; None where nobody here or there tells its tokens. ``local`` reads back
    what a server has tokenized."""
    if isinstance(encoder, LocalTokenizer):
        return engine_inputs(encoder.tokenizer, request, limit or _UNLIMITED, params.max_tokens)
    if encoder is not None:
        with suppress(ProviderError):  # another make of server: it keeps its tokenizer to itself
            return await _server_inputs(request, encoder, limit, local)
    return None


async def _server_inputs(
    request: LMRequest, encoder: ServerTokenizer, limit: int | None, local: LocalTokenizer | None
) -> list[EngineInput]:
    if request.request_type is RequestType.COMPLETION:
        # sent as text, so the server's tokenizer has the last word
        encoded = await encoder.encoded([request.prompt])
        tokens = one_bos(encoded, encoded.encode(request.prompt))
        reader = local.tokenizer if local else await encoder.readable([], tokens)
        return [EngineInput(request.prompt, input_tokens(reader, tokens))]
    pairs = zip(request.contexts(), request.continuations, strict=True)
    texts = {text for c, t in pairs for text in (c.rstrip(), c + t) if text}
    readable = await encoder.readable(sorted(texts) or [request.prompt])
    return scored_inputs(readable, request, limit or _UNLIMITED)


async def chat_inputs(
    request: LMRequest, server: ServerTokenizer | None, local: LocalTokenizer | None
) -> list[EngineInput]:
    """The input of a CHAT request as the server's template writes it, where it says so; else the
    messages, which are all that is sent."""
    body: dict[str, Any] = chat_body(request)
    if server is not None:
        try:
            ids = await server.chat_ids(request)
            text = await server.text(ids)
            reader = local.tokenizer if local else await server.readable([], ids)
        except ProviderError:
            pass  # another make of server: it keeps its template to itself
        else:
            return [EngineInput(text, input_tokens(reader, ids))]
    return [EngineInput(json.dumps(body, ensure_ascii=False, indent=1))]
