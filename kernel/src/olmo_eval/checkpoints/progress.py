"""How far a checkpoint was trained: by its own metadata first, by its name second."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from olmo_eval.checkpoints.metadata import told_progress

_STEP = re.compile(
    r"(?:^|[^a-z])(?:global[_-]?step|step|checkpoint|ckpt|iter|iteration)[_=-]?"
    r"(\d+)(?![\d.]*[kmbt](?![a-z]))",
    re.I,
)
#: Composer counts batches
_BATCHES = re.compile(r"(?:^ep\d+-|^)ba(\d+)(?:-rank\d+)?$")
_NUMBER = re.compile(r"\d+")
_TOKENS = re.compile(r"tokens?[_=-]?(\d+(?:\.\d+)?)([kmbt])?(?![a-z0-9])", re.I)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
#: folders inside a checkpoint that hold its model, and say nothing of its progress
_INNER = frozenset(
    {"hf", "huggingface", "actor", "model", "weights", "unsharded", "model_and_optim"}
)


@frozen
class Progress:
    """Steps of the optimizer and tokens seen; None where nothing says."""

    step: int | None = None
    tokens: int | None = None

    def or_else(self, other: Progress) -> Progress:
        """What ``other`` says, where this says nothing."""
        return Progress(
            other.step if self.step is None else self.step,
            other.tokens if self.tokens is None else self.tokens,
        )


def training_progress(model: str) -> Progress:
    """The progress of the checkpoint that ``model`` names: a folder on this machine, or a name.

    A folder's own metadata counts before its name, and so does that of the checkpoint that the
    folder is the ``hf`` or ``huggingface`` part of.
    """
    told = Progress()
    folder = Path(model).expanduser()
    if folder.is_dir():
        place = folder.resolve()  # `latest` is a link to the checkpoint
        for inside in _outwards(place):
            told = told.or_else(Progress(*told_progress(inside)))
        return told.or_else(named_progress(str(folder))).or_else(named_progress(str(place)))
    return named_progress(model)


def named_progress(name: str) -> Progress:
    """The progress that a name or path says: ``step1000-tokens4B``, ``checkpoint-500``,
    ``iter_0001000``, ``step=1000``, ``ep0-ba1000``, ``runs/1000``, ``global_step_7/actor/hf``."""
    parts = [part for part in name.rstrip("/").split("/") if part]
    inner = next((i for i, p in enumerate(reversed(parts)) if p.lower() not in _INNER), 0)
    parts = parts[: len(parts) - inner]
    if not parts:
        return Progress()
    name = parts[-1]
    steps, batches = _STEP.findall(name), _BATCHES.match(name)
    step = int(steps[-1]) if steps else None
    if batches:
        step = int(batches[1])
    elif len(parts) > 1 and _NUMBER.fullmatch(name):
        step = int(name)
    tokens = _TOKENS.findall(name)
    if not tokens:
        return Progress(step, None)
    number, unit = tokens[-1]
    return Progress(step, int(float(number) * _UNITS[unit.lower()]))


def _outwards(folder: Path) -> Iterator[Path]:
    """The folder, and those that it is the model of."""
    yield folder
    while folder.name.lower() in _INNER:
        folder = folder.parent
        yield folder
