"""Riddles: a task with a variant, its own scorer, and a suite."""

from attrs import frozen

import olmo_eval
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer, Scorer
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.evals.suites import Suite
from olmo_eval.evals.suites import register as register_suite
from olmo_eval.evals.tasks.common import Task, register, register_variant

RIDDLES = {
    "What has keys but opens no lock?": "piano",
    "What has hands but cannot clap?": "clock",
    "What has teeth but cannot bite?": "comb",
    "What has a neck but no head?": "bottle",
    "What gets wetter the more it dries?": "towel",
    "What has one eye but cannot see?": "needle",
    "What goes up but never comes down?": "age",
    "What has many rings but no fingers?": "tree",
    "What has legs but does not walk?": "table",
    "What can fill a room but takes up no space?": "light",
    "What has cities but no houses?": "map",
    "What is full of holes but still holds water?": "sponge",
}


@frozen
class MentionScorer(Scorer):
    """1 where the answer stands anywhere in what the model wrote."""

    name = "mention"

    def score(self, instance, output):
        return float(instance.gold_text in output.text.lower())


@register("acme_riddles")
class Riddles(Task):
    """Short riddles with one-word answers."""

    formatter = GenerationFormatter(template="Riddle: {question}\nAnswer:", answer_prefix=" ")
    sampling_params = SamplingParams(max_tokens=16, stop_sequences=("\n",))
    metrics = (AccuracyMetric(scorer=MentionScorer), AccuracyMetric(scorer=ExactMatchScorer))

    @property
    def instances(self):
        for number, (riddle, answer) in enumerate(RIDDLES.items()):
            yield Instance(question=riddle, gold_answer=answer, metadata={"id": f"riddle-{number}"})


register_variant("acme_riddles", "3shot", num_fewshot=3, fewshot_seed=7)

register_suite(
    Suite(
        name="acme",
        tasks=("acme_riddles", "acme_riddles:3shot"),
        description="riddles with and without examples",
    )
)


@olmo_eval.hookimpl
def register_scorers(register):
    register("acme_mention", MentionScorer)
