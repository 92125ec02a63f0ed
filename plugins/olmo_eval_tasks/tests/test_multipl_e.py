"""MultiPL-E: programs in several languages, really compiled and run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.evals.tasks.common import build_task
from olmo_eval.sandbox import SandboxError
from olmo_eval_tasks.scorers.multipl_e import LANGUAGES, MultiplEScorer

#: twice a number: right, wrong, leaving early with success, and no program at all
BODIES = {
    "cpp": ("    return 2 * n;", "    return n;", "    exit(0);", "    return ("),
    "java": ("        return 2 * n;", "        return n;", "        System.exit(0); return 0;"),
    "js": ("    return 2 * n;\n}", "    return n;\n}", "    process.exit(0);\n}", "("),
    "php": ("    return 2 * $n;\n}", "    return $n;\n}", "    exit(0);\n}", "("),
    "rs": ("    2 * n", "    n", "    std::process::exit(0)", "("),
    "sh": ("    echo $((2 * $1))", '    echo "$1"', "}; exit 0; f() {", "    ((("),
}


def instance_of(language: str) -> Instance:
    (instance,) = build_task(f"multipl_e_humaneval_{language}").instances
    return instance


def has(language: str) -> bool:
    path = "/usr/local/bin:/usr/bin:/bin"  # where the sandbox looks
    return all(shutil.which(tool, path=path) for tool in LANGUAGES[language].tools)


@pytest.mark.parametrize("language", BODIES)
def test_right_programs_pass_and_others_do_not(
    language: str, invented_mirror: Path, score: Callable[[Any], list[float]]
) -> None:
    if not has(language):
        pytest.skip(f"needs {', '.join(LANGUAGES[language].tools)}")
    scorer, instance = MultiplEScorer(language=language), instance_of(language)

    scores = score([(scorer, instance, body) for body in BODIES[language]])

    assert scores == [1.0] + [0.0] * (len(scores) - 1)


@pytest.mark.parametrize("language", [name for name in BODIES if not has(name)] or ["none"])
def test_a_missing_compiler_is_a_failed_environment(
    language: str, invented_mirror: Path, score: Callable[[Any], list[float]]
) -> None:
    if language == "none":
        pytest.skip("every compiler is here")

    with pytest.raises(SandboxError, match=f"no {LANGUAGES[language].tools[0]}"):
        score([(MultiplEScorer(language=language), instance_of(language), BODIES[language][0])])


def test_a_missing_library_is_a_failed_environment(score: Callable[[Any], list[float]]) -> None:
    if not has("java"):
        pytest.skip("needs javac")
    if any(Path(jar).exists() for jar in LANGUAGES["java"].running[3].split(":")[1:]):
        pytest.skip("the library is here")
    prompt = "import org.javatuples.*;\nclass Problem {\n    static long f() {\n"
    tests = "    }\n    public static void main(String[] a) {\n    assert(f() == 1l);\n    }\n}\n"
    instance = Instance("f", metadata={"code_prefix": prompt, "test": tests})

    with pytest.raises(SandboxError, match="javatuples"):
        score([(MultiplEScorer(language="java"), instance, "        return 1l;")])


def test_the_output_is_taken_as_it_stands(invented_mirror: Path) -> None:
    task = build_task("multipl_e_mbpp_cpp:pass_at_1")

    assert task.extract_answer(LMOutput("  return 2 * n;\n")) == "  return 2 * n;\n"
    assert task.extract_answer(LMOutput(" \n")) is None
