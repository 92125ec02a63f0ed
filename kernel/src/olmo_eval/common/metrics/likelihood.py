"""Bits per byte and perplexity of the right answer's text."""

from __future__ import annotations

import math
from typing import ClassVar

from attrs import field, frozen

from olmo_eval.common.metrics.base import Metric, as_scorer
from olmo_eval.common.scorers import BitsPerByteScorer, PerplexityScorer, Reads, Scorer
from olmo_eval.common.scorers.base import NoGoldError
from olmo_eval.common.scorers.likelihood import scored_text, sum_logprob
from olmo_eval.common.types import LMOutput, Response


def gold_output(response: Response) -> LMOutput:
    """The output of the right continuation: the only one, or that at ``gold_idx``.

    Raises:
        NoGoldError: its text is blank. ValueError: there is no output.
    """
    if not response.outputs:
        raise ValueError("no log-likelihood was returned")
    index = response.instance.gold_index
    whole = index is None or len(response.outputs) == 1
    output = response.outputs[0 if whole or index is None else index]
    if not output.text.strip():
        raise NoGoldError("the text to score is blank")
    return output


@frozen
class BPBMetricInstanceAvg(Metric):
    """Mean over instances of the right answer's bits per byte."""

    name: str = field(default="bits_per_byte", kw_only=True)
    reads: ClassVar[Reads | None] = "likelihood"
    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[tuple[float | None, float | None]] = (0.0, None)
    unit: ClassVar[str | None] = "bits per byte"
    scorer: Scorer = field(factory=BitsPerByteScorer, converter=as_scorer)

    def value(self, response: Response) -> float | None:
        return self.scorer.score(response.instance, gold_output(response))


@frozen
class BPBMetricByteAvg(BPBMetricInstanceAvg):
    """Bits of all right answers divided by their bytes: long answers weigh more."""

    name: str = field(default="bits_per_byte_corpus", kw_only=True)
    aliases: ClassVar[tuple[str, ...]] = ("bits_per_byte",)
    weighted: ClassVar[bool] = True

    def weight(self, response: Response) -> float:
        return float(len(scored_text(gold_output(response)).encode("utf-8", "surrogatepass")))


@frozen
class BytePerplexityMetric(BPBMetricByteAvg):
    """exp of the mean negative log-probability a byte over all right answers together.

    It is 2 to the power of the bits per byte, and can be compared between tokenizers.
    """

    name: str = field(default="perplexity_byte", kw_only=True)
    aliases: ClassVar[tuple[str, ...]] = ()
    bounds: ClassVar[tuple[float | None, float | None]] = (0.0, None)
    unit: ClassVar[str | None] = "perplexity a byte"
    transform: ClassVar[str | None] = "exp"

    def value(self, response: Response) -> float | None:
        return self.scorer.score(response.instance, gold_output(response)) * math.log(2)


@frozen
class MeanPerplexityMetric(BPBMetricInstanceAvg):
    """Mean over instances of the right answer's perplexity a token."""

    name: str = field(default="perplexity", kw_only=True)
    bounds: ClassVar[tuple[float | None, float | None]] = (1.0, None)
    unit: ClassVar[str | None] = "perplexity a token"
    scorer: Scorer = field(factory=PerplexityScorer, converter=as_scorer)


@frozen
class CorpusPerplexityMetric(Metric):
    """exp of the mean negative log-probability a token over all right answers together."""

    name: str = field(default="perplexity_corpus", kw_only=True)
    aliases = ("corpus_perplexity",)
    reads: ClassVar[Reads | None] = "likelihood"
    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[tuple[float | None, float | None]] = (0.0, None)
    unit: ClassVar[str | None] = "perplexity a token"
    transform: ClassVar[str | None] = "exp"
    weighted: ClassVar[bool] = True
    scorer: Scorer = field(factory=PerplexityScorer, converter=as_scorer)

    def value(self, response: Response) -> float | None:
        return math.log(self.scorer.score(response.instance, gold_output(response)))

    def weight(self, response: Response) -> float:
        output = gold_output(response)
        sum_logprob(output)
        return float(output.num_tokens or 0)
