"""MLflow: a run for each group, with a value at each checkpoint's step."""

from __future__ import annotations

import os
import time

import mlflow
from mlflow.entities import Metric, RunTag

from olmo_eval_trackers.evaluation import Evaluation, renamed

#: what is used where the tool's own variables do not say otherwise
EXPERIMENT = "olmo-eval"
#: the tag by which the run of a group is found again
TRACK = "olmo_eval.track"
#: characters of names besides letters and digits, and values a request: the server's limits
ALLOWED, BATCH = "_-./ :", 1000


def log(evaluation: Evaluation) -> None:
    """Log the values to the run of ``MLFLOW_RUN_ID``, or to the group's."""
    client = mlflow.MlflowClient()
    now = int(time.time() * 1000)
    metrics = [
        Metric(name, value, now, evaluation.step or 0)
        for name, value in renamed({**evaluation.values, **evaluation.axis}, ALLOWED).items()
    ]
    given = os.environ.get("MLFLOW_RUN_ID")
    run_id = given or _run_of(client, evaluation)
    for start in range(0, len(metrics), BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + BATCH])
    if not given:
        tags = [RunTag(f"olmo_eval.{key}", value) for key, value in evaluation.facts.items()]
        client.log_batch(run_id, tags=tags)
        client.set_terminated(run_id)


def _run_of(client: mlflow.MlflowClient, evaluation: Evaluation) -> str:
    """The id of the run of the evaluation's track, which is made where there is none."""
    experiment = _experiment(client)
    quoted = evaluation.track.replace("'", "\\'")
    found = client.search_runs([experiment], f"tags.`{TRACK}` = '{quoted}'", max_results=1)
    if found:
        return str(found[0].info.run_id)
    name = evaluation.group or evaluation.name or evaluation.run_id
    made = client.create_run(experiment, tags={TRACK: evaluation.track}, run_name=name)
    return str(made.info.run_id)


def _experiment(client: mlflow.MlflowClient) -> str:
    if given := os.environ.get("MLFLOW_EXPERIMENT_ID"):
        return given
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))
