"""``olmo-eval watch``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import FiniteRange, OrderedCommand, json_option, results_option
from olmo_eval.cli.run import tasks_and_harness
from olmo_eval.errors import OlmoEvalError, UsageError

if TYPE_CHECKING:
    from olmo_eval.checkpoints.folder import CheckpointFolder
    from olmo_eval.runner.spec import RunSpec

#: folders whose parent's name says more of a training run
_GENERIC = frozenset({"checkpoint", "checkpoints", "ckpt", "ckpts", "out", "output", "results"})
_LAYOUTS = (
    "olmo-core", "megatron", "nemo", "torchtitan", "nanotron", "hugging-face", "verl", "composer",
    "orbax", "other",
)  # fmt: skip


@click.command(cls=OrderedCommand)
@click.argument("folder", metavar="DIR")
@tasks_and_harness
@results_option
@click.option(
    "--hold",
    type=click.Choice(["none", "hardlink", "copy"]),
    default="none",
    show_default=True,
    help="Keep each model in DIR/.olmo-eval until it is evaluated, though its trainer removes it.",
)
@click.option(
    "--when-behind",
    type=click.Choice(["queue", "newest", "skip"]),
    default="queue",
    show_default=True,
    help="Where several wait: the oldest first; the newest first; or the newest alone.",
)
@click.option("--until-step", type=click.IntRange(0), help="End when this step is evaluated.")
@click.option("--once", is_flag=True, help="End when all that is complete now is evaluated.")
@click.option("--idle", type=FiniteRange(0), metavar="S", help="End when nothing came for so long.")
@click.option("--max-parallel", type=click.IntRange(1), default=1, show_default=True)
@click.option("--on-regression", metavar="COMMAND", help="Run this when a score is worse.")
@click.option("--convert", metavar="COMMAND", help="Makes {output} of a {checkpoint} without one.")
@click.option("--layout", type=click.Choice(_LAYOUTS), help="The trainer's, where it is not told.")
@click.option(
    "--settle",
    type=FiniteRange(0),
    default=30.0,
    show_default=True,
    metavar="S",
    help="Seconds without a change that stand for a mark of completeness where there is none.",
)
@click.option("--poll", type=FiniteRange(0.01), default=10.0, show_default=True, metavar="S")
@click.option("--executor", default="local", show_default=True, help="Where the runs execute.")
@click.option("--dry-run", is_flag=True, help="Show what lies in DIR and how it stands.")
@json_option
@click.pass_context
def watch(
    ctx: click.Context,
    /,
    folder: str,
    hold: Any,
    when_behind: Any,
    until_step: int | None,
    once: bool,
    idle: float | None,
    max_parallel: int,
    on_regression: str | None,
    convert: str | None,
    layout: str | None,
    settle: float,
    poll: float,
    executor: str,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Evaluate each complete checkpoint in DIR once, as its trainer saves it.

    What is done is noted in the store: started again, or started several times on several
    machines, no checkpoint is evaluated twice. Each is compared with the one before it and with the
    best so far. The runs share the group of --group, else one named after DIR.
    """
    from olmo_eval.checkpoints.folder import CheckpointFolder
    from olmo_eval.cli.watch_output import Printer, print_found
    from olmo_eval.watching.conversion import check_command
    from olmo_eval.watching.holding import Holder
    from olmo_eval.watching.ledger import open_ledger
    from olmo_eval.watching.watcher import Policy, Watcher

    watched = CheckpointFolder(_watchable(folder), settle, layout)
    if dry_run:
        print_found(watched, as_json)
        return 0
    if convert is not None:
        check_command(convert)
    spec = _spec(ctx.meta["ordered"], {**options, "step": None}, watched.root)
    run = (sys.executable, "-m", "olmo_eval.cli", "run", "--spec", "-", "--json")
    command = (*run, "--executor", executor)
    ledger = open_ledger(spec.results, _about(watched, spec))
    watcher = Watcher(
        watched,
        ledger,
        Holder(watched.root, ledger.key, hold),
        spec,
        Policy(when_behind, until_step, once, idle, max_parallel, poll, convert, command),
        Printer(as_json, max_parallel > 1, on_regression),
    )
    click.echo(f"watching {folder}: group {spec.group}, results {spec.results}", err=True)
    with _terminated_like_ctrl_c():
        watcher.watch()
    if watcher.failed:
        raise OlmoEvalError(
            f"{len(watcher.failed)} checkpoints were not evaluated as they should be",
            hint="the same command tries again those that have no run",
        )
    return 0


def _watchable(folder: str) -> Path:
    """The folder of a training run; it may not be there yet, but what is there must fit."""
    from olmo_eval.checkpoints.folder import CheckpointFolder, model_in
    from olmo_eval.checkpoints.layouts import OTHER

    if "://" in folder:
        raise UsageError(
            f"{folder} is not a folder of this machine",
            hint="watch looks at folders, local or mounted; copy checkpoints there as they come",
        )
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise UsageError(f"{folder} is not a folder")
    if not path.exists() and not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {path.absolute().parent}", hint=f"to hold {folder}")
    if path.is_dir() and model_in(path, OTHER) and not CheckpointFolder(path).look():
        raise UsageError(
            f"{folder} is a checkpoint itself",
            hint=f"`olmo-eval run -m {folder}` evaluates it; watch takes the folder around it",
        )
    return path


def _spec(ordered: Sequence[tuple[str, Any]], options: dict[str, Any], root: Path) -> RunSpec:
    """The run to make of each checkpoint, refused now where none could be made."""
    from olmo_eval import plugins
    from olmo_eval.cli.specs import specs_of
    from olmo_eval.harness.presets import get_harness_preset
    from olmo_eval.runner.plan import make_plan

    if not options["tasks"]:
        raise UsageError("watch needs a task", hint="-t TASK")
    options["group"] = options["group"] or _group(root)
    spec = specs_of([""], ordered, options)[""]
    for target in spec.plugins:
        plugins.manager().load(target)
    if isinstance(spec.harness, str):
        get_harness_preset(spec.harness)
    make_plan(spec.tasks, skip_missing=spec.skip_missing)
    spec.to_json()  # it is handed to other processes, and so must hold no secret
    return spec


def _group(root: Path) -> str:
    place = root.absolute()
    generic = place.name.lower() in _GENERIC and place.parent.name
    return place.parent.name if generic else place.name or "watched"


def _about(watched: CheckpointFolder, spec: RunSpec) -> dict[str, Any]:
    """What tells one ledger from another: the folder, and what is asked of its checkpoints."""
    import json

    from attrs import evolve

    asked = json.loads(evolve(spec, results="", reuse=True, max_cost=None).to_json())
    return {"folder": str(watched.root.resolve()), "asked": asked}


@contextmanager
def _terminated_like_ctrl_c() -> Iterator[None]:
    """SIGTERM (a scheduler's) ends the watch as Ctrl-C does, and its evaluations with it."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
