"""Issues of repositories: an agent changes the code, and tests that it has not seen decide.

- Data: rows as SWE-bench has them since version 5 (``image``, ``eval_script``, ``log_parser``,
  ``eval_type`` beside ``problem_statement``, ``patch``, ``FAIL_TO_PASS``, ``PASS_TO_PASS``), from
  the hub or ``-o data_source=FILE``. Rows of your own may have ``test_cmd`` and ``test_patch`` in
  place of ``eval_script``, and ``working_dir``; ``swe_tiny`` are a few small repositories that come
  with the package and need no image but one with ``bash`` and ``python3``.
- Prompt: the issue in a user message, between two sentences that say what to do.
- Environment: the row's ``image``, in ``/testbed``, where commands are root's, which has to be
  allowed: ``-o sandboxes.0.root=true``. There is no network unless the sandbox has one.
- Metric: the share of resolved issues. What the agent changed is taken as a diff, made in a fresh
  environment, and the tests are run there: those that failed must pass, those that passed must pass
  still.

``pip install 'olmo-eval-tasks[swebench]'`` reads the reports of test runners other than pytest.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, ClassVar

from olmo_eval.agents.episode import Episode
from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.types import EnvironmentSpec, Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task, register
from olmo_eval.sandbox import SandboxError
from olmo_eval_tasks.repositories.instance import Change, RepositoryInstance, Tests
from olmo_eval_tasks.repositories.reports import reader
from olmo_eval_tasks.repositories.work import ChangeError, apply, head
from olmo_eval_tasks.scorers.resolved import ResolvedScorer

PROMPT = (
    "Solve this issue of the repository in the working folder.\n\n"
    "<issue>\n{question}\n</issue>\n\n"
    "Change the repository's code; tests that you do not see decide whether it is solved."
)
TINY = Path(__file__).parent.parent / "tiny" / "swe"
#: where the images of SWE-bench have their repositories
_FOLDER = "/testbed"


class Repositories(Task):
    """Issues of repositories, in SWE-bench's rows."""

    formatter = ChatFormatter(user_template=PROMPT)
    sampling_params = SamplingParams(max_tokens=4096)
    metrics = (AccuracyMetric(scorer=ResolvedScorer),)
    requires = frozenset({"agent"})
    card = Card(
        citation="Jimenez et al. 2024, SWE-bench: Can Language Models Resolve Real-World GitHub "
        "Issues?",
        url="https://arxiv.org/abs/2310.06770",
        licence="MIT; the repositories have licences of their own",
        defects=(
            "A change may tamper with the test runner (a conftest.py, say), and deceive it.",
            "Issues and solutions are older than most models' training data.",
        ),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        tests = _tests(doc)
        reader(tests.report)  # better missed now than when an answer is scored
        return RepositoryInstance(
            question=doc["problem_statement"],
            metadata={
                "id": doc["instance_id"],
                **{key: doc[key] for key in ("repo", "version", "difficulty") if doc.get(key)},
            },
            environment=_environment(doc),
            tests=tests,
            test_change=_change(doc.get("test_patch") if "test_cmd" in doc else None),
            solution=_change(doc.get("patch")),
            with_git="files" not in doc,
        )

    async def setup(self, episode: Episode) -> None:
        """Note which commit the agent begins at.

        Raises:
            SandboxError: the environment has no repository.
        """
        if isinstance(episode.instance, RepositoryInstance) and episode.instance.with_git:
            try:
                episode.state["head"] = await head(await episode.sandbox("bash"))
            except ChangeError as error:
                raise SandboxError(f"{episode.instance.id}: {error}") from error

    async def solve(self, episode: Episode) -> str | None:
        """Make the change that is known to solve the issue."""
        instance = episode.instance
        if not isinstance(instance, RepositoryInstance) or instance.solution.empty:
            return None
        await apply(await episode.sandbox("bash"), instance.solution)
        return ""

    def oracle(self, instance: Instance) -> str | None:
        return None  # no text is an answer

    def extract_answer(self, output: LMOutput) -> str:
        return output.text


@register("swe_bench")
class SWEBench(Repositories):
    """2,294 issues of twelve Python repositories, or the rows of ``-o data_source=FILE``."""

    data_source = DataSource(path="SWE-bench/SWE-bench", split="test")


@register("swe_bench_lite")
class SWEBenchLite(Repositories):
    """300 issues of SWE-bench that take little to evaluate."""

    data_source = DataSource(path="SWE-bench/SWE-bench_Lite", split="test")


@register("swe_bench_verified")
class SWEBenchVerified(Repositories):
    """500 issues of SWE-bench that people have found to be solvable."""

    data_source = DataSource(path="SWE-bench/SWE-bench_Verified", split="test")


@register("swe_tiny")
class SWETiny(Repositories):
    """A few issues of small repositories of ours."""

    data_source = DataSource(path=str(TINY), source_type="folders")
    expected_instances: ClassVar[int] = 4
    card = Card(licence="Apache-2.0", defects=Repositories.card.defects[:1])

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return super().process_doc(row_of_folder(doc), index)


def row_of_folder(doc: dict[str, Any]) -> dict[str, Any]:
    """A folder as a row: ``issue.md``, ``tests.toml``, the repository in ``repo/``, and the files
    that the tests and the solution change in ``tests/`` and ``solution/``."""
    files: dict[str, bytes] = doc["files"]

    def below(folder: str) -> dict[str, bytes]:
        start = f"{folder}/"
        return {n.removeprefix(start): data for n, data in files.items() if n.startswith(start)}

    return {
        "instance_id": doc["name"],
        "problem_statement": files["issue.md"].decode().strip(),
        "files": below("repo"),
        "test_patch": below("tests"),
        "patch": below("solution"),
        **tomllib.loads(files["tests.toml"].decode()),
    }


def _tests(doc: dict[str, Any]) -> Tests:
    """Raises ValueError where a row does not say how its tests are run."""
    kind = str(doc.get("eval_type") or "pass_and_fail")
    if kind != "pass_and_fail":
        raise ValueError(f"tests of the kind {kind!r} are not supported")
    command = doc.get("test_cmd") or doc.get("eval_script")
    if not command:
        raise ValueError(
            "it says in neither eval_script nor test_cmd how the tests are run: older rows of "
            "SWE-bench do not"
        )
    return Tests(
        command=str(command),
        report=str(doc.get("log_parser") or "pytest"),
        fail_to_pass=_names(doc["FAIL_TO_PASS"]),
        pass_to_pass=_names(doc.get("PASS_TO_PASS") or ()),
        timeout=float(doc.get("timeout") or 1800.0),
    )


def _names(value: Any) -> tuple[str, ...]:
    """A list of tests, or its JSON."""
    return tuple(json.loads(value) if isinstance(value, str) else value)


def _change(value: Any) -> Change:
    if not value:
        return Change()
    return Change(diff=value) if isinstance(value, str) else Change(files=value)


def _environment(doc: dict[str, Any]) -> EnvironmentSpec:
    image = doc.get("image") or doc.get("image_name") or doc.get("docker_image")
    if "files" in doc:
        return EnvironmentSpec(image=image, files=doc["files"])
    if not image:
        raise ValueError("it names no image")
    return EnvironmentSpec(
        image=str(image), working_dir=str(doc.get("working_dir") or _FOLDER), root=True
    )
