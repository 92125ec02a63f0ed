"""Requests: what a trainer's callback leaves after it has saved a checkpoint.

A request is a JSON file ``.olmo-eval/requests/NAME.json`` in the watched folder: ``path`` of the
checkpoint (absolute, or relative to the folder), ``step``, ``tokens``. Whoever writes one says that
the checkpoint is complete. ``olmo-eval hook`` writes callbacks that do so.
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from olmo_eval.checkpoints.metadata import read_object
from olmo_eval.checkpoints.progress import Progress

FOLDER = ".olmo-eval/requests"


@frozen
class Request:
    """A checkpoint that its trainer has saved."""

    folder: Path
    progress: Progress


def read_requests(root: Path) -> list[Request]:
    """The requests in the folder of a training run. Files that are not requests do not count."""
    found = []
    for path in sorted((root / FOLDER).glob("*.json")):
        content = read_object(path)
        place, step, tokens = (content.get(key) for key in ("path", "step", "tokens"))
        if isinstance(place, str) and place:
            found.append(
                Request(
                    root / place,
                    Progress(
                        step if isinstance(step, int) else None,
                        tokens if isinstance(tokens, int) else None,
                    ),
                )
            )
    return found
