"""What a model's fingerprint stands for."""

from __future__ import annotations

from enum import StrEnum


class Identity(StrEnum):
    """How a model is known.

    - ``CONTENT``: by its weights, or by the place that the server which loaded them names;
    - ``NAME``: by a name at a server whose weights may change behind it. Another run does not take
      such answers over, and a resumed run first asks a few recorded questions again;
    - ``SERVICE``: by a name at a service that promises no two equal answers.
    """

    CONTENT = "content"
    NAME = "name"
    SERVICE = "service"
