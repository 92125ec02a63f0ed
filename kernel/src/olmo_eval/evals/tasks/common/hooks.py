"""Hooks that task packs override, called whatever shape they have.

Packs for the published system hand lists of responses or of outputs to these, return new ones or
change what they were given, and may be coroutines or not. Arguments are passed by the names of the
parameters.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

from attrs import evolve

from olmo_eval.common.types import Instance, LMOutput, LMRequest, Response
from olmo_eval.errors import PluginError, UsageError

if TYPE_CHECKING:
    from olmo_eval.evals.tasks.common.task import Task

#: the instance whose request is being made
asked: ContextVar[Instance | None] = ContextVar("olmo_eval_asked", default=None)

#: how the kernel scores the response that is being scored
Scoring = Callable[[Response], Awaitable[Response]]
scoring: ContextVar[Scoring | None] = ContextVar("olmo_eval_scoring", default=None)

_RESPONSE, _OUTPUT = "response", "output"


def overrides(task: Task, hook: str) -> bool:
    """Whether a task's class says something of its own under the name of a hook."""
    return _overrides(type(task), hook)  # type: ignore[arg-type]  # a class hashes


@cache
def _overrides(cls: type[Task], hook: str) -> bool:
    from olmo_eval.evals.tasks.common.task import Task

    return getattr(cls, hook) is not getattr(Task, hook)


def extract_batch(
    task: Task, instance: Instance, request: LMRequest, outputs: Sequence[LMOutput]
) -> tuple[LMOutput, ...]:
    """``outputs`` with their answers as ``task._extract_answers`` finds them.

    Raises:
        PluginError: it gave something else than as many answers, outputs or responses.
    """
    response = Response(instance.id, instance, request, tuple(outputs))
    known = {"instance": instance, "request": request, "metadata": instance.metadata}
    found = _offer(task, "_extract_answers", response, known)
    if inspect.isawaitable(found):
        if inspect.iscoroutine(found):
            found.close()
        raise UsageError(
            f"task {task.config.name!r}: its _extract_answers is a coroutine",
            hint="write def _extract_answers(self, responses), or await in score_responses",
        )
    if found is None:
        return response.outputs
    if isinstance(found, Response):
        return found.outputs
    answers = list(found)
    if len(answers) == 1 and isinstance(answers[0], Response):
        return answers[0].outputs
    if len(answers) != len(outputs):
        raise PluginError(
            f"_extract_answers of task {task.config.name!r} gave {len(answers)} answers for "
            f"{len(outputs)} outputs"
        )
    pairs = zip(response.outputs, answers, strict=True)
    return tuple(a if isinstance(a, LMOutput) else evolve(o, extracted_answer=a) for o, a in pairs)


async def score_with(task: Task, response: Response, score: Scoring) -> Response:
    """``response`` scored by ``task.score_responses``, whose ``super()`` is ``score``.

    Raises:
        PluginError: it gave something else than the response.
    """
    token = scoring.set(score)
    try:
        found = _offer(task, "score_responses", response, {})
        if inspect.isawaitable(found):
            found = await found
    finally:
        scoring.reset(token)
    if isinstance(found, list | tuple) and len(found) == 1:
        found = found[0]
    if found is None:
        found = response
    if not isinstance(found, Response):
        raise PluginError(
            f"score_responses of task {task.config.name!r} gave {found!r:.60} for one response"
        )
    if type(found.scores) is not dict or not all(
        hasattr(s, "samples") for s in found.scores.values()
    ):
        found = evolve(found, scores=dict(found.scores))
    return found


def _offer(task: Task, hook: str, response: Response, known: dict[str, Any]) -> Any:
    """Call a hook with what its parameters ask for, by their names; others are None."""
    method = getattr(task, hook)
    parameters = [
        p
        for p in inspect.signature(method).parameters.values()
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for number, parameter in enumerate(parameters):
        value = _value(parameter, response, known, first=number == 0)
        if value is _NOTHING:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[parameter.name] = value
        elif len(positional) == number:
            positional.append(value)
        else:
            named[parameter.name] = value
    return method(*positional, **named)


_NOTHING = object()


def _value(
    parameter: inspect.Parameter, response: Response, known: dict[str, Any], *, first: bool
) -> Any:
    name = parameter.name
    if name in known:
        return known[name]
    for word, one, several in (
        (_RESPONSE, response, [response]),
        (_OUTPUT, response.outputs[0] if response.outputs else None, list(response.outputs)),
    ):
        if word in name:
            return several if name.endswith("s") else one
    if first:
        return [response]
    return None if parameter.default is parameter.empty else _NOTHING


def takes_index(cls: type[Task]) -> bool:
    """Whether the class's ``process_doc`` takes the row's position beside the row."""
    known: bool | None = cls.__dict__.get("_process_doc_takes_index")
    if known is None:
        parameters = inspect.signature(cls.process_doc).parameters.values()
        positional = [
            p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        known = len(positional) > 2 or any(p.kind is p.VAR_POSITIONAL for p in parameters)
        cls._process_doc_takes_index = known  # type: ignore[attr-defined]
    return known
