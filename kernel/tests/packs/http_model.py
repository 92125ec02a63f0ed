"""A provider that asks an OpenAI-compatible server for completions, in one small file."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import anyio

import olmo_eval
from olmo_eval.common.types import Capability, LMOutput, LMRequest, SamplingParams
from olmo_eval.errors import RefusedError, TransientError
from olmo_eval.providers.provider import Provider


class HttpModel(Provider):
    capabilities = frozenset({Capability.GENERATE})
    default_concurrency = 8
    retry_base = 0.01

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        body = json.dumps({"prompt": request.prompt, "max_tokens": params.max_tokens})
        answer = await self._post("/v1/completions", body.encode())
        choice = answer["choices"][0]
        return [LMOutput(choice["text"], finish_reason=choice["finish_reason"])]

    async def _post(self, path: str, body: bytes) -> Any:
        place = urlsplit(str(self.config.base_url))
        try:
            async with await anyio.connect_tcp(place.hostname or "", place.port or 80) as stream:
                head = f"POST {path} HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n"
                await stream.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                answer = b""
                async for part in stream:
                    answer += part
        except (OSError, anyio.BrokenResourceError) as error:
            raise TransientError(f"no answer from {place.netloc}: {error}") from error
        if answer.partition(b"\r\n")[0].split()[1:2] == [b"403"]:
            raise RefusedError(f"{place.netloc} declines to answer")
        return json.loads(answer.partition(b"\r\n\r\n")[2])


@olmo_eval.hookimpl
def register_providers(register: Any) -> None:
    register("http_model", HttpModel)
