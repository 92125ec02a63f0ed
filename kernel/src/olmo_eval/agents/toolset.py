"""Toolsets: tools that are made from settings, or that somebody else lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from olmo_eval.agents.tools import Tool


class Toolset:
    """Base of tools that need settings: a search needs its corpus, a client its server.

    It is registered like a tool, and a harness names it with its settings, the arguments of the
    constructor: ``{name: search, corpus: docs.jsonl, limit: 3}``, or ``search:docs.jsonl`` where
    one setting is enough, which ``argument`` names. It is made more than once for a run; what
    takes long is to be kept. ``timeout`` and ``output_limit`` may be given for every toolset, and
    become those of its tools, unless its constructor takes them itself.
    """

    #: the setting that stands after the colon of ``NAME:VALUE``
    argument: ClassVar[str] = ""

    def tools(self) -> Sequence[Tool]:
        """The tools.

        Raises:
            OlmoEvalError: they cannot be had; the run is refused with its message and hint.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say which tools it has")

    def identity(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """What decides the answers of the tools, as JSON values: by default the ``settings``. A
        file belongs here with a digest of its content."""
        return settings
