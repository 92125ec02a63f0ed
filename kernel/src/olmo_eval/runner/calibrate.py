"""Holding a judge against people: it is asked what they were asked, once or several times."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import anyio
from attrs import evolve, frozen

from olmo_eval import plugins
from olmo_eval.common.convert import to_json
from olmo_eval.common.overrides import Override, apply_overrides
from olmo_eval.common.scorers import AsyncScorer
from olmo_eval.errors import DataError, JudgeError, OlmoEvalError, UsageError
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.judging import with_judge, with_overrides
from olmo_eval.harness.presets import get_harness_preset
from olmo_eval.harness.runtime import Harness
from olmo_eval.judges.calls import JudgeUsage, listening
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.results.redact import Redactor
from olmo_eval.runner.labels import LabelledAnswer
from olmo_eval.runner.lock import digest, harness_lock
from olmo_eval.runner.scoring import describe

#: answers that are judged at the same time, where the judge's provider does not say
_IN_FLIGHT = 16
#: failures in a row after which a judge counts as gone
_PATIENCE = 20


@frozen
class Judgement:
    """What a judge said of one labelled answer, the ``repeat``-th time: a label, where its scorer
    gives one, and a score; or why there is neither. ``calls`` are its requests, as JSON."""

    index: int
    repeat: int
    label: str | None = None
    score: float | None = None
    error: str | None = None
    calls: tuple[Mapping[str, Any], ...] = ()


def judging_harness(
    harness: str | HarnessConfig, judge: str | None, overrides: Sequence[Override]
) -> HarnessConfig:
    """The judges of a harness and nothing else of it; ``judge`` names the model that they ask.

    Raises:
        UsageError: an unknown preset or key, or no judge at all.
    """
    config = get_harness_preset(harness) if isinstance(harness, str) else harness
    config = config if judge is None else with_judge(config, judge)
    config = with_overrides(config, overrides, where="harness")
    if not config.graders and not config.auxiliary_providers:
        raise UsageError("no judge is named", hint="add --judge MODEL, named as for `run -m`")
    return HarnessConfig(
        name=config.name,
        provider=ProviderConfig(kind="mock", model="mock"),
        auxiliary_providers=config.auxiliary_providers,
        judges=config.judges,
        required_secrets=config.required_secrets,
    )


def judged_scorer(name: str, overrides: Sequence[Override]) -> AsyncScorer:
    """The registered scorer ``name`` with these settings.

    Raises:
        UsageError: there is none, it asks no judge, or it has no such setting.
    """
    cls = plugins.manager().registry("scorers").get(name)
    scorer = cls()
    if not isinstance(scorer, AsyncScorer) or not any(
        need.startswith(("judge", "model:")) for need in scorer.requires
    ):
        raise UsageError(
            f"the scorer {name!r} asks no judge", hint="`olmo-eval judge list` names those that do"
        )
    return apply_overrides(scorer, overrides, where=f"scorer {name!r}")


def _refuse_off_scale(rows: Sequence[LabelledAnswer], scorer: AsyncScorer) -> None:
    """Raise the first number among the labels that the scorer cannot give."""
    low, high = scorer.bounds
    for row in rows:
        for label in row.labels:
            if not isinstance(label, float):
                continue
            if (low is not None and label < low) or (high is not None and label > high):
                raise DataError(
                    f"line {row.line}: the label {label:g} is not on the scale of the scorer "
                    f"{scorer.name!r}, from {low} to {high}",
                    hint="label on that scale",
                )


class Calibrating:
    """A judge at work on labelled answers.

    ``save`` is a file that judgements are appended to as they come; those that are in it are not
    asked for again. ``max_cost`` ends the work when the judge has cost more (US dollars);
    ``stopped`` says why the work ended early, where it did.
    """

    def __init__(
        self,
        rows: Sequence[LabelledAnswer],
        config: HarnessConfig,
        scorer: AsyncScorer,
        *,
        repeats: int = 1,
        save: Path | None = None,
        max_cost: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        _refuse_off_scale(rows, scorer)
        reasons = Harness.refusals(config, (), scorer.requires)
        if reasons:
            raise UsageError("; ".join(reasons))
        self.rows, self.repeats = rows, repeats
        self.used = JudgeUsage()
        self.stopped: OlmoEvalError | None = None
        self._config, self._scorer = config, scorer
        self._max_cost = max_cost
        self._save = save
        self._file: TextIO | None = None
        self._redact = Redactor()
        self._redact.learn(to_json(config))
        self._progress = progress or (lambda done, total: None)
        self._found: dict[tuple[int, int], Judgement] = {}
        self._failures = 0
        settings = {"class": f"{type(scorer).__module__}:{type(scorer).__qualname__}"}
        self._asked_with = [harness_lock(config), {**settings, **scorer.to_dict()}, scorer.version]

    async def judge(self) -> list[Judgement]:
        """Every judgement, those that failed with their reason; fewer where the work was stopped.

        Raises:
            DataError: the file of kept judgements is not one. OlmoEvalError: it cannot be written.
        """
        kept = self._kept()
        left: list[tuple[int, int, str]] = []
        for repeat in range(self.repeats):
            for index, row in enumerate(self.rows):
                key = self._key(row, repeat)
                if key in kept:
                    self._found[index, repeat] = evolve(kept[key], index=index, repeat=repeat)
                else:
                    left.append((index, repeat, key))
        with self._saving():
            async with Harness(self._config) as harness:
                await self._ask_all(harness, iter(left))
        return [self._found[place] for place in sorted(self._found)]

    async def _ask_all(self, harness: Harness, left: Iterator[tuple[int, int, str]]) -> None:
        async def work() -> None:
            for index, repeat, key in left:
                if self.stopped is not None:
                    return
                self._take(await self._one(harness, index, repeat), key)

        providers = self._config.auxiliary_providers.values()
        known = [one.max_concurrency for one in providers if one.max_concurrency]
        async with anyio.create_task_group() as group:
            for _ in range(max(known, default=_IN_FLIGHT)):
                group.start_soon(work)

    async def _one(self, harness: Harness, index: int, repeat: int) -> Judgement:
        row, scorer = self.rows[index], self._scorer
        answered = harness.answered((row.output,), row.instance)
        with listening() as calls:
            try:
                async with answered.episode(0, scorer) as episode:
                    score = await scorer.score_async(row.instance, row.output, episode)
                    said = episode.evidence.get(scorer.name)
                label = said.get("label") if isinstance(said, Mapping) else None
                found = Judgement(index, repeat, label or None, float(score))
            except JudgeError as error:
                found = Judgement(index, repeat, error=describe(error))
            except OlmoEvalError:
                raise
            except Exception as error:  # a scorer's own failure is told like a run tells it
                found = Judgement(index, repeat, error=f"{scorer.name}: {describe(error)}")
        return evolve(found, calls=tuple(call.to_dict() for call in calls))

    def _take(self, found: Judgement, key: str) -> None:
        self._found[found.index, found.repeat] = found
        self.used = self.used.plus(JudgeUsage.of(found.calls))
        self._write(found, key)
        self._progress(len(self._found), len(self.rows) * self.repeats)
        self._failures = 0 if found.error is None else self._failures + 1
        cost = self.used.cost_usd or 0.0
        if self._failures >= _PATIENCE:
            self.stopped = JudgeError(f"{_PATIENCE} in a row failed; the last one: {found.error}")
        elif self._max_cost is not None and cost > self._max_cost:
            self.stopped = UsageError(
                f"the judge has cost ${cost:.2f}, more than --max-cost {self._max_cost:g}"
            )

    # -- judgements that are kept

    def _key(self, row: LabelledAnswer, repeat: int) -> str:
        given = [row.instance.question, row.instance.gold_answer, dict(row.instance.metadata)]
        output = [row.output.text, dict(row.output.metadata)]
        return digest([self._asked_with, given, output, repeat])

    def _kept(self) -> dict[str, Judgement]:
        if self._save is None or not self._save.exists():
            return {}
        kept = {}
        for number, line in enumerate(self._save.read_text(encoding="utf-8").splitlines(), 1):
            try:
                row = json.loads(line)
                said = Judgement(0, 0, row["label"], row["score"], None, tuple(row["judge_calls"]))
                kept[str(row["key"])] = said
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"{self._save}: line {number} is no judgement", hint="--save takes a new file"
                ) from error
        return kept

    @contextmanager
    def _saving(self) -> Iterator[None]:
        if self._save is None:
            yield
            return
        try:
            with self._save.open("a", encoding="utf-8") as self._file:
                yield
        except OSError as error:
            raise OlmoEvalError(f"{self._save} cannot be written: {error}") from error
        finally:
            self._file = None

    def _write(self, found: Judgement, key: str) -> None:
        if self._file is None or found.error is not None:
            return
        row = {
            "key": key,
            "id": self.rows[found.index].instance.metadata["id"],
            "repeat": found.repeat,
            "label": found.label,
            "score": found.score,
            "judge_calls": list(found.calls),
        }
        self._file.write(self._redact.text(json.dumps(row, ensure_ascii=False, default=str)) + "\n")
        self._file.flush()
