"""Checks of the scores: right answers get 1, silence 0, wrong answers what guessing gets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from olmo_eval.common.metrics import Metric
from olmo_eval.common.types import Response
from olmo_eval.errors import UsageError
from olmo_eval.evals.tasks.check.answers import Answers
from olmo_eval.evals.tasks.check.report import Finding, error, note, shown, warning
from olmo_eval.evals.tasks.check.subject import Item, Subject, gold_of, neighbours

#: pairs of questions with different answers from which on their mean score says something
_ENOUGH = 5
NO_GOLD = "not checked: the instances have no gold answer; define oracle()"


def check_metrics(subject: Subject) -> Iterator[Finding]:
    """``metrics``: there is a primary one, names are unique, settings make sense."""
    config = subject.task.config
    try:
        config.primary()
        subject.task.scorers()
        for metric in config.metrics:
            metric.check(config.sampling_params)
    except UsageError as problem:
        hint = problem.hint or "set metrics = (AccuracyMetric(scorer=...),), names all different"
        yield error("metrics", problem.message, hint=hint)
        return
    keys = [metric.key for metric in config.metrics]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        yield error("metrics", f"two metrics are called {twice[0]}", hint="give one another name")
    for name, need in Answers(subject).unchecked.items():
        yield note("scores", unchecked_note(name, need))


def unchecked_note(scorer: str, need: str) -> str:
    """What is said of a scorer that cannot run here."""
    return f"not checked: {scorer} needs {need}"


def check_oracle(subject: Subject) -> Iterator[Finding]:
    """``oracle``: a model that knows the answers gets the highest score (or the stated ceiling)."""
    answers = Answers(subject)
    responses = [(item, answers.oracle(item)) for item in subject.items]
    known = [(item, response) for item, response in responses if response is not None]
    if responses and not known:
        yield note("oracle", NO_GOLD)
    for metric in answers.accuracies:
        yield from below_ceiling(answers, metric, known)
    for metric in answers.metrics:
        yield from _out_of_bounds(answers, metric, known, "the right answer")


def below_ceiling(
    answers: Answers, metric: Metric, known: Sequence[tuple[Item, Response]]
) -> Iterator[Finding]:
    """Right answers, ``known``, that ``metric`` gives less than they are worth."""
    top, ceiling = float(metric.bounds[1] or 1.0), answers.task.oracle_ceiling
    scored = [(item, response, answers.value(metric, response)) for item, response in known]
    values = [(i, r, v) for i, r, v in scored if v is not None]
    low = [(i, r, v) for i, r, v in values if v < top - 1e-9]
    if not low:
        return
    mean = sum(v for _, _, v in values) / len(values)
    slack = 3 * math.sqrt(ceiling * (1 - ceiling) / len(values))
    if ceiling < 1 and mean >= top * (ceiling - slack):
        return
    item, response, _ = low[0]
    say = error if answers.is_primary(metric) else warning
    yield say(
        "oracle",
        f"the right answer scores {mean:.3f} on {metric.key}, not {top * ceiling:g}: "
        f"{len(low)} of {len(values)} instances{_heard(item, response)}",
        instance_id=item.name,
        hint="look at extract_answer and the scorer; oracle() says what a right answer looks "
        "like, oracle_ceiling what it can reach",
    )


def _heard(item: Item, response: Response) -> str:
    output = response.outputs[0] if response.outputs else None
    if output is None or response.request.continuations:
        return ""
    if item.instance.gold_answer is None:
        return f": {shown(output.text.strip()[-200:])}"
    written, found = shown(output.text.strip()[-60:]), shown(output.extracted_answer)
    return f", such as {written}, read as {found}, gold {shown(item.instance.gold_answer)}"


def _out_of_bounds(
    answers: Answers, metric: Metric, responses: list[tuple[Item, Response]], who: str
) -> Iterator[Finding]:
    low, high = metric.bounds
    for item, response in responses:
        value = answers.value(metric, response)
        if value is None:
            continue
        outside = (low is not None and value < low - 1e-9) or (
            high is not None and value > high + 1e-9
        )
        if outside or math.isnan(value):
            yield error(
                "metrics",
                f"{who} scores {value} on {metric.key}, outside of its bounds {metric.bounds}",
                instance_id=item.name,
                hint="say the bounds of its scorer or of the metric, or keep its values inside",
            )
            return


def check_empty(subject: Subject) -> Iterator[Finding]:
    """``empty``: an empty answer scores 0."""
    answers = Answers(subject)
    if not subject.generated:
        return
    asked = [item for item in subject.items if gold_of(item.instance).strip()]
    responses = [(item, answers.written(item, "")) for item in asked]
    for metric in answers.accuracies:
        yield from above_floor(answers, metric, responses, "an empty answer")


def above_floor(
    answers: Answers, metric: Metric, responses: Sequence[tuple[Item, Response]], who: str
) -> Iterator[Finding]:
    """Responses that should be worth nothing, and for which ``metric`` gives something."""
    floor = metric.bounds[0] or 0.0
    lucky = [i for i, r in responses if (answers.value(metric, r) or 0.0) > floor + 1e-9]
    if lucky:
        say = error if answers.is_primary(metric) else warning
        yield say(
            "empty",
            f"{who} scores on {metric.key} in {len(lucky)} of {len(responses)} instances",
            instance_id=lucky[0].name,
            hint="look at extract_answer and the scorer: nothing must equal nothing",
        )


def check_shuffled(subject: Subject) -> Iterator[Finding]:
    """``shuffled``: the right answers of other questions score what guessing would."""
    answers = Answers(subject)
    if subject.generated:
        yield from _others_written(subject, answers)
        return
    yield from _wrong_choice(subject, answers)
    yield from _others_places(subject, answers)


def _others_written(subject: Subject, answers: Answers) -> Iterator[Finding]:
    """Pairs of questions with the same answer, or the same letter, are left out: there the other's
    is right."""
    pairs: list[tuple[Item, Response]] = []
    for item, others in neighbours(subject.items, 1):
        own = subject.task.oracle(item.instance)
        for other in others:
            text = subject.task.oracle(other.instance)
            if text is not None and text != own:
                pairs.append((item, answers.written(item, text)))
    golds = {gold_of(item.instance).strip().casefold() for item in subject.items}
    if len(subject.items) >= 20 and len(golds) == 1 and golds != {""}:
        gold = gold_of(subject.items[0].instance)
        yield error(
            "shuffled",
            f"every gold answer is {shown(gold)}: answering the same always scores 1",
            hint="look at process_doc: the gold answer must come from the row",
        )
    if len(pairs) < _ENOUGH:
        return
    for metric in answers.accuracies:
        values = [v for _, r in pairs if (v := answers.value(metric, r)) is not None]
        mean = sum(values) / max(1, len(values))
        if mean > 0.25:
            say = error if mean > 0.5 else warning
            yield say(
                "shuffled",
                f"right answers of other questions score {mean:.3f} on {metric.key}",
                hint="the scorer must tell right from wrong",
            )


def _wrong_choice(subject: Subject, answers: Answers) -> Iterator[Finding]:
    """A model that surely prefers a wrong choice scores 0."""
    asked = [i for i in subject.items if len(i.instance.choices or ()) > 1]
    asked = [i for i in asked if len(subject.request(i).continuations) > 1]
    asked = [i for i in asked if _next_choice(i) != (i.instance.gold_index or 0)]
    responses = [(i, answers.preferring(i, _next_choice(i))) for i in asked]
    for metric in answers.accuracies:
        if not metric.binary:
            continue
        lucky = [i for i, r in responses if (answers.value(metric, r) or 0.0) > 0.0]
        if lucky:
            yield error(
                "shuffled",
                f"a wrong choice scores on {metric.key} in {len(lucky)} of {len(asked)} instances",
                instance_id=lucky[0].name,
                hint="look at the metric and at metadata['gold_idx']",
            )


def _next_choice(item: Item) -> int:
    """The first choice after the right one that is another answer."""
    choices, gold = item.instance.choices or ("",), item.instance.gold_index or 0
    after = [(gold + step) % len(choices) for step in range(1, len(choices))]
    return next((i for i in after if choices[i].strip() != choices[gold].strip()), gold)


def _others_places(subject: Subject, answers: Answers) -> Iterator[Finding]:
    """Taking the place of another question's right choice does not beat guessing by much."""
    items = [i for i in subject.items if len(i.instance.choices or ()) > 1]
    items = [i for i in items if i.instance.gold_index is not None]
    if len(items) < 20:
        return
    same, chance = 0, 0.0
    for position, item in enumerate(items):
        other = items[(position + len(items) // 2) % len(items)]
        n = len(item.instance.choices or (0,))
        same += (other.instance.gold_index or 0) % n == item.instance.gold_index
        chance += 1 / n
    rate, guess = same / len(items), chance / len(items)
    if rate > guess + 0.15 + 3 * math.sqrt(guess * (1 - guess) / len(items)):
        yield warning(
            "shuffled",
            f"the places of other questions' right choices are right in {rate:.0%}, where "
            f"guessing gives {guess:.0%}",
            hint="some place is right too often; shuffle the choices, seeded by the question",
        )


def check_scorers(subject: Subject) -> Iterator[Finding]:
    """``scorers``: the same answer gets the same number every time."""
    answers = Answers(subject)
    makers: list[Callable[[Item], Response | None]] = [answers.oracle]
    if subject.generated:
        makers.append(lambda item: answers.written(item, "The answer is 7."))
    for item in subject.items[:50]:
        for make in makers:
            first, second = make(item), make(item)
            if first is None or second is None:
                continue
            for name, numbers in first.scores.items():
                if repr(numbers) != repr(second.scores[name]):
                    yield error(
                        "scorers",
                        f"{name} gives {shown(numbers)} and then {shown(second.scores[name])} "
                        "for the same answer",
                        instance_id=item.name,
                        hint="a scorer may use the instance and the output alone",
                    )
                    return
