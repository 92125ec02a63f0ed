"""Do an importer and an exporter keep the kernel's contract? A line each in a plugin's tests::

    from olmo_eval.testing import exporter_contract, importer_contract

    test_import = importer_contract(AcmeLog, "logs/acme", scores={"qa exact:acme": 0.75})
    test_export = exporter_contract(AcmeChat)

``scores`` are those that the log itself reports, by ``task metric:scorer``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import orjson
import pytest

from olmo_eval.common.types import (
    CommandEvent,
    ErrorEvent,
    Event,
    LimitEvent,
    MessageEvent,
    NoteEvent,
    ReasoningEvent,
    ToolCall,
    ToolCallEvent,
    ToolResult,
    ToolResultEvent,
    Usage,
)
from olmo_eval.errors import DataError
from olmo_eval.interchange.exporter import Exporter
from olmo_eval.interchange.importer import Importer
from olmo_eval.interchange.losses import Losses
from olmo_eval.interchange.writing import write_transcripts
from olmo_eval.registry import Owner
from olmo_eval.results.transcripts import ScoredContinuation, Transcript
from olmo_eval.runner.importing import ImportOptions, keep

_OWNER = Owner("importer-under-test", "", "")


def importer_contract(
    importer: type[Importer], log: str | Path, *, scores: Mapping[str, float | None]
) -> Callable[[Path], None]:
    """A test function that imports a log and holds the runs to what is expected of them."""

    def contract(tmp_path: Path) -> None:
        check_importer(importer, Path(log), tmp_path, scores=scores)

    return contract


def check_importer(
    importer: type[Importer], log: Path, folder: Path, *, scores: Mapping[str, float | None]
) -> None:
    """Hold an importer to the contract, with a log of its program; ``folder`` is written to.

    It recognizes the log and nothing else; it makes runs with the scores that the log reports,
    whole tables, and a record of where they came from; reading again gives the same runs; and what
    it cannot read it refuses with a DataError.
    """
    assert importer.recognizes(log), f"{log} is not recognized"
    (folder / "strange.json").write_text('{"hello": 1}')
    (folder / "empty").mkdir()
    for other in (folder / "strange.json", folder / "empty"):
        assert not importer.recognizes(other), f"{other} is recognized, and is no log"
    found: dict[str, float | None] = {}
    options = ImportOptions(str(folder / "results"))
    identities = []
    for _ in range(2):
        again = []
        for imported in importer().read(log):
            kept = keep(imported, "under_test", _OWNER, options, print)
            again.append(kept.run.facts.identity)
            assert not kept.run.missing_tables(), kept.run.missing_tables()
            assert kept.run.record["lock"]["source"]["files"], "no file is named as the source"
            found.update({f"{s.name} {s.metric}:{s.scorer}": s.value for s in kept.run.scores()})
        identities.append(again)
    assert identities[0] and identities[0] == identities[1], "reading again gives other runs"
    assert {k: found.get(k) for k in scores} == pytest.approx(dict(scores)), found
    with pytest.raises(DataError):
        list(importer().read(folder / "strange.json"))


def exporter_contract(exporter: type[Exporter]) -> Callable[[Path], None]:
    """A test function that exports transcripts of every kind."""

    def contract(tmp_path: Path) -> None:
        check_exporter(exporter, tmp_path)

    return contract


def check_exporter(exporter: type[Exporter], folder: Path) -> None:
    """Hold an exporter to the contract; ``folder`` is written to.

    Each document is JSON, the same every time, with the question and the answer in it; and of what
    is not in it, something is counted as lost.
    """
    for events in (EVENTS, EVENTS[:1]):
        one = transcript(events)
        losses = Losses()
        document = exporter().document(one, losses)
        assert document is not None, "a chat with an answer has no place"
        content = orjson.dumps(document)
        assert content == orjson.dumps(exporter().document(one, Losses())), "no two times the same"
        for text in (b"What is 2 + 3?", b"It is 5."):
            assert text in content, f"{text!r} is neither in the document nor lost"
        if b"the network is down" not in content and len(events) > 1:
            assert losses, "events are left out, and nothing is counted as lost"
    several = [transcript(EVENTS), transcript(EVENTS, sample=1), transcript((), scored=True)]
    written = write_transcripts(several, exporter(), folder / "out.d" / "all")
    assert 2 <= written.transcripts <= 3


#: an answer, then one event of every other type
EVENTS: tuple[Event, ...] = (
    MessageEvent("assistant", "It is 5.", Usage(12, 5, 4, 0.01), start=0.5, seconds=1.0),
    NoteEvent("half way", start=1.6),
    ReasoningEvent("Let me add.", start=1.7, seconds=0.5),
    MessageEvent("assistant", "I check.", Usage(20, 6), start=1.7, seconds=0.5),
    ToolCallEvent(ToolCall("c1", "add", '{"a": 2, "b": 3}'), start=2.2),
    ToolCallEvent(ToolCall("c2", "add", "no json"), start=2.2),
    ToolResultEvent(ToolResult("c2", "arguments are no JSON", error=True), start=2.2, seconds=0.1),
    CommandEvent(("echo", "5"), 0, "5\n", start=2.3, seconds=0.1),
    ToolResultEvent(ToolResult("c1", "5"), start=2.3, seconds=0.2),
    MessageEvent("user", "Sure?", start=2.6),
    MessageEvent("grader", "fair", start=2.7),
    ErrorEvent("the network is down", start=2.8),
    LimitEvent("max_turns", start=2.9),
)


def transcript(events: tuple[Event, ...], *, sample: int = 0, scored: bool = False) -> Transcript:
    """A transcript with these events, of a chat that begins with a system prompt and an example."""
    asked = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 1 + 1?"},
        {"role": "assistant", "content": "It is 2."},
        {"role": "user", "content": "What is 2 + 3?"},
    ]
    function = {"name": "add", "description": "Add.", "parameters": {"type": "object"}}
    picked = [ScoredContinuation("What is 2 + 3?", f" {n}", -float(n), 1, n == 4) for n in (4, 5)]
    return Transcript(
        run_id="20260101-000000-m-12345678",
        model="m",
        task="sums",
        instance_id="2/3",
        sample=sample,
        samples=2,
        request_type="loglikelihood" if scored else "chat",
        question="What is 2 + 3?",
        messages=asked,
        tools=[{"type": "function", "function": function}],
        events=events,
        continuations=picked if scored else (),
        episode=len(events) > 1,
        stop_reason="max_turns",
        text="It is 5.",
        finish_reason="stop",
        answer="5",
        gold="5",
        outcome="scored",
        error=None,
        scores={"exact_match": 1.0},
        values={"accuracy:exact_match": 1.0},
        evidence={},
        metadata={"level": 1},
        usage=Usage(32, 11, 4, 0.01),
        seconds=2.9,
        reused=False,
        started="2026-01-01T00:00:00.000Z",
    )
