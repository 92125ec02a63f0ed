"""Where ``olmo-eval task check`` carries solutions out: which sandbox, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from olmo_eval import plugins
from olmo_eval.common.figures import counted
from olmo_eval.errors import OlmoEvalError, UsageError

if TYPE_CHECKING:
    from olmo_eval.common.overrides import Override
    from olmo_eval.evals.tasks.check.report import Finding
    from olmo_eval.sandbox.reachable import Reachable

#: the setting that names a backend as --sandbox does
_MODE = ("sandboxes", "0", "mode")


class Execution:
    """Solutions carried out in the sandbox ``named``, or in the first container engine that
    answers, where that is ``automatic``.

    Raises:
        UnknownNameError: there is no such sandbox. UsageError: there are settings of a sandbox, and
            none is named or automatic.
    """

    def __init__(
        self,
        named: str | None,
        for_tasks: Sequence[Override],
        for_harness: Sequence[Override],
        sample: int,
        *,
        automatic: bool,
    ) -> None:
        modes = [str(one.value) for one in for_harness if one.path == _MODE]
        self._named = next(iter(modes[-1:]), named)
        self._for_tasks, self._for_harness = for_tasks, for_harness
        self._sample, self._automatic = sample, automatic
        self._left_out = 0
        if self._named is not None:
            plugins.manager().registry("sandboxes").get(self._named)
        elif for_harness and not automatic:
            raise UsageError(f"override {for_harness[0].text!r} needs --sandbox NAME")

    def row(self, row: dict[str, Any]) -> dict[str, Any]:
        """A task's row of the plain check, with what is found where its solutions are carried
        out."""
        from olmo_eval.evals.tasks.check.report import error, note
        from olmo_eval.evals.tasks.check.rows import with_findings
        from olmo_eval.evals.tasks.common import build_task
        from olmo_eval.runner.solutions import check_in_sandbox, scorers_in_sandboxes

        if "reason" in row:
            return row
        try:
            task = build_task(row["task"], self._for_tasks)
            if not scorers_in_sandboxes(task):
                return row
            if self._named is None and not self._automatic:
                self._left_out += 1
                return row
            backend = self._named or self._reached.backend
            if backend is None:
                return with_findings(row, [self._unreached()])
            found = check_in_sandbox(task, backend, self._for_harness, sample=self._sample)
        except OlmoEvalError as problem:
            return with_findings(row, [error("sandbox", problem.message, hint=problem.hint)])
        findings = [*found.findings, note("sandbox", found.done)]
        return with_findings(row, findings, found.checked)

    @cached_property
    def _reached(self) -> Reachable:
        from olmo_eval.sandbox.reachable import find_reachable

        found = find_reachable()
        for problem in found.problems.values():
            click.echo(f"note: {problem}", err=True)
        if found.backend is not None:
            said = f"note: solutions are carried out in {found.backend}, which answers"
            click.echo(f"{said}; --sandbox NAME chooses another", err=True)
        return found

    def _unreached(self) -> Finding:
        from olmo_eval.evals.tasks.check.report import warning

        tried = ", ".join(self._reached.problems) or "none is installed"
        return warning(
            "sandbox",
            f"solutions were not carried out: no container engine answers ({tried})",
            hint="start one, or name another sandbox with --sandbox NAME; "
            "`olmo-eval doctor` says what there is",
        )

    def print_left_out(self) -> None:
        """Says of how many tasks nothing was carried out, where nobody asked for it."""
        if self._left_out:
            tasks = counted(self._left_out, "task")
            click.echo(f"solutions of {tasks} were not carried out: add --sandbox NAME")
