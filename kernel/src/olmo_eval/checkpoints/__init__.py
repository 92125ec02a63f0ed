"""Checkpoints as trainers write them: what they are called, when they are complete, how far they
were trained.

``progress`` reads step and tokens; ``layouts`` is the table of trainers; ``folder`` finds the
checkpoints of a training run.
"""

from __future__ import annotations
