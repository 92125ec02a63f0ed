"""Log-likelihoods of strings alone, padded in batches: for models that cannot share prefixes."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define

from olmo_eval.providers.tokenization import Scored
from olmo_eval_providers.hf.loading import LoadedModel
from olmo_eval_providers.hf.memory import Budget, retried_with_half
from olmo_eval_providers.hf.scoring import likelihood, read_logits
from olmo_eval_providers.local.outputs import Likelihood


@define
class PaddedScorer:
    """Scores every pair from its first token, longest first, padded on the right."""

    loaded: LoadedModel
    limits: Budget

    def score(self, pairs: Sequence[Scored]) -> list[Likelihood]:
        """One result a pair, in order."""
        found: dict[int, Likelihood] = {}
        order = sorted(range(len(pairs)), key=lambda i: -_length(pairs[i]))

        def attempt() -> None:
            remaining = [i for i in order if i not in found]
            while remaining:
                rows = max(1, self.limits.batch_tokens // _length(pairs[remaining[0]]))
                batch, remaining = remaining[:rows], remaining[rows:]
                scored = self._run([pairs[i] for i in batch])
                found.update(zip(batch, scored, strict=True))

        retried_with_half(attempt, self.limits, "scoring", self.loaded.torch)
        return [found[i] for i in range(len(pairs))]

    def _run(self, pairs: Sequence[Scored]) -> list[Likelihood]:
        torch, device = self.loaded.torch, self.loaded.device
        width = max(_length(pair) for pair in pairs)
        texts = [[*pair.context, *pair.target[:-1]] for pair in pairs]
        # with a token of the row itself: no mask keeps out an embedding of NaN
        padded = [text + text[:1] * (width - len(text)) for text in texts]
        mask = [[1] * len(text) + [0] * (width - len(text)) for text in texts]
        logits = self.loaded.model(
            input_ids=torch.tensor(padded, device=device),
            attention_mask=torch.tensor(mask, device=device),
            use_cache=False,
        ).logits
        results = []
        for row, pair in enumerate(pairs):
            begin = len(pair.context) - 1
            sources = [list(range(begin, begin + len(pair.target)))]
            ((logprobs, best),) = read_logits(torch, logits[row], [(0, pair.target)], sources)
            results.append(likelihood(pair, logprobs, best))
        return results


def _length(pair: Scored) -> int:
    return len(pair.context) + len(pair.target) - 1
