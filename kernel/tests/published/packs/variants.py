"""Variants, a family of subtasks, and suites of them."""

from pathlib import Path

from olmo_eval.common.formatters import CompletionFormatter, PPLFormatter
from olmo_eval.common.metrics import (
    AccuracyMetric,
    BPBMetricInstanceAvg,
    LogprobPerCharMCAccuracyMetric,
    PassAtKMetric,
)
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance, LMRequest, RequestType, SamplingParams, Split
from olmo_eval.evals.suites import AggregationStrategy, Suite, format_tasks, make_suite
from olmo_eval.evals.suites import register as suite
from olmo_eval.evals.tasks.common import (
    OutputScoreAggregation,
    Task,
    format_mc,
    format_rc,
    register,
    register_subtasks,
    register_variant,
)


@register("letters")
class Letters(Task):
    split = Split.TEST
    metrics = (LogprobPerCharMCAccuracyMetric(),)
    num_fewshot = 2

    @property
    def instances(self):
        if self._instances_cache is None:
            self._instances_cache = list(self._load_instances())
        yield from self._instances_cache

    def _load_instances(self):
        for i in range(6):
            yield self.process_doc({"question": f"Letter {i}?", "label": i % 2, "id": f"l{i}"}, i)

    def process_doc(self, doc, index=0):
        return Instance(
            question=doc["question"],
            gold_answer="AB"[doc["label"]],
            choices=("yes", "no"),
            metadata={"id": doc["id"], "gold_idx": doc["label"]},
        )

    def format_request(self, instance):
        shots = [self._shown(shot, shot.gold_answer) for shot in self.get_fewshot()]
        prompt = "\n\n".join([*shots, self._shown(instance)])
        return LMRequest(
            request_type=RequestType.LOGLIKELIHOOD, prompt=prompt, continuations=(" A", " B")
        )

    def _shown(self, instance, answer=None):
        if isinstance(self.config.formatter, PPLFormatter):
            return format_rc(instance.question, answer)
        return format_mc(instance.question, list(instance.choices), answer)


@register("words")
class Words(Task):
    formatter = CompletionFormatter(template="Say {question}:", answer_prefix=" ")
    sampling_params = SamplingParams(max_tokens=16)
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)
    fewshot_sample = False
    subset = "none"

    def _build_fewshot(self):
        return [Instance(question=f"{self.subset} {i}", gold_answer=str(i)) for i in range(3)]

    def _load_instances_cached(self):
        for i in range(4):
            yield Instance(question=f"{self.subset}{i}", gold_answer="The answer is 42.")


register_variant("letters", "rc", {"formatter": PPLFormatter()})
register_variant("letters", "zero", num_fewshot=0, metrics=(BPBMetricInstanceAvg(),))
register_variant(
    "words",
    "many",
    {
        "num_fewshot": 3,
        "sampling_params": SamplingParams(max_tokens=16, temperature=0.6, num_samples=4),
        "metrics": (
            AccuracyMetric(scorer=ExactMatchScorer),
            PassAtKMetric(k=1, scorer=ExactMatchScorer),
            PassAtKMetric(k=4, scorer=ExactMatchScorer),
        ),
        "primary_metric": "pass_at_1",
        "output_score_aggregation": OutputScoreAggregation.FIRST,
    },
)
register_subtasks(
    Words,
    ["red", "blue"],
    task_prefix="colour",
    data_source=str(Path(__file__).parent / "colours"),
    variants={"short": {"max_tokens": 3}},
)
COLOURS = format_tasks(("red", "blue"), "colour_{colour}:short")
suite(Suite(name="colours", tasks=COLOURS, aggregation=AggregationStrategy.AVERAGE))
make_suite("acme_all", ("letters", "colours"), AggregationStrategy.AVERAGE_OF_AVERAGES)
