"""The published names of scaffolds; they live in ``olmo_eval.agents``."""

from olmo_eval.agents.episode import Episode
from olmo_eval.agents.limits import LimitReached, Limits
from olmo_eval.agents.scaffold import Scaffold

__all__ = ["Episode", "LimitReached", "Limits", "Scaffold"]
