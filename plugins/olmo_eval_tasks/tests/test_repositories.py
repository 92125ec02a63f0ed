"""Issues of repositories: rows, reports, changes, and the tests that decide."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from olmo_eval import plugins
from olmo_eval.common.types import EnvironmentSpec, Instance
from olmo_eval.evals.tasks.common import Task, build_task
from olmo_eval.runner.solutions import check_in_sandbox
from olmo_eval.sandbox import ExecResult
from olmo_eval_tasks.benchmarks.swe_bench import Repositories, SWEBench, SWETiny
from olmo_eval_tasks.repositories.instance import Change, RepositoryInstance
from olmo_eval_tasks.repositories.instance import Tests as RepositoryTests
from olmo_eval_tasks.repositories.reports import (
    MAINTAINED,
    PASSES,
    missing,
    pytest_report,
    reader,
    unittest_report,
)
from olmo_eval_tasks.scorers.resolved import failing

ROW = {
    "instance_id": "acme__tools-7",
    "repo": "acme/tools",
    "problem_statement": "It fails.",
    "patch": "diff --git a/x b/x\n",
    "test_patch": "diff --git a/t b/t\n",
    "FAIL_TO_PASS": '["t.py::new"]',
    "PASS_TO_PASS": '["t.py::old"]',
    "image": "acme/eval:7",
    "eval_script": "cd /testbed\necho '>>>>> Start Test Output'\npytest -rA\n"
    "echo '>>>>> End Test Output'\ngit checkout t.py\n",
    "log_parser": "parse_log_pytest",
    "eval_type": "pass_and_fail",
}


def instance_of(row: dict[str, Any]) -> RepositoryInstance:
    task = SWEBench(SWEBench.default_config("swe_bench"))
    found = task.process_doc(row)
    assert isinstance(found, RepositoryInstance)
    return found


def test_a_row_of_swe_bench() -> None:
    one = instance_of(ROW)

    assert (one.id, one.question) == ("acme__tools-7", "It fails.")
    assert one.environment == EnvironmentSpec(
        image="acme/eval:7", working_dir="/testbed", root=True
    )
    assert one.tests.fail_to_pass == ("t.py::new",) and one.tests.pass_to_pass == ("t.py::old",)
    assert one.with_git and one.test_change.empty  # its script puts the tests in
    assert one.solution.diff == ROW["patch"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"eval_script": None}, "neither eval_script nor test_cmd"),
        ({"eval_type": "fail_only"}, "'fail_only' are not supported"),
        ({"image": None}, "names no image"),
    ],
)
def test_a_row_that_cannot_be_evaluated_is_told(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        instance_of({**ROW, **changes})


def test_reports_of_pytest_and_unittest() -> None:
    said = "PASSED a.py::one\nFAILED a.py::two - AssertionError: x\nSKIPPED a.py::three\n"
    assert pytest_report(said) == {
        "a.py::one": "PASSED",
        "a.py::two": "FAILED",
        "a.py::three": "SKIPPED",
    }
    said = (
        "test_a (tests.x.Case.test_a) ... ok\ntest_b (x.Case) ... FAIL\n"
        "test_c (x.Case.test_c)\nWhat it does. ... ok\ntest_d (x.Case.test_d) ... skipped 'no'\n"
    )
    assert unittest_report(said) == {
        "tests.x.Case.test_a": "PASSED",
        "x.Case.test_b": "FAILED",
        "x.Case.test_c": "PASSED",
        "x.Case.test_d": "SKIPPED",
    }


def test_names_cut_inside_their_parameters_stand_for_what_begins_so() -> None:
    statuses = {"t::a[log(x)]": "PASSED", "t::b[1, 2]": "PASSED", "t::b[1, 3]": "FAILED"}

    assert missing(statuses, ["t::a[log(x", "t::b[1", "t::c"], PASSES) == ["t::b[1", "t::c"]
    assert missing({"t::a": "SKIPPED"}, ["t::a"], MAINTAINED) == []


def test_an_unknown_report_is_refused_before_the_run() -> None:
    with pytest.raises(Exception, match=r"swebench|nobody reads"):
        reader("parse_log_of_nobody")


TESTS = RepositoryTests("pytest -rA", "pytest", ("t::new",), ("t::old",))


@pytest.mark.parametrize(
    ("printed", "exit_code", "failed"),
    [
        ("PASSED t::new\nPASSED t::old\n", 0, []),
        ("PASSED t::new\nPASSED t::old\nFAILED t::flaky\n", 1, []),
        ("PASSED t::new\nSKIPPED t::old\n", 0, []),
        ("SKIPPED t::new\nPASSED t::old\n", 0, ["t::new"]),
        ("PASSED t::old\n", 0, ["t::new"]),
        ("PASSED t::new\nPASSED t::old\n", 1, ["the test runner, which ended with an error"]),
        ("", None, ["t::new", "t::old"]),
    ],
)
def test_what_counts_as_resolved(printed: str, exit_code: int | None, failed: list[str]) -> None:
    assert failing(TESTS, ExecResult(exit_code, printed, "")) == failed


# -- the tiny ones


def tiny() -> list[RepositoryInstance]:
    return [i for i in build_task("swe_tiny").instances if isinstance(i, RepositoryInstance)]


@pytest.mark.parametrize("one", tiny(), ids=lambda one: one.id)
def test_the_tests_that_must_pass_fail_before(one: RepositoryInstance, tmp_path: Path) -> None:
    assert one.environment is not None
    for name, content in {**one.environment.files, **one.test_change.files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    command = ["bash", "-c", f"{one.tests.command} 2>&1"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    statuses = unittest_report(printed.stdout)

    assert missing(statuses, one.tests.fail_to_pass, PASSES) == [*one.tests.fail_to_pass]
    assert missing(statuses, one.tests.pass_to_pass, PASSES) == []
    counted = {*one.tests.fail_to_pass, *one.tests.pass_to_pass}
    assert set(statuses) <= counted  # unittest gives a test whose subtests fail no line of its own


@pytest.fixture
def local(olmo_eval_tasks: None) -> str:
    pytest.importorskip("olmo_eval_sandboxes.local.backend")
    plugins.manager().load("olmo_eval_sandboxes.plugin")
    return "local"


def test_solutions_of_the_tiny_issues_score_1_and_idle_agents_0(local: str) -> None:
    assert check_in_sandbox(build_task("swe_tiny"), local, sample=10).findings == ()


class Tampering(SWETiny):
    """Solves nothing, and changes the tests and the environment around the repository."""

    async def solve(self, episode: Any) -> str:
        sandbox = await episode.sandbox("bash")
        for name in episode.instance.test_change.files:
            await sandbox.write(name, b"import unittest\n")
        await sandbox.write(".tmp/left.txt", b"x")
        return ""


def test_changed_tests_are_put_back(local: str) -> None:
    task = Tampering(Tampering.default_config("tampering"))

    (finding,) = check_in_sandbox(task, local, sample=1).findings

    assert finding.message.startswith("the right answer scores 0.000")


# -- with git


class Versioned(Repositories):
    """One repository of git, whose solution is a diff."""

    @property
    def instances(self) -> Any:
        yield evolve(
            VERSIONED,
            solution=Change(
                diff="diff --git a/m.py b/m.py\n--- a/m.py\n+++ b/m.py\n"
                "@@ -1 +1 @@\n-x = 1\n+x = 2\n"
            ),
        )


VERSIONED = RepositoryInstance(
    question="x is to be 2",
    metadata={"id": "versioned"},
    environment=EnvironmentSpec(
        files={"m.py": "x = 1\n"},
        setup=(
            "git init -q",
            "git add m.py",
            "git -c user.name=a -c user.email=a@example.com commit -qm first",
        ),
    ),
    tests=RepositoryTests("python3 -m unittest -v", "unittest", ("test_m.M.test_x",), timeout=30),
    test_change=Change(
        files={
            "test_m.py": b"import unittest, m\n\nclass M(unittest.TestCase):\n"
            b"    def test_x(self): self.assertEqual(m.x, 2)\n"
        }
    ),
)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_change_of_a_git_repository_is_a_diff(local: str) -> None:
    task: Task = Versioned(Versioned.default_config("versioned"))

    assert check_in_sandbox(task, local, sample=1).findings == ()


class Committed(Versioned):
    async def solve(self, episode: Any) -> str | None:
        await super().solve(episode)
        sandbox = await episode.sandbox("bash")
        command = "git -c user.name=a -c user.email=a@example.com commit -qam done"
        assert (await sandbox.exec(["bash", "-c", command])).ok
        return ""


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_change_that_the_agent_has_committed_counts_too(local: str) -> None:
    task: Task = Committed(Committed.default_config("committed"))

    assert check_in_sandbox(task, local, sample=1).findings == ()


class Retested(Versioned):
    """The tests come as a diff of a file that the agent has changed, too."""

    @property
    def instances(self) -> Any:
        for one in super().instances:
            spec = one.environment
            before = "import unittest, m\n"
            added = (
                "diff --git a/test_m.py b/test_m.py\n--- a/test_m.py\n+++ b/test_m.py\n"
                "@@ -1 +1,4 @@\n import unittest, m\n+class M(unittest.TestCase):\n"
                "+    def test_x(self):\n+        self.assertEqual(m.x, 2)\n"
            )
            files = {**spec.files, "test_m.py": before}
            setup = [line.replace("add m.py", "add .") for line in spec.setup]
            yield evolve(
                one,
                environment=evolve(spec, files=files, setup=setup),
                test_change=Change(diff=added),
            )

    async def solve(self, episode: Any) -> str | None:
        await super().solve(episode)
        await (await episode.sandbox("bash")).write("test_m.py", b"# gone\n")
        return ""


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_files_that_the_tests_change_are_put_back_first(local: str) -> None:
    task: Task = Retested(Retested.default_config("retested"))

    assert check_in_sandbox(task, local, sample=1).findings == ()


def test_an_instance_of_another_kind_is_refused() -> None:
    task = SWEBench(SWEBench.default_config("swe_bench"))
    assert task.oracle(Instance("?")) is None
