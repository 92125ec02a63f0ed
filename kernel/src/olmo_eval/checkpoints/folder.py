"""The checkpoints of a training run in a folder, as far as each is written."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path

from attrs import define, evolve, field, frozen

from olmo_eval.checkpoints.integrity import damage, files_of
from olmo_eval.checkpoints.layouts import OTHER, Layout, Standing, layout_of
from olmo_eval.checkpoints.progress import Progress, named_progress, training_progress
from olmo_eval.checkpoints.requests import Request, read_requests

#: folders of checkpoints inside the folder of a run
_CONTAINERS = frozenset({"huggingface", "hf", "checkpoints", "ckpts", "ckpt"})
#: folders that trainers write to before they rename them
_DRAFT = re.compile(r"\..*|tmp[-_.].*|.*[-_.]tmp|.*\.orbax-checkpoint-tmp.*|.*-unfinished", re.I)
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "model*.bin", "consolidated*.pth", "*.gguf")

Signature = tuple[tuple[str, int, int], ...]


@frozen
class Checkpoint:
    """A checkpoint: ``name`` relative to the watched folder, where it is, and how it stands.

    ``model`` is the folder inside it (or itself) that an engine can load, None where the weights
    are in the trainer's own format alone. ``reason`` says in words why it stands as it does,
    ``signature`` which files it had then.
    """

    name: str
    folder: Path
    layout: Layout
    standing: Standing
    reason: str
    progress: Progress = field(factory=Progress)
    model: Path | None = None
    signature: Signature = field(default=(), repr=False)

    @property
    def complete(self) -> bool:
        return self.standing is Standing.COMPLETE

    @property
    def key(self) -> str:
        """What stands for the checkpoint in a ledger: its step, however its model is packed."""
        step = self.progress.step
        if step is not None:
            return f"step-{step:012d}"
        return "name-" + re.sub(r"[^\w.=-]", "_", self.name)

    @property
    def title(self) -> str:
        step = self.progress.step
        return self.name if step is None else f"step {step:,}"


@define
class CheckpointFolder:
    """A folder that a trainer writes checkpoints to.

    ``settle``: seconds without a change after which a checkpoint that nothing marks as complete is
    taken for complete. One that is marked must not change for ``confirm`` seconds either: a copy
    may bring the mark before the rest, and a removal may take it last. ``layout`` names the layout
    of all of them, where it is known.
    """

    root: Path
    settle: float = 30.0
    layout: str | None = None
    confirm: float = 1.0
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[Signature, float]] = field(factory=dict)
    _whole: dict[str, tuple[Signature, str | None]] = field(factory=dict)

    def look(self, skip: Container[str] = ()) -> list[Checkpoint]:
        """Every checkpoint, in order of steps; those whose names are in ``skip`` are not looked at.

        Several folders of one step (``step1000``, ``step1000-hf``) are one checkpoint: the one that
        an engine can load.
        """
        requests = {r.folder.resolve(): r for r in read_requests(self.root)}
        found: dict[str, Checkpoint] = {}
        for folder in self._folders(requests):
            name = self._name(folder)
            if name in skip:
                continue
            one = self._examine(name, folder, requests.get(folder.resolve()))
            if one is not None and _better(one, found.get(one.key)):
                found[one.key] = one
        return sorted(found.values(), key=_order)

    def again(self, checkpoint: Checkpoint) -> Checkpoint | None:
        """The checkpoint as it stands now; None where it is gone."""
        request = next(
            (
                r
                for r in read_requests(self.root)
                if r.folder.resolve() == checkpoint.folder.resolve()
            ),
            None,
        )
        return self._examine(checkpoint.name, checkpoint.folder, request)

    def _name(self, folder: Path) -> str:
        try:
            return folder.relative_to(self.root).as_posix()
        except ValueError:
            return str(folder)

    def _folders(self, requests: Mapping[Path, Request]) -> Iterator[Path]:
        """The folders in the watched one, and what was asked for elsewhere: a folder or a file."""
        places, found = [self.root], set()
        while places:
            for folder in _subfolders(places.pop()):
                if folder.name.lower() in _CONTAINERS and folder.parent == self.root:
                    places.append(folder)
                else:
                    found.add(folder.resolve())
                    yield folder
        for place, request in requests.items():
            if place not in found and place.exists():
                yield request.folder

    def _examine(self, name: str, folder: Path, request: Request | None) -> Checkpoint | None:
        layout = layout_of(folder, self.layout)
        model = model_in(folder, layout)
        if layout is OTHER and model is None and request is None:
            return None
        signature = signature_of(folder)
        if not signature:
            return None
        standing, reason = layout.standing(folder)
        if request is not None:
            standing, reason = Standing.COMPLETE, "its trainer says so"
        elif layout is OTHER:
            standing = Standing.SETTLING
        rest = self._rest(name, folder, signature)
        if standing is not Standing.INCOMPLETE:
            need = self.settle if standing is Standing.SETTLING else min(self.confirm, self.settle)
            wrong = self._damage(name, folder, signature)
            if wrong:
                standing, reason = Standing.INCOMPLETE, wrong
            elif rest < need:
                standing, reason = Standing.SETTLING, f"complete when unchanged for {need:g} s"
            else:
                standing = Standing.COMPLETE
        one = Checkpoint(name, folder, layout, standing, reason, model=model, signature=signature)
        if standing is not Standing.COMPLETE:
            return evolve(one, progress=_progress(folder, model, None, read=False))
        return evolve(one, progress=_progress(folder, model, request, read=True))

    def _rest(self, name: str, folder: Path, signature: Signature) -> float:
        """For how many seconds nothing has changed: by this process's own looks, or by the times
        that the file system gives, which nobody can set back."""
        now = self.clock()
        known, since = self._seen.get(name, ((), now))
        if known != signature:
            self._seen[name] = (signature, now)
            since = now
        return max(now - since, time.time() - last_change(folder))

    def _damage(self, name: str, folder: Path, signature: Signature) -> str | None:
        known, wrong = self._whole.get(name, ((), None))
        if known != signature:
            wrong = damage(folder)
            self._whole[name] = (signature, wrong)
        return wrong


def model_in(folder: Path, layout: Layout) -> Path | None:
    """Where in a checkpoint a model lies that an engine can load: config.json and weights."""
    for place in layout.models:
        inside = folder / place
        if (inside / "config.json").is_file() and any(
            next(inside.glob(pattern), None) for pattern in _WEIGHTS
        ):
            return inside
    return None


def signature_of(folder: Path) -> Signature:
    """Name, size and time of every file; () where there are none (any more)."""
    found = []
    for path in files_of(folder):
        try:
            told = os.stat(path)
        except OSError:
            continue
        found.append((str(path.relative_to(folder)), told.st_size, told.st_mtime_ns))
    return tuple(found)


def last_change(folder: Path) -> float:
    """When a file or folder below ``folder`` was last written, added or removed, in seconds since
    1970; the present where that cannot be told."""
    changed = 0.0
    for place, _, names in os.walk(folder):
        for path in (place, *(os.path.join(place, name) for name in names)):
            try:
                told = os.stat(path)
            except OSError:
                return time.time()
            changed = max(changed, told.st_mtime, told.st_ctime)
    return changed or time.time()


def _progress(folder: Path, model: Path | None, request: Request | None, read: bool) -> Progress:
    """Files of a checkpoint that is still being written are not read."""
    said = Progress() if request is None else request.progress
    if not read:
        return said.or_else(named_progress(str(folder)))
    told = said.or_else(training_progress(str(folder)))
    return told if model is None else told.or_else(training_progress(str(model)))


def _better(one: Checkpoint, other: Checkpoint | None) -> bool:
    """Whether ``one`` rather than ``other`` stands for their step."""
    if other is None:
        return True
    return (one.complete and one.model is not None, one.complete) > (
        other.complete and other.model is not None,
        other.complete,
    )


def _order(one: Checkpoint) -> tuple[bool, int, str]:
    step = one.progress.step
    return (step is None, step or 0, one.name)


def _subfolders(place: Path) -> list[Path]:
    try:
        entries = [e for e in os.scandir(place) if e.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    names = sorted(entry.name for entry in entries)
    return [place / name for name in names if not _DRAFT.fullmatch(name)]
