"""Whether a model can score packed rows: by its layers, and by trying."""

from __future__ import annotations

import logging
import random

from olmo_eval.providers.tokenization import Scored
from olmo_eval_providers.hf.kv_cache import PrefixCache
from olmo_eval_providers.hf.loading import LoadedModel
from olmo_eval_providers.hf.memory import Budget
from olmo_eval_providers.hf.padded_scoring import PaddedScorer
from olmo_eval_providers.hf.scoring import Scorer

_log = logging.getLogger(__name__)

#: largest difference of a token's log-probability, by bytes of the model's number format
_TOLERANCE = {4: 1e-3, 2: 0.25}


def sharing_works(loaded: LoadedModel, limits: Budget) -> bool:
    """Score a few random token sequences both ways.

    Models differ in what they make of masks and positions (windows, ALiBi, recurrent layers), and
    code of the hub may do anything; a wrong number would not be noticed later.
    """
    if not loaded.full_attention:
        return False
    pairs = _pairs(loaded.vocab_size, min(loaded.max_length, 96))
    try:
        cache = PrefixCache(loaded, 2**24)
        packed = Scorer(loaded, Budget(limits.batch_tokens, 1), cache).score(pairs)
        alone = PaddedScorer(loaded, Budget(limits.batch_tokens, 1)).score(pairs)
    except Exception as error:  # whatever hub code raises, scoring alone is the way out
        _log.info("prefixes are not shared: %s", error)
        return False
    allowed = _TOLERANCE.get(loaded.model.dtype.itemsize, 0.25)
    worst = max(
        abs(a - b)
        for p, q in zip(packed, alone, strict=True)
        for a, b in zip(p.logprobs, q.logprobs, strict=True)
    )
    return bool(worst <= allowed)


def _pairs(vocabulary: int, width: int) -> list[Scored]:
    """Two contexts with a long common beginning, each with two targets of several tokens."""
    draw = random.Random(0)
    tokens = [draw.randrange(vocabulary) for _ in range(2 * width)]
    third = max(1, width // 6)
    shared = tokens[: 4 * third]
    contexts = [(*shared, *tokens[i * third + width :][:third]) for i in (0, 1)]
    targets = [tuple(tokens[-4:]), tuple(tokens[-8:-5])]
    return [Scored(context, target) for context in contexts for target in targets]
