"""The published names of judges; they live in ``olmo_eval.judges``."""

from olmo_eval.judges import Judge, JudgeConfig, JudgeError, Judgment

__all__ = ["Judge", "JudgeConfig", "JudgeError", "Judgment"]
