"""``olmo-eval demo``: two checkpoints of the tiny model, evaluated and compared."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from olmo_eval.errors import MissingDependencyError, RunFailedError
from olmo_eval.plugins import registered

BEFORE, AFTER = 600, 1000
_RUN = "olmo-eval run"
SUITE, UNLEARNT = "tiny", "tiny_null"


@click.command()
@click.option(
    "--results",
    envvar="OLMO_EVAL_RESULTS",
    default=".demo",
    show_default=True,
    help="Folder or URL (s3://, gs://) of the results.",
)
def demo(results: str) -> None:
    """Evaluate two checkpoints of a tiny model and compare them: what to expect of olmo-eval.

    The model (775,296 parameters) comes with olmo-eval-providers and runs in numpy, its questions
    come with olmo-eval-tasks: nothing is downloaded, and it takes about half a minute. Every
    command is shown as one would type it.
    """
    if SUITE not in registered("suites"):
        raise MissingDependencyError(
            f"the demo asks the questions of the suite {SUITE!r}, which is not installed",
            hint="pip install olmo-eval-tasks",
        )
    settings = {"OLMO_EVAL_RESULTS": results}
    click.echo(
        f"The model learns facts about invented towns, and sums. From step {BEFORE} to {AFTER} it\n"
        f"should improve in all but {UNLEARNT}, which training never taught."
    )
    models = ["-m", f"tiny-step{BEFORE}", "-m", f"tiny-step{AFTER}", "--provider", "embedded"]
    _show(["run", *models, "-t", SUITE, "-t", UNLEARNT, "--group", "demo"], settings)
    _show(["compare", _latest(BEFORE), _latest(AFTER)], settings)
    click.echo(_next_steps(results))


def _latest(step: int) -> str:
    return f"step={step},group=demo,latest"


def _show(arguments: Sequence[str], settings: dict[str, str]) -> None:
    """Run one command of ``olmo-eval`` after showing it.

    Raises:
        RunFailedError: it did not end well; it has said why.
    """
    written = shlex.join(["olmo-eval", *arguments])
    click.echo(f"\n$ {written}")
    sys.stdout.flush()
    command = [sys.executable, "-m", "olmo_eval", *arguments]
    try:
        code = subprocess.run(command, env={**os.environ, **settings}).returncode
    except KeyboardInterrupt:
        raise click.Abort from None  # Ctrl-C reached the command as well
    if code != 0:
        raise RunFailedError(
            f"the demo ended early: `{written}` ended with exit code {code}",
            hint="`olmo-eval doctor` checks the installation",
        )


def _next_steps(results: str) -> str:
    """What to try next, as a person can type it here."""
    first = [f"export OLMO_EVAL_RESULTS={shlex.quote(results)}"]
    if shutil.which("olmo-eval") is None:
        first.insert(0, f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"')
    has_viewer = "view" in registered("commands")
    a, b = _latest(BEFORE), _latest(AFTER)
    steps = {
        "both in a browser": "olmo-eval view"
        + ("" if has_viewer else "    # pip install olmo-eval-viewer"),
        "the questions that flipped": f"olmo-eval compare {a} {b} --show regressed",
        "what reaches the model": "olmo-eval task inspect tiny_sums --request",
        "the checkpoints before": f"{_RUN} -m tiny-step200 -m tiny-step400 -t {SUITE} --group demo",
        "all of them as a trend": "olmo-eval track --group demo",
        "a model of your own": f"{_RUN} -m CHECKPOINT -t {SUITE}",
        "what there is": "olmo-eval tasks; olmo-eval suites; olmo-eval models",
        "a benchmark of your own": "olmo-eval new task-pack my_pack",
    }
    lines = [f"  {what:<29}{command}" for what, command in steps.items()]
    return "\n".join(["\nWhat next?\n", *(f"  {line}" for line in first), "", *lines])
