"""Log-likelihoods of strings alone, padded in batches: for models that cannot share prefixes."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define

from olmo_eval.providers.tokenization import Scored
from olmo_eval_providers.hf.loading import LoadedModel
from olmo_eval_providers.hf.memory import Budget, retried_with_half
from olmo_eval_providers.hf.scoring import read_logits
from olmo_eval_providers.local.outputs import Likelihood


@define
class PaddedScorer:
    """Scores every pair from its first token, longest first, padded on the right."""

    loaded: LoadedModel
    limits: Budget

    def score(self, pairs: Sequence[Scored]) -> list[Likelihood]:
        """One result a pair, in order."""
        found: list[Likelihood | None] = [None] * len(pairs)
        order = sorted(range(len(pairs)), key=lambda i: -_length(pairs[i]))

        def attempt() -> None:
            remaining = [i for i in order if found[i] is None]
            while remaining:
                rows = max(1, self.limits.batch_tokens // _length(pairs[remaining[0]]))
                batch, remaining = remaining[:rows], remaining[rows:]
                for i, likelihood in zip(batch, self._run([pairs[i] for i in batch]), strict=True):
                    found[i] = likelihood

        retried_with_half(attempt, self.limits, "scoring", self.loaded.torch)
        return [likelihood for likelihood in found if likelihood is not None]

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
            ((logprobs, greedy),) = read_logits(torch, logits[row], [(0, pair.target)], sources)
            results.append(Likelihood.of(pair, logprobs, is_greedy=greedy))
        return results


def _length(pair: Scored) -> int:
    return len(pair.context) + len(pair.target) - 1
