"""``resolved``: whether an agent's change of a repository makes the tests pass that must."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from attrs import field, frozen, validators

from olmo_eval.agents.episode import Episode
from olmo_eval.common.scorers import AsyncScorer
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.sandbox import ExecResult, Sandbox
from olmo_eval_tasks.repositories.instance import RepositoryInstance, Tests
from olmo_eval_tasks.repositories.reports import MAINTAINED, PASSES, missing, reader
from olmo_eval_tasks.repositories.work import ChangeError, Taken, apply, put, restore, taken
from olmo_eval_tasks.scorers.status import Status, evidence

#: lines of SWE-bench's scripts between which the tests print
_START, _END = ">>>>> Start Test Output", ">>>>> End Test Output"
_EXIT = re.compile(r"^OLMO_EVAL_TESTS_EXIT: (\d+)$", re.MULTILINE)
#: characters of a diff that are kept beside the output
_DIFF_KEPT = 200_000


@frozen
class ResolvedScorer(AsyncScorer):
    """1 where the tests of a ``RepositoryInstance`` pass with what the agent changed.

    The change is taken from the agent's environment and made in a fresh one, where the tests are
    put in and run: whatever else the agent did to its environment does not count. All of
    ``fail_to_pass`` must pass, all of ``pass_to_pass`` pass or be skipped; a test runner that says
    that nothing failed, and ends with an error, is not believed.
    """

    name: str = "resolved"
    max_output_len: int = field(default=4000, validator=validators.ge(0))

    requires = frozenset({"bash"})
    inspects_environment: ClassVar[bool] = True
    judges_work: ClassVar[bool] = True

    async def score_async(self, instance: Instance, output: LMOutput, episode: Episode) -> float:
        """1 or 0; the change and what the tests said are recorded as ``change`` and ``tests``."""
        if not isinstance(instance, RepositoryInstance):
            raise TypeError("the scorer 'resolved' is for changes of a repository")
        try:
            since = episode.state.get("head", "HEAD")
            work = await taken(await episode.sandbox("bash"), instance, since)
            episode.record("change", _told(work))
            if work.empty:
                episode.record("tests", {"status": str(Status.FAILED), "why": "nothing changed"})
                return 0.0
            fresh = await episode.renew("bash")
            await put(fresh, work)
        except ChangeError as error:
            episode.record("tests", {"status": str(Status.FAILED), "why": str(error)})
            return 0.0
        await restore(fresh, instance.test_change.diff)
        await apply(fresh, instance.test_change)
        result = await ran(fresh, instance.tests)
        failed = failing(instance.tests, result)
        status = None if failed else Status.PASSED
        kept = evidence(result, self.max_output_len, status)
        episode.record("tests", {**kept, "failed": failed[:100]})
        return float(not failed)


def _told(work: Taken) -> dict[str, Any]:
    if work.change.diff:
        return {"diff": work.change.diff[:_DIFF_KEPT]}
    return {"files": work.names}


async def ran(sandbox: Sandbox, tests: Tests) -> ExecResult:
    """Run the tests in the repository's folder."""
    script = tests.command
    if _END in script:  # the script's own exit code is that of what it does afterwards
        lines = script.splitlines()
        at = next(number for number, line in enumerate(lines) if _END in line)
        lines[at:at] = ["olmo_eval_exit=$?"]
        script = "\n".join([*lines, 'echo "OLMO_EVAL_TESTS_EXIT: $olmo_eval_exit"'])
    return await sandbox.exec(["bash", "-c", f"{{\n{script}\n}} 2>&1"], timeout=tests.timeout)


def failing(tests: Tests, result: ExecResult) -> list[str]:
    """The tests that must pass and did not, by name."""
    printed, exit_code = result.stdout, result.exit_code
    if _START in printed and _END in printed:
        told = _EXIT.search(printed)
        exit_code = int(told[1]) if told else exit_code
        printed = printed.split(_START, 1)[1].split(_END, 1)[0]
    statuses = reader(tests.report)(printed)
    bad = [name for name, status in statuses.items() if status not in MAINTAINED]
    failed = missing(statuses, tests.fail_to_pass, PASSES)
    failed += missing(statuses, tests.pass_to_pass, MAINTAINED)
    if not failed and exit_code != 0 and not bad:
        return ["the test runner, which ended with an error"]
    return failed
