"""What a model's fingerprint stands for."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Identity(StrEnum):
    """How a model is known.

    - ``CONTENT``: by its weights;
    - ``PLACE``: by where its server says it loaded it from, out of reach here. What is there may
      change: before recorded answers are used, a few of their questions are asked again;
    - ``NAME``: by a name at a server whose weights may change behind it. Another run does not take
      such answers over, and a resumed run asks again likewise;
    - ``SERVICE``: by a name at a service that promises no two equal answers.
    """

    CONTENT = "content"
    PLACE = "place"
    NAME = "name"
    SERVICE = "service"

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Identity:
        """How the model of ``facts``, those of ``Provider.identify``, is known.

        Raises:
            ValueError: ``known_by`` is none of these.
        """
        return cls(facts.get("known_by", cls.CONTENT))

    @property
    def may_change(self) -> bool:
        """Whether other weights may answer by now, and asking again shows it."""
        return self in (Identity.PLACE, Identity.NAME)
