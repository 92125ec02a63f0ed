"""The provider ``replay``: recorded outputs in place of a model.

``-m replay:RUN`` answers with what a run recorded; ``-m replay:FILE.jsonl`` with the rows of a
file, so that published outputs of any model can be scored here::

    {"instance_id": "17", "outputs": ["... the answer is 42."]}
    {"question": "What is 6 times 7?", "outputs": ["42", "It is 42."]}
    {"task_id": "HumanEval/0", "completion": "    return sorted(numbers)"}

Or a row is one sample, as human-eval's and EvalPlus's files have them: its text is ``completion``
or ``solution``, and rows of one question are its samples, in their order.

Rows match by ``instance_id`` or ``task_id``, else by ``question``, else by the field that
``-o provider.kwargs.match=FIELD`` names, which is looked up in the instance's metadata. What does
not match is counted and named. A recorded request must be the one that is answered: a run is
compared whole, a row of a file by its ``prompt`` or ``messages`` where it has them.

A recorded answer ends at the task's stop sequences, as an engine would end it, and a thought before
it stays whole; ``-o provider.kwargs.stops=false`` leaves texts as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve

from olmo_eval.common.types import (
    Capability,
    Identity,
    Instance,
    LMOutput,
    LMRequest,
    SamplingParams,
)
from olmo_eval.data import DataLoader, DataSource
from olmo_eval.errors import DataError, NonFiniteError, ProviderError, UnansweredError, UsageError
from olmo_eval.providers.fingerprint import file_digest
from olmo_eval.providers.provider import Provider, ProviderConfig, current_instance
from olmo_eval.results.answers import KeptAnswer, RunAnswers
from olmo_eval.results.record import dumps, request_row
from olmo_eval.results.store import Store

_NAMED = 5
#: fields by which a row says whose it is, and what each stands for
_KEYS = {"instance_id": "instance_id", "task_id": "instance_id", "question": "question"}
#: fields that hold the text of the one sample that a row is
_SAMPLE = ("completion", "solution")
#: requests in a row that may be other ones than those recorded before all are
_PATIENCE = 20


def located(config: ProviderConfig, results: str) -> ProviderConfig:
    """``config`` with a recorded run's place in the results folder or URL of this run.

    Raises:
        UsageError: there is no such run, or there are several.
    """
    if _is_file(config.model) or config.model in ("", "replay") or "results" in config.kwargs:
        return config
    return evolve(config, model=Store(results).find(config.model).location)


def _is_file(model: str) -> bool:
    return model.removesuffix(".gz").endswith((".jsonl", ".json", ".csv", ".parquet"))


class ReplayProvider(Provider):
    """Answers each instance with its recorded outputs; asks nothing of any model."""

    capabilities = frozenset(Capability)
    default_concurrency = 16
    wants_instances = True
    reports_usage = False

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self.stopping = "never" if config.kwargs.get("stops") is False else "kernel"
        self._source: _FileOutputs | _RunOutputs | None = None
        self._unmatched: list[str] = []
        self._matched = 0
        self._asked_otherwise: list[str] = []

    @classmethod
    def identify(cls, config: ProviderConfig) -> dict[str, Any]:
        if not config.model or config.model == "replay":
            raise UsageError("replay what?", hint="-m replay:RUN or -m replay:FILE.jsonl")
        if not _is_file(config.model):
            run = Store(_results(config)).find(config.model)
            return _identity(f"replay:{run.run_id}")
        path = Path(config.model)
        if not path.is_file():
            raise UsageError(f"no file of recorded outputs: {config.model}")
        return _identity(f"sha256:{file_digest(path)}")

    async def start(self) -> None:
        if _is_file(self.config.model):
            self._source = _FileOutputs(self.config.model, self.config.kwargs.get("match"))
        else:
            run = Store(_results(self.config)).find(self.config.model)
            self._source = _RunOutputs(RunAnswers(run))

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        outputs = self._outputs(request)
        if len(outputs) < params.num_samples:
            raise UnansweredError(
                f"{len(outputs)} outputs are recorded and the task wants {params.num_samples}: "
                f"-o num_samples={len(outputs)}"
            )
        return list(outputs[: params.num_samples])

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        outputs = self._outputs(request)
        wanted = len(request.continuations) or 1
        if len(outputs) != wanted or any(output.sum_logprob is None for output in outputs):
            raise UnansweredError(f"no log-probabilities of {wanted} continuations are recorded")
        texts = request.continuations or (request.prompt,)
        return [evolve(o, text=o.text or text) for o, text in zip(outputs, texts, strict=True)]

    def _outputs(self, request: LMRequest) -> tuple[LMOutput, ...]:
        instance = current_instance.get()
        if instance is None or self._source is None:
            raise ProviderError("replay answers instances of a run, not single requests")
        found = self._source.find(instance)
        if found is None:
            self._unmatched.append(instance.id)
            raise UnansweredError(f"no recorded output matches the instance {instance.id}")
        difference = _difference(found.request, request_row(request))
        if difference is not None:
            self._refuse(instance.id, difference)
        self._matched += 1
        if not found.outputs:  # a run keeps an instance without outputs where it had none to keep
            raise NonFiniteError("the recorded run has no output for it")
        return found.outputs

    def _refuse(self, instance_id: str, field: str) -> None:
        """An answer to another request is none to this one.

        Raises:
            UsageError: so far every request was another one: the task is asked in another way.
            UnansweredError: this one was.
        """
        self._asked_otherwise.append(instance_id)
        what = f"the instance {instance_id} was recorded with another {field}"
        if self._matched or len(self._asked_otherwise) < _PATIENCE:
            raise UnansweredError(what)
        raise UsageError(
            f"replay: the recorded outputs answer other requests: {what}",
            hint="replay with the task, variants and shots that were recorded",
        )

    def notes(self) -> list[str]:
        notes = []
        if self._unmatched:
            notes.append(f"replay: no recorded output for {_some(self._unmatched)} instances")
        if self._asked_otherwise:
            some = _some(self._asked_otherwise)
            notes.append(f"replay: {some} instances were recorded with another request")
        unused = self._source.unused() if self._source else []
        if unused:
            notes.append(f"replay: {_some(unused)} recorded rows match no instance")
        return notes


def _identity(fingerprint: str) -> dict[str, Any]:
    return {"fingerprint": fingerprint, "known_by": str(Identity.CONTENT), "chat_template": None}


def _results(config: ProviderConfig) -> str:
    import os

    given = config.kwargs.get("results") or os.environ.get("OLMO_EVAL_RESULTS", "results")
    return str(given)


def _some(names: list[str]) -> str:
    more = ", ..." if len(names) > _NAMED else ""
    return f"{len(names):,} ({', '.join(names[:_NAMED])}{more})"


class _RunOutputs:
    """What a run recorded."""

    def __init__(self, recorded: RunAnswers) -> None:
        self._recorded = recorded

    def find(self, instance: Instance) -> KeptAnswer | None:
        return self._recorded.of_question(instance.id, instance.question)

    def unused(self) -> list[str]:
        return []


class _FileOutputs:
    """The rows of a file of outputs."""

    def __init__(self, path: str, match: str | None) -> None:
        self._match = match
        self._rows: dict[str, KeptAnswer] = {}
        self._used: set[str] = set()
        for number, row in enumerate(DataLoader().load(DataSource.parse(path)), 1):
            where = f"{path}: row {number}"
            key = self._row_key(row)
            if key is None:
                raise DataError(
                    f"{where} has none of the fields {match or ', '.join(_KEYS)}",
                    hint="name the field to match with -o provider.kwargs.match=FIELD",
                )
            read = KeptAnswer(_row_outputs(row, where), _row_request(row), None)
            before = self._rows.get(key)
            self._rows[key] = read if before is None else _one_more(before, read, row, key, where)

    def _row_key(self, row: Mapping[str, Any]) -> str | None:
        for field in [self._match] if self._match else _KEYS:
            if row.get(str(field)) is not None:
                return f"{_KEYS.get(str(field), field)}:{row[str(field)]}"
        return None

    def find(self, instance: Instance) -> KeptAnswer | None:
        own: dict[str, Any] = {"instance_id": instance.id, "question": instance.question}
        match = _KEYS.get(str(self._match), self._match)
        if match is not None:
            own = {match: own.get(match, instance.metadata.get(match))}
        for key in (f"{field}:{value}" for field, value in own.items()):
            if key in self._rows:
                self._used.add(key)
                return self._rows[key]
        return None

    def unused(self) -> list[str]:
        return [key.partition(":")[2][:40] for key in self._rows if key not in self._used]


def _one_more(
    before: KeptAnswer, read: KeptAnswer, row: Mapping[str, Any], key: str, where: str
) -> KeptAnswer:
    """A further sample of a question, where a row is one.

    Raises:
        DataError: rows hold all samples of their question, or were recorded for other requests.
    """
    name = key.partition(":")[2]
    if "outputs" in row or "logprobs" in row:
        raise DataError(f"{where} repeats the key {name!r}")
    if before.request != read.request:
        raise DataError(f"{where}: a sample of {name!r} answers another prompt than the one before")
    return evolve(before, outputs=(*before.outputs, *read.outputs))


def _row_request(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row says of its request, in the shape of the schema's ``request`` column."""
    messages = row.get("messages")
    return {
        "prompt": row.get("prompt"),
        "messages": None if messages is None else dumps(messages),
    }


def _difference(recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> str | None:
    """The first field of a recorded request that is not as it is asked now."""
    whole = "type" in recorded
    for field in asked if whole else recorded:
        before, now = recorded.get(field), asked.get(field)
        known = field in recorded and (whole or before is not None)
        if known and before != now and not (field == "tool_choice" and before is None):
            return field.replace("_", " ")
    return None


def _row_outputs(row: Mapping[str, Any], where: str) -> tuple[LMOutput, ...]:
    texts, logprobs = row.get("outputs"), row.get("logprobs")
    if texts is None:
        texts = next((row[name] for name in _SAMPLE if row.get(name) is not None), None)
    if isinstance(texts, str):
        texts = [texts]
    if texts is None and logprobs is None:
        raise DataError(
            f"{where} has no 'outputs'",
            hint='"outputs": ["..."], or one sample a row: "completion": "..."',
        )
    n = len(texts if texts is not None else logprobs or [])
    if not all(isinstance(text, str) for text in texts or ()):
        raise DataError(f"{where}: 'outputs' is not a list of texts")
    if logprobs is not None and (
        len(logprobs) != n or not all(isinstance(p, int | float) for p in logprobs)
    ):
        raise DataError(f"{where}: 'logprobs' is not a list of {n} numbers")
    return tuple(
        LMOutput(
            text=texts[i] if texts is not None else "",
            sum_logprob=float(logprobs[i]) if logprobs is not None else None,
            finish_reason="stop",
        )
        for i in range(n)
    )
