"""What the tasks ask, and how answers are judged."""

from pathlib import Path

from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.testing import golden_prompts, task_contract

from acme_evals.scoring import MentionScorer

SPECS = (
    "acme_riddles",
    "acme_riddles:3shot",
    "acme_riddles:chat",
    "acme_riddles:sampled",
    "acme_sums",
    "acme_sums:mc",
    "acme_sums:bpb",
)

# Gold answers score 1, empty ones 0, no prompt holds its answer, ids do not change.
test_contract = task_contract(*SPECS)

# What reaches the model is what was looked at and kept.
test_prompts = golden_prompts(Path(__file__).parent / "prompts.json", *SPECS)


def test_the_answer_may_stand_anywhere() -> None:
    riddle = Instance("What has keys but opens no lock?", "piano")
    scorer = MentionScorer()

    assert scorer.score(riddle, LMOutput("It is a Piano.")) == 1.0
    assert scorer.score(riddle, LMOutput("a door")) == 0.0
