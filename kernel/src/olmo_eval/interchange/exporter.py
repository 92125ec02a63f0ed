"""Transcripts in the format of another program."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from olmo_eval.interchange.losses import Losses
from olmo_eval.results.transcripts import Transcript


class Exporter:
    """Base of what writes transcripts in another program's format.

    ``layout`` says how many stand together: ``lines``, one JSON object a line of one file, or
    ``files``, one JSON file each.
    """

    layout: ClassVar[Literal["lines", "files"]] = "lines"

    def document(self, transcript: Transcript, losses: Losses) -> dict[str, Any] | None:
        """One transcript as the JSON object of the format; None where the format has no place for
        such a transcript at all. ``losses`` counts what it cannot say.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to write")
