"""Graders that ask a model."""

from olmo_eval.judges.judge import Judge, JudgeConfig, JudgeError, Judgment

__all__ = ["Judge", "JudgeConfig", "JudgeError", "Judgment"]
