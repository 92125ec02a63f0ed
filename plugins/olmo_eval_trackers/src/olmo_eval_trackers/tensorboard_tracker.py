"""TensorBoard: a folder of event files for each group, with a value at each checkpoint's step."""

from __future__ import annotations

import os
import time

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from olmo_eval_trackers.evaluation import Evaluation, renamed

#: the variable that names the folder, and what is used without it
VARIABLE, FOLDER = "TENSORBOARD_LOGGING_DIR", "tensorboard"


def log(evaluation: Evaluation) -> None:
    """Write one more event file; those of other checkpoints stay as they are."""
    (folder,) = renamed({evaluation.track: 0}, "_-.")
    root = os.environ.get(VARIABLE) or FOLDER
    writer = EventFileWriter(os.path.join(root, folder))
    now, step = time.time(), evaluation.step or 0
    for name, value in {**evaluation.values, **evaluation.axis}.items():
        summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
        writer.add_event(Event(wall_time=now, step=step, summary=summary))
    writer.close()
