"""MultiPL-E: HumanEval and MBPP, translated to other programming languages.

- Data: ``nuprl/MultiPL-E``, one subset a benchmark and language, test split; problems whose types
  a language lacks are left out there, so that sizes differ.
- Prompt: the function's head with its comment, translated.
- Shots: none.
- Extraction: the output as it stands, cut at the data's own stop sequences.
- Metric: pass@k. Prompt, output and tests are compiled and run in a sandbox with the language's
  tools. Unlike in the published settings the plain tasks have a metric: pass@1 from their twenty
  samples.

The data holds no solutions, so ``task check`` cannot tell whether a right answer passes. The
language's tools are taken from the sandbox's image, or installed there from Debian's packages when
it is first used (the image ``python:3.12-slim`` has none of them); a sandbox without them is a
failed environment, never a wrong answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from olmo_eval.common.metrics import Metric
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task, register, register_variant
from olmo_eval_tasks.programs import pass_at
from olmo_eval_tasks.scorers.multipl_e import MultiplEScorer, toolchain
from olmo_eval_tasks.subjects import MULTIPL_E_BENCHMARKS, MULTIPL_E_LANGUAGES

#: the data's stop sequences, which are the same for all problems of a language
STOPS: Mapping[str, tuple[str, ...]] = {
    "cpp": ("\n}",),
    "java": ("\n    }\n",),
    "js": ("\nfunction ", "\n/*", "\n//", "\nconsole.log"),
    "php": ("\nfunction", "\n?>", "\n//", "\n#"),
    "rs": ("\n}",),
    "sh": ("\n}",),
}
#: where ``olmo3base`` stops otherwise
OLMO3_STOPS = {**STOPS, "java": ("\n }\n", "}\n}", "}\n\n")}


class MultiplE(Task):
    """One benchmark in one language."""

    language: ClassVar[str]
    card = Card(
        citation="Cassano et al. 2022, MultiPL-E: A Scalable and Extensible Approach to "
        "Benchmarking Neural Code Generation",
        url="https://arxiv.org/abs/2208.08227",
        licence="MIT",
        defects=("Types and tests were translated by rules; a few do not fit their problem.",),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return Instance(
            question=doc["prompt"],
            gold_answer="",
            metadata={"id": doc["name"], "code_prefix": doc["prompt"], "test": doc["tests"]},
            environment=toolchain(self.language),
        )

    def extract_answer(self, output: LMOutput) -> str | None:
        return output.text if output.text.strip() else None


def _pass_at(language: str, *ks: int) -> tuple[Metric, ...]:
    return pass_at(*ks, scorer=MultiplEScorer(language=language))


def _tasks() -> Iterator[tuple[str, str, str]]:
    for benchmark in MULTIPL_E_BENCHMARKS:
        for language in MULTIPL_E_LANGUAGES:
            yield f"multipl_e_{benchmark}_{language}", benchmark, language


for _name, _benchmark, _language in _tasks():
    _attributes = {
        "__doc__": MultiplE.__doc__,
        "__module__": __name__,
        "language": _language,
        "data_source": DataSource(
            path="nuprl/MultiPL-E", subset=f"{_benchmark}-{_language}", split="test"
        ),
        "sampling_params": SamplingParams(
            temperature=0.2, top_p=0.95, num_samples=20, stop_sequences=STOPS[_language]
        ),
        "metrics": _pass_at(_language, 1),
    }
    register(_name)(type(f"MultiplE_{_benchmark}_{_language}", (MultiplE,), _attributes))
    register_variant(_name, "pass_at_1")
    register_variant(_name, "pass_at_10", metrics=_pass_at(_language, 10), temperature=0.8)
    register_variant(
        _name,
        "olmo3base",
        metrics=_pass_at(_language, 1, 2, 4, 8, 16),
        primary_metric="pass_at_1",
        max_tokens=1024,
        temperature=0.6,
        top_p=0.6,
        num_samples=32,
        stop_sequences=OLMO3_STOPS[_language],
    )
