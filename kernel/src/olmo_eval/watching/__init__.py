"""In the training loop: each checkpoint of a training run evaluated once, by however many
processes."""

from __future__ import annotations
