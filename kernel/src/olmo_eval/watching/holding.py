"""Keeping a checkpoint's model until it is evaluated, though its trainer removes it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from attrs import frozen

from olmo_eval.checkpoints.folder import Checkpoint, signature_of
from olmo_eval.errors import OlmoEvalError

How = Literal["none", "hardlink", "copy"]
#: in the watched folder: on the same file system, and hidden from trainers that scan theirs
FOLDER = ".olmo-eval/held"


class VanishedError(Exception):
    """The checkpoint changed or went while it was taken."""


@frozen
class Holder:
    """Where the models of one ledger are held, and how: ``RUN/.olmo-eval/held/LEDGER/KEY/NAME``."""

    root: Path
    ledger: str
    how: How

    def place(self, key: str, name: str) -> Path:
        return self.root / FOLDER / self.ledger / key / name.strip("/").replace("/", "--")

    def held(self, key: str, name: str) -> Path | None:
        """The model of a checkpoint, if it is held."""
        place = self.place(key, name)
        return place if place.is_dir() else None

    def hold(self, checkpoint: Checkpoint) -> Path | None:
        """Hold the model of a complete checkpoint; None where models are not held.

        Raises:
            VanishedError: the checkpoint was removed or rewritten meanwhile. OlmoEvalError: the
                file system refuses.
        """
        model = checkpoint.model
        if self.how == "none" or model is None:
            return None
        copy: Callable[[Any, Any], Any] = os.link if self.how == "hardlink" else shutil.copy2
        before = signature_of(model)

        def fill(draft: Path) -> None:
            try:
                shutil.copytree(model, draft, copy_function=copy, dirs_exist_ok=True)
            except (FileNotFoundError, shutil.Error) as error:
                if not before or signature_of(model) != before:  # gone before or since
                    raise VanishedError from error
                raise OSError(str(error)) from error
            if not before or signature_of(draft) != before:
                raise VanishedError
            if signature_of(checkpoint.folder) != checkpoint.signature:
                raise VanishedError  # its removal may have begun before anything was taken

        return self.put(checkpoint.key, checkpoint.name, fill)

    def put(self, key: str, name: str, fill: Callable[[Path], None]) -> Path:
        """The held folder of a checkpoint, which ``fill`` makes in a draft of it where there is
        none: it appears at once with all files, or not at all.

        Raises:
            OlmoEvalError: the file system refuses. What ``fill`` raises.
        """
        place = self.place(key, name)
        if place.is_dir():
            return place
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(dir=place.parent, prefix=".draft-"))
            try:
                fill(draft)
                draft.chmod(0o755)
                draft.rename(place)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        except OSError as error:
            if place.is_dir():  # another watcher was quicker
                return place
            raise OlmoEvalError(
                f"cannot hold a checkpoint in {place.parent}: {error.strerror or error}",
                hint="--hold copy works where there are no hard links; --hold none keeps nothing",
            ) from error
        return place

    def release(self, key: str) -> None:
        """Remove what is held of a checkpoint, and the folders that are empty then."""
        place = self.root / FOLDER / self.ledger / key
        shutil.rmtree(place, ignore_errors=True)
        for folder in (place.parent, self.root / FOLDER, self.root / ".olmo-eval"):
            try:
                folder.rmdir()
            except OSError:
                return
