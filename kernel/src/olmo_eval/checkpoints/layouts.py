"""The table of trainers: what they call a checkpoint, and when it is complete.

Sources: OLMo-core ``train/checkpoint.py`` (``dir_is_checkpoint``), Megatron-LM
``dist_checkpointing`` and ``training/checkpointing.py``, NeMo ``NeMoModelCheckpoint``, torchtitan
``components/checkpoint.py``, nanotron ``serialize/main.py``, transformers
``Trainer._save_checkpoint``, verl ``ray_trainer``, Composer ``utils/checkpoint.py``, Orbax
``path/atomicity.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from attrs import field, frozen

from olmo_eval.checkpoints.metadata import read_object
from olmo_eval.checkpoints.progress import named_progress


class Standing(StrEnum):
    """How far the writing of a checkpoint is."""

    COMPLETE = "complete"
    #: complete once nothing has changed for a while: nothing else will say so
    SETTLING = "settling"
    INCOMPLETE = "incomplete"


Mark = Callable[[Path], str | None]
#: where a model in Hugging Face's format may lie inside a checkpoint
_MODELS = ("", "hf", "huggingface", "model", "unsharded")


@frozen
class Layout:
    """How one trainer writes checkpoints.

    - ``pattern``: what its folders are called;
    - ``signs``: files and folders any of which tells that a folder of such a name is this
      trainer's; none where the name tells;
    - ``mark``: what is missing of a complete checkpoint, in words; None where nothing is;
    - ``tracker``: a file beside the checkpoints with the newest complete step: enough, where a
      checkpoint has no mark of its own (``tracked``), or else a condition besides the mark;
    - ``models``: where a model in Hugging Face's format lies, the best place first;
    - ``converter``: the command that makes one where there is none, and the module that it needs.
    """

    name: str
    trainer: str
    pattern: str
    mark: Mark
    signs: tuple[str, ...] = ()
    tracker: str | None = None
    tracked: bool = False
    models: tuple[str, ...] = _MODELS
    converter: tuple[str, str] | None = None
    _compiled: re.Pattern[str] = field(init=False, eq=False, repr=False)

    @_compiled.default
    def _compile(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    def describes(self, folder: Path) -> bool:
        """Whether a folder is a checkpoint of this trainer, complete or not."""
        if not self._compiled.fullmatch(folder.name):
            return False
        return not self.signs or any((folder / sign).exists() for sign in self.signs)

    def standing(self, folder: Path) -> tuple[Standing, str]:
        """How far the writing of ``folder`` is, and why, in words."""
        missing = self.mark(folder)
        reached = self._reached(folder)
        if missing and not (self.tracked and reached):
            return Standing.INCOMPLETE, missing
        if missing or self.tracker is None or self.tracked or reached:
            return Standing.COMPLETE, "complete"
        return Standing.SETTLING, f"{self.tracker} does not name it yet"

    def _reached(self, folder: Path) -> bool:
        """Whether the tracker names this checkpoint or a later one."""
        if self.tracker is None:
            return False
        try:
            said = (folder.parent / self.tracker).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return False
        step = named_progress(f"/{folder.name}").step
        if said.isdigit() and step is not None:
            return int(said) >= step
        return said == folder.name


def _needs(*alternatives: tuple[str, ...]) -> Mark:
    """A mark: all files of one of ``alternatives`` are there."""

    def missing(folder: Path) -> str | None:
        wanting = []
        for names in alternatives:
            absent = [name for name in names if not (folder / name).is_file()]
            if not absent:
                return None
            wanting.append(absent[0])
        return f"no {' or '.join(wanting)} yet"

    return missing


def _unmarked(folder: Path) -> str | None:
    """NeMo: a marker beside the checkpoint while it is written or removed."""
    name = folder.name.removesuffix(".nemo").removesuffix(".ckpt").removesuffix("-EMA")
    marker = folder.with_name(f"{name}-unfinished")
    return f"{marker.name} is there" if marker.exists() else None


def _committed(folder: Path) -> str | None:
    """Orbax renames a finished checkpoint to its place, or commits it with a file where the file
    system cannot rename; a copy is told by the time of its commit."""
    if (folder / "commit_success.txt").is_file():
        return None
    if not (folder / "_CHECKPOINT_METADATA").is_file():
        return "no _CHECKPOINT_METADATA yet"
    told = read_object(folder / "_CHECKPOINT_METADATA")
    committed = told.get("commit_timestamp_nsecs", bool(told))
    return None if committed else "_CHECKPOINT_METADATA has no time of its commit yet"


LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout(
            name="olmo-core",
            trainer="OLMo-core",
            pattern=r"step\d+",
            signs=("train", "model_and_optim", ".metadata.json", ".metadata"),
            mark=_needs(
                ("train/rank0.pt", "model_and_optim/.metadata", ".metadata.json"), (".metadata",)
            ),
        ),
        Layout(
            name="megatron",
            trainer="Megatron-LM, Megatron-Bridge",
            pattern=r"iter_\d+|release",
            mark=_needs(("metadata.json",)),
            tracker="latest_checkpointed_iteration.txt",
            tracked=True,
        ),
        Layout(
            name="nemo",
            trainer="NeMo",
            pattern=r".*step=\d+.*",
            mark=_unmarked,
        ),
        Layout(
            name="torchtitan",
            trainer="torchtitan",
            pattern=r"step-\d+",
            mark=_needs((".metadata",), ("model.safetensors.index.json",)),
        ),
        Layout(
            name="nanotron",
            trainer="nanotron",
            pattern=r"\d+",
            signs=(
                "config.yaml", "model_config.json", "checkpoint_metadata.json", "lr_scheduler",
                "optimizer", "random",
            ),
            mark=_needs(("checkpoint_metadata.json", "model_config.json")),
        ),
        Layout(
            name="hugging-face",
            trainer="Hugging Face Trainer, TRL, Axolotl",
            pattern=r"checkpoint-\d+",
            mark=_needs(("trainer_state.json",)),
        ),
        Layout(
            name="verl",
            trainer="verl",
            pattern=r"global_step_\d+",
            mark=_needs(("data.pt",)),
            tracker="latest_checkpointed_iteration.txt",
            models=("actor/huggingface", "actor/hf", "huggingface", "merged"),
            converter=(
                "{python} -m verl.model_merger merge --backend fsdp --local_dir "
                "{checkpoint}/actor --target_dir {output}",
                "verl.model_merger",
            ),
        ),
        Layout(
            name="composer",
            trainer="Composer, LLM Foundry",
            pattern=r"ep\d+-ba\d+(-rank\d+)?",
            mark=_needs((".metadata",)),
        ),
        Layout(
            name="orbax",
            trainer="Orbax",
            pattern=r"\d+",
            signs=(
                "_CHECKPOINT_METADATA", "commit_success.txt", "_METADATA", "manifest.ocdbt",
                "default", "state", "params",
            ),
            mark=_committed,
        ),
    )
}  # fmt: skip

#: of trainers that are not in the table: complete once nothing changes any more and all is whole
OTHER = Layout(
    name="other",
    trainer="any other",
    pattern=r".*",
    mark=lambda folder: None,
)


def layout_of(folder: Path, named: str | None = None) -> Layout:
    """The layout of a checkpoint's folder; ``named`` says it instead of what the folder shows."""
    if named is not None:
        return OTHER if named == OTHER.name else LAYOUTS[named]
    return next((layout for layout in LAYOUTS.values() if layout.describes(folder)), OTHER)
