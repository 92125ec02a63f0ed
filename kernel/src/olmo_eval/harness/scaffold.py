"""The published names of scaffolds; they live in ``olmo_eval.agents.scaffold``."""

from olmo_eval.agents.scaffold import LimitReached, Scaffold, ScaffoldContext

__all__ = ["LimitReached", "Scaffold", "ScaffoldContext"]
