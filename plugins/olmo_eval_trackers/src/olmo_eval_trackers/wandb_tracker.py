"""Weights & Biases: a run of its own for each evaluated run, in the group of its training run."""

from __future__ import annotations

import os

import wandb

from olmo_eval_trackers.evaluation import Evaluation

#: what is used where the tool's own variable does not say otherwise
PROJECT = "olmo-eval"
AXIS = "eval/checkpoint_step"
#: characters that the id of a run may have
LONGEST = 64


def log(evaluation: Evaluation) -> None:
    """Log the values, by an axis of their own.

    With ``step=`` the tool drops, with no more than a warning, what comes later than a higher step,
    as evaluations do. Nor is anything logged to the run that ``WANDB_RUN_ID`` names: that is the
    training's, which has one writer, and which the end of another would mark as finished.
    """
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT") or PROJECT,
        group=os.environ.get("WANDB_RUN_GROUP") or evaluation.group,
        id=evaluation.run_id[-LONGEST:],
        name=evaluation.name or evaluation.run_id,
        job_type="eval",
        config=dict(evaluation.facts),
        resume="allow",  # a run that is made to its end after it was incomplete
        reinit="create_new",  # a training script that evaluates keeps its own run
        settings=wandb.Settings(
            console="off",
            quiet=os.environ.get("WANDB_QUIET", "true").lower() not in ("false", "0"),
            login_timeout=30,  # seconds that it asks for a key, where somebody is asked
        ),
    )
    try:
        if evaluation.step is not None:
            run.define_metric(AXIS)
            run.define_metric("eval/*", step_metric=AXIS)
        run.log({**evaluation.values, **evaluation.axis})
    except BaseException:
        run.finish(exit_code=1)
        raise
    run.finish()
