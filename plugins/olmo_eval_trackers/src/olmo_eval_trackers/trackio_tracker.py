"""trackio: a run for each group, with a value at each checkpoint's step."""

from __future__ import annotations

import os

import trackio

from olmo_eval_trackers.evaluation import Evaluation

#: what is used where the tool's own variable does not say otherwise
PROJECT = "olmo-eval"


def log(evaluation: Evaluation) -> None:
    """Log the values to the run of the evaluation's group, in ``TRACKIO_PROJECT``."""
    run = trackio.init(
        os.environ.get("TRACKIO_PROJECT") or PROJECT,
        name=evaluation.track,
        group=evaluation.group,
        config=dict(evaluation.facts),
        resume="allow",
        embed=False,
        auto_log_gpu=False,
        auto_log_cpu=False,
    )
    try:
        run.log({**evaluation.values, **evaluation.axis}, step=evaluation.step)
    finally:
        trackio.finish()
