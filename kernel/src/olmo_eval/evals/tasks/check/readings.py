"""What reading a task's data shows, so that two readings of it can be held against each other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from attrs import frozen

from olmo_eval.common.types import Instance, LMRequest
from olmo_eval.evals.tasks.common import Task

#: instances that a reading looks at, from the start of the data
COUNT = 200


class NotRead(Exception):
    """A reading could not be made; the message says why."""


@frozen
class Sighting:
    """One instance as one reading shows it: its id, and digests of what else may change."""

    id: str
    question: str
    answer: str
    prompt: str


#: gives the sightings of another reading
Reading = Callable[[], Sequence[Sighting]]


def sightings(task: Task, bare: Task) -> Iterator[Sighting]:
    """The first instances of ``task``; ``bare`` is the same task without few-shot examples."""
    for instance in islice(task.instances, COUNT):
        yield sighting(instance, bare.request_for(instance))


def sighting(instance: Instance, request: LMRequest) -> Sighting:
    return Sighting(
        instance.id,
        digest(instance.question),
        digest(instance.choices, instance.gold_answer, instance.gold_index),
        digest(request.system_prompt, request.prompt, request.messages, request.continuations),
    )


def digest(*values: Any) -> str:
    """16 hexadecimal digits of what the values look like written down."""
    text = "\0".join(map(repr, values)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=8).hexdigest()
