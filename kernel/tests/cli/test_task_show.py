"""``olmo-eval task show``: what a number means, with and without the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

PACK = '''
"""Capitals of countries.

- Data: ``acme/capitals``.
- Extraction: the last word
  of the output.
- Metric: exact match.
"""

from olmo_eval.common.formatters import CompletionFormatter
from olmo_eval.common.metrics import AccuracyMetric, BPBMetricByteAvg
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task, register, register_variant


@register("capitals")
class Capitals(Task):
    """What is the capital?"""

    card = Card(
        citation='Atlas 2020, "Places"',
        url="https://example.org/places",
        licence="CC-BY-4.0",
        access="Ask the atlas.",
        defects=("Two capitals have moved.", "One is misspelt."),
    )
    data_source = DataSource(path="acme/capitals", subset="world", split="test", revision="v2")
    expected_instances = {"test": 195, "train": 10}
    fewshot_split = "train"
    formatter = CompletionFormatter(template="Capital of {question}?")
    sampling_params = SamplingParams(max_tokens=8, stop_sequences=("\\n",), temperature=0.5)
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    def process_doc(self, doc):
        return Instance(doc["country"], doc["capital"], metadata={"id": doc["country"]})

    def extract_answer(self, output):
        return output.text.split()[-1]


register_variant("capitals", "2shot", num_fewshot=2)
register_variant("capitals", "bits", metrics=(BPBMetricByteAvg(),))
'''


@pytest.fixture
def show(bench: Any) -> Any:
    plugin = bench.folder / "capitals.py"
    plugin.write_text(PACK)

    def call(*arguments: object, code: int = 0) -> Any:
        done = bench.cli("task", "show", "--plugin", plugin, *arguments)
        assert done.code == code, done.err
        return done

    return call


def test_everything_is_said_without_the_data(show: Any) -> None:
    printed = show("capitals:2shot").out

    for line in (
        "capitals:2shot  (capitals.py ",
        "What is the capital?",
        "source       hf://acme/capitals?subset=world&split=test&revision=v2",
        "instances    195 published",
        "template = Capital of {question}?",
        "shots        2, drawn with seed 42, from hf://acme/capitals?subset=world&split=train",
        "sampling     max_tokens 8, temperature 0.5, num_samples 1",
        "stops at '\\n'",
        "extraction   the last word of the output.",
        "accuracy:exact_match (share, higher is better, the primary one)",
        'citation     Atlas 2020, "Places"',
        "url          https://example.org/places",
        "licence      CC-BY-4.0",
        "access       Ask the atlas.",
        "defects      Two capitals have moved.\n             One is misspelt.",
        "variants     2shot, bits",
        "- Data: `acme/capitals`.",
    ):
        assert line in printed
    assert "\nexample " not in printed


def test_data_that_is_at_hand_is_counted_and_shown(
    show: Any, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"country": name, "capital": name.upper()} for name in ("Peru", "Chile", "Cuba")]
    bench.write("mirror/acme/capitals/world/test.jsonl", rows)
    monkeypatch.setenv("OLMO_EVAL_DATA_MIRROR", str(bench.folder / "mirror"))

    printed = show("capitals:2shot").out
    assert "195 published, 3 here" in printed
    assert "example      Capital of Peru?\n             gold: PERU" in printed
    legend = show("capitals", "--json").json
    assert legend["instances"] == {"published": 195, "counted": 3, "limit": None}
    assert legend["prompt"]["example"] == {"prompt": "Capital of Peru?", "gold": "PERU"}
    assert legend["source"]["at_hand"] is True


def test_json_says_the_same(show: Any) -> None:
    legend = show("capitals:bits", "-o", "limit=7", "--json").json

    assert legend["metrics"] == [
        {
            "key": "bits_per_byte_corpus:bits_per_byte",
            "primary": True,
            "unit": "bits per byte",
            "higher_is_better": False,
            "bounds": [0.0, None],
            "description": "Bits of all right answers divided by their bytes: long answers "
            "weigh more.",
        }
    ]
    assert legend["instances"] == {"published": 195, "counted": None, "limit": 7}
    assert legend["source"]["at_hand"] is False
    assert legend["defects"] == ["Two capitals have moved.", "One is misspelt."]
    assert legend["shots"] == {"number": 0}


def test_likelihoods_are_not_sampled(show: Any) -> None:
    printed = show("pick").out

    assert "sampling" not in printed and "extraction" not in printed
    assert "-> " in printed


def test_a_suite_is_no_task(show: Any) -> None:
    assert "both is a suite" in show("both", code=2).err


def test_every_task_of_the_kernel_s_packs_has_a_legend(show: Any, bench: Any) -> None:
    for task in ("sums", "pick", "prose"):
        assert Path(show(task, "--json").json["source"]["path"]).name == task
