"""Seeds of samples: the same on every machine and at any parallelism."""

from __future__ import annotations

import hashlib
import json

from olmo_eval.common.types import LMRequest, SamplingParams


def sample_seed(request: LMRequest, params: SamplingParams, index: int) -> int:
    """A seed in [0, 2**31) for sample ``index`` of ``request``.

    It depends on ``params.seed`` (0 where none is given), on what is asked and on the index, and
    on nothing else that is in flight. Engines draw differently from one seed, so samples repeat
    on one engine and differ between engines.
    """
    asked = [params.seed or 0, index, request.prompt, request.chat_messages()]
    if request.prompt_tokens is not None:
        asked.append(request.prompt_tokens)
    content = json.dumps(asked, sort_keys=True, ensure_ascii=False)
    digest = hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 33


def sample_seeds(request: LMRequest, params: SamplingParams) -> list[int]:
    """The seed of each sample that ``params`` asks for."""
    return [sample_seed(request, params, index) for index in range(params.num_samples)]
