"""Whether a model that is known by its name or its place alone still answers as it did.

A server may be restarted with other weights under the same name, from the same place. Before a run
goes on with such a model, a few questions that it has answered already are asked again: scored
continuations, else texts generated without sampling. Their answers are compared, and kept nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from attrs import evolve, frozen

from olmo_eval.agents.samples import gather
from olmo_eval.common.types import Identity, LMOutput, LMRequest, SamplingParams
from olmo_eval.errors import (
    NonFiniteError,
    ProviderError,
    RefusedError,
    UnansweredError,
    UsageError,
)
from olmo_eval.harness.runtime import Harness
from olmo_eval.results.answers import Answers, Wanted
from olmo_eval.results.record import request_hash, request_row
from olmo_eval.results.store import Run
from olmo_eval.runner.feed import selected
from olmo_eval.runner.pipeline import sampling
from olmo_eval.runner.plan import Plan

#: instances of a task among which recorded answers are looked for
_LOOKED_AT = 200
#: requests asked again: scored ones say much each, short texts little
_SCORED, _GENERATED = 4, 16
#: characters of recorded text after which enough is known
_CHARACTERS = 400
#: tokens that a text is generated again for
_TOKENS = 64
#: nats a token by which one model's log-probabilities may differ between two requests: batching
#: in half precision moves them by up to 0.055
_NATS = 0.06
#: a text that begins alike for this share is the same model's: batching may turn a later token
_ALIKE = 0.5
#: texts shorter than this must be equal
_SHORT = 40
#: share of the requests that must agree
_AGREEING = 0.9


@frozen
class Probe:
    """How many recorded requests were asked again, and how many answers agreed."""

    asked: int
    agreed: int

    @property
    def same_model(self) -> bool:
        return self.agreed >= self.asked * _AGREEING


@frozen
class _Recorded:
    request: LMRequest
    params: SamplingParams
    outputs: tuple[LMOutput, ...]

    @property
    def scored(self) -> bool:
        return self.request.request_type.scored


async def refuse_other_model(
    harness: Harness, plan: Plan, run: Run, facts: Mapping[str, Any], say: Callable[[str], None]
) -> None:
    """Make sure that ``run`` goes on with the model it was begun with, as far as can be known.

    ``facts`` are those of ``Provider.identify``; ``say`` is told what cannot be known.

    Raises:
        UsageError: the model answers otherwise than the one the run was begun with.
        ProviderError: it does not answer.
    """
    how, name = Identity.of(facts), facts.get("name")
    if how == Identity.SERVICE:
        say(f"{name} is known by its name: a service does not promise the same model again")
    if not how.may_change:
        return
    answers = Answers(lambda: [run])
    if answers.empty:
        return
    found = await probe(harness, plan, answers)
    if not found.asked:
        say(
            f"{name} is known by its {how}; no answer of the run can be asked for again to check it"
        )
    elif not found.same_model:
        raise UsageError(
            f"{name} is not the model that run {run.run_id} was begun with: "
            f"{found.asked - found.agreed} of {found.asked} recorded answers come out otherwise",
            hint="serve that model again, or make another run of this one: --fresh or --name",
        )


async def probe(harness: Harness, plan: Plan, answers: Answers) -> Probe:
    """Ask a few of the recorded ``answers`` to ``plan``'s questions again.

    A ``Probe`` of nothing asked says that no recorded answer can be checked: all were sampled,
    went through a scaffold, or are declined now.

    Raises:
        ProviderError: the model does not answer.
    """
    if harness.scaffold is not None:
        return Probe(0, 0)
    chosen = _chosen(_recorded(harness, plan, answers))
    compared = await gather([partial(_still_answered, harness, one) for one in chosen])
    told = [agrees for agrees in compared if agrees is not None]
    return Probe(len(told), sum(told))


def _recorded(harness: Harness, plan: Plan, answers: Answers) -> Iterator[_Recorded]:
    """The recorded answers among the first instances of each task that can be asked again."""
    for planned in plan.tasks:
        for name, instance in islice(selected(planned.task), _LOOKED_AT):
            task = planned.task
            request = harness.prepare(task.request_for(instance))
            params = sampling(planned, task.get_sampling_params(instance))
            scored = request.request_type.scored
            if not scored and not params.greedy:
                continue
            digest = request_hash(request_row(request), params)
            known = answers.find(Wanted(planned.name, name, instance.question, digest))
            if known is not None and known.outputs:
                yield _Recorded(task.request_for(instance), params, known.outputs)


def _chosen(recorded: Iterable[_Recorded]) -> Sequence[_Recorded]:
    """Those that tell most: scored continuations, else texts, each once, the longest first.

    A text that stands for many answers ("I do not know.") is one that another model gives too.
    """
    scored: list[_Recorded] = []
    texts: dict[str, _Recorded] = {}
    for one in recorded:
        if one.scored:
            scored.append(one)
            if len(scored) == _SCORED:
                return scored
        else:
            texts[one.outputs[0].text] = one
    if scored:
        return scored
    chosen = sorted(texts.values(), key=lambda one: -len(one.outputs[0].text))[:_GENERATED]
    characters = 0
    for number, one in enumerate(chosen, 1):
        characters += len(one.outputs[0].text)
        if number >= _SCORED and characters >= _CHARACTERS:
            return chosen[:number]
    return chosen


async def _still_answered(harness: Harness, one: _Recorded) -> bool | None:
    """Whether ``one`` is answered as it was; None where its request is declined now."""
    try:
        return _agree(one, await _ask(harness, one))
    except NonFiniteError:
        return False  # the recorded answer was finite
    except (RefusedError, UnansweredError):
        return None


async def _ask(harness: Harness, one: _Recorded) -> Sequence[LMOutput]:
    params = evolve(one.params, num_samples=1)
    if params.max_tokens is None or params.max_tokens > _TOKENS:
        params = evolve(params, max_tokens=_TOKENS)
    try:
        return await harness.execute(one.request, params)
    except OSError as error:
        raise ProviderError(f"the model does not answer: {error}") from error


def _agree(one: _Recorded, outputs: Sequence[LMOutput]) -> bool:
    told = {o.metadata.get("system_fingerprint") for o in (one.outputs[0], *outputs[:1])}
    if len(told - {None}) > 1:
        return False
    if one.scored:
        pairs = zip(one.outputs, outputs, strict=False)
        return len(one.outputs) == len(outputs) and all(_near(a, b) for a, b in pairs)
    return bool(outputs) and _alike(_written(one.outputs[0]), outputs[0])


def _near(a: LMOutput, b: LMOutput) -> bool:
    if a.sum_logprob is None or b.sum_logprob is None:
        return a.sum_logprob is b.sum_logprob
    return abs(a.sum_logprob - b.sum_logprob) <= _NATS * max(1, a.num_tokens or 1)


def _written(output: LMOutput) -> str:
    """All that the model wrote, thoughts first."""
    return f"{output.reasoning or ''}{output.text}"


def _alike(before: str, now: LMOutput) -> bool:
    after = _written(now)
    if now.finish_reason == "length":
        before = before[: len(after)]
    if before == after:
        return True
    pairs = enumerate(zip(before, after, strict=False))
    common = next((i for i, (a, b) in pairs if a != b), min(len(before), len(after)))
    return len(before) >= _SHORT and common >= _ALIKE * len(before)
