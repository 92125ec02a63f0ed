"""From a trainer's own format to one that an engine can load, by the trainer's own tool."""

from __future__ import annotations

import importlib.util
import shlex
import subprocess
import sys
from pathlib import Path

from olmo_eval.checkpoints.folder import Checkpoint
from olmo_eval.checkpoints.integrity import damage
from olmo_eval.checkpoints.layouts import OTHER
from olmo_eval.errors import OlmoEvalError, UsageError

_FIELDS = ("checkpoint", "output", "step", "python")
_LAST_WORDS = 300


def converter_of(checkpoint: Checkpoint, given: str | None) -> str | None:
    """The command that makes a model of the checkpoint: the one that was ``given``, else that of
    its trainer, where its tool is installed; None where there is none."""
    if given is not None:
        return given
    known = checkpoint.layout.converter
    if known is None or importlib.util.find_spec(known[1].partition(".")[0]) is None:
        return None
    return known[0]


def check_command(command: str) -> None:
    """Raise UsageError where ``command`` cannot be filled in."""
    try:
        words = _words(command, dict.fromkeys(_FIELDS, "x"))
    except (ValueError, KeyError, IndexError) as error:
        raise UsageError(
            f"--convert {command!r}: {error}",
            hint=f"it may name {', '.join(f'{{{name}}}' for name in _FIELDS)}",
        ) from error
    if not words or "{output}" not in command:
        raise UsageError(
            f"--convert {command!r} does not say where the model goes",
            hint="write {output} where its folder belongs, and {checkpoint} for the checkpoint's",
        )


def convert(checkpoint: Checkpoint, command: str, output: Path) -> None:
    """Make the model of ``checkpoint`` in the folder ``output``.

    Raises:
        OlmoEvalError: the command fails, or leaves no whole model.
    """
    step = checkpoint.progress.step
    values = {
        "checkpoint": str(checkpoint.folder),
        "output": str(output),
        "step": "" if step is None else str(step),
        "python": sys.executable,
    }
    try:
        done = subprocess.run(
            _words(command, values), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise OlmoEvalError(
            f"the conversion of {checkpoint.name} cannot be started: {error.strerror}: {command}"
        ) from error
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())[-_LAST_WORDS:]
        raise OlmoEvalError(
            f"the conversion of {checkpoint.name} failed (exit {done.returncode}): {said}"
        )
    wrong = damage(output) or (None if (output / "config.json").is_file() else "no config.json")
    if wrong:
        raise OlmoEvalError(f"the conversion of {checkpoint.name} left no whole model: {wrong}")


def _words(command: str, values: dict[str, str]) -> list[str]:
    return [word.format(**values) for word in shlex.split(command)]


def no_model(checkpoint: Checkpoint) -> str:
    """Why a complete checkpoint cannot be evaluated, and what to do, in words."""
    trainer = "" if checkpoint.layout is OTHER else f" (only {checkpoint.layout.trainer}'s own)"
    return (
        f"{checkpoint.name} is complete but holds no model in Hugging Face's format{trainer}; "
        "--convert COMMAND makes one"
    )
