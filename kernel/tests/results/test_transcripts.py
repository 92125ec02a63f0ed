"""Transcripts: every event as it was recorded, and nothing on a terminal that a model misuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.cli.transcript_page import shortened
from olmo_eval.common.text import visible
from olmo_eval.common.types import (
    CommandEvent,
    ErrorEvent,
    Instance,
    LimitEvent,
    LMOutput,
    LMRequest,
    MessageEvent,
    NoteEvent,
    ReasoningEvent,
    RequestType,
    ToolCall,
    ToolCallEvent,
    ToolResult,
    ToolResultEvent,
    Trajectory,
    Usage,
)
from olmo_eval.results.finalize import write_task
from olmo_eval.results.folder import RunFolder
from olmo_eval.results.record import answer_record, joined, request_row
from olmo_eval.results.store import Run, open_run
from olmo_eval.results.transcripts import Transcript, transcripts

EVENTS = (
    NoteEvent("begun", start=0.0),
    ReasoningEvent("hm", start=0.1, seconds=1.5),
    MessageEvent("assistant", "Let me look.", Usage(12, 5, 4, 0.25), start=0.1, seconds=1.5),
    ToolCallEvent(ToolCall("c1", "look", '{"at": "it"}'), start=1.6),
    CommandEvent(("ls", "-l"), 2, "none", truncated=True, start=1.7, seconds=0.5),
    CommandEvent(("sleep", "9"), None, timed_out=True, start=1.7, seconds=1.0),
    ToolResultEvent(ToolResult("c1", "nothing there", error=True), start=1.6, seconds=2.0),
    MessageEvent("user", "Go on.", start=3.6),
    MessageEvent("grader", "fair", Usage(3, 1), start=3.7, seconds=0.2),
    ErrorEvent("the network is down", start=4.0, seconds=0.5),
    LimitEvent("max_turns", start=4.5),
)


def answer_of(number: int, outputs: list[LMOutput], request: LMRequest) -> dict[str, Any]:
    answer = answer_record(
        Instance(f"question {number}", "done", metadata={"id": f"i{number}"}),
        instance_id=f"i{number}",
        position=number,
        request=request_row(request),
        request_hash="0" * 32,
        outputs=outputs,
        latency=2.5,
    )
    score = {
        "outcome": "scored",
        "error": None,
        "answers": [json.dumps(f"answer {sample}") for sample in range(len(outputs))],
        "evidence": None,
        "scores": {"yes": [float(sample) for sample in range(len(outputs))]},
        "values": {"right:yes": 0.5},
        "weights": {},
    }
    return joined(answer, score)


def made(folder: Path, **tasks: list[dict[str, Any]]) -> Run:
    """A run whose tables hold these rows."""
    folder.mkdir(parents=True)
    entries = []
    for name, rows in tasks.items():
        columns = write_task(folder, name, ["right:yes"], ["yes"], ((row, 1000) for row in rows))
        entry = {"name": name, "primary": "right:yes", "metrics": []}
        entries.append({**entry, "events": columns.events} if columns.events else entry)
    record = {"schema_version": 2, "run_id": folder.name, "model": {"name": "m"}}
    RunFolder(folder).write_json({**record, "status": "complete", "tasks": entries})
    return open_run(str(folder))


CHAT = LMRequest(
    RequestType.CHAT, messages=[{"role": "user", "content": "Look!"}], system_prompt="Be brief."
)
AGENT = LMOutput("Go.", trajectory=Trajectory(EVENTS, "max_turns"), usage=Usage(15, 6, 4, 0.25))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    scored = LMRequest(RequestType.LOGLIKELIHOOD, prompt="Q:", continuations=(" a", " b"))
    likelihoods = [LMOutput(" a", sum_logprob=-1.5), LMOutput(" b", sum_logprob=-0.5)]
    plain = LMRequest(RequestType.COMPLETION, prompt="Two?")
    yield made(
        tmp_path / "results/runs/20260101-000000-m-12345678",
        agent=[answer_of(0, [AGENT, LMOutput("plain", reasoning="why not")], CHAT)],
        plain=[answer_of(n, [LMOutput(f"text {n}", usage=Usage(3, 2))], plain) for n in (1, 2)],
        picked=[answer_of(2, likelihoods, scored)],
    )


def test_every_event_comes_back_typed_with_its_times_and_tokens(run: Run) -> None:
    agent, plain = transcripts(run, "agent")

    assert agent.events == EVENTS
    assert (agent.turns, agent.tool_calls, agent.commands) == (1, 1, 2)
    assert (agent.stop_reason, agent.seconds, agent.usage) == (
        "max_turns",
        4.5,
        Usage(15, 6, 4, 0.25),
    )
    assert [m["role"] for m in agent.messages] == ["system", "user"]
    assert (agent.answer, agent.scores, agent.values) == (
        "answer 0", {"yes": 0.0}, {"right:yes": 0.5}
    )  # fmt: skip
    assert plain.events == (ReasoningEvent("why not"), MessageEvent("assistant", "plain"))
    assert (plain.sample, plain.samples, plain.episode) == (1, 2, False)


def test_the_table_of_turns_has_them_too(run: Run) -> None:
    rows = list(run.turns("agent"))

    assert [row["type"] for row in rows] == [event.type for event in EVENTS]
    assert [row["start"] for row in rows] == [event.start for event in EVENTS]
    assert [row["seconds"] for row in rows] == [event.seconds for event in EVENTS]
    assert rows[2]["prompt_tokens"] == 12 and rows[2]["completion_tokens"] == 5


def test_single_requests_and_scored_continuations_have_transcripts(run: Run) -> None:
    one, _ = transcripts(run, "plain")
    (picked,) = transcripts(run, "picked")

    assert one.messages == ({"role": "user", "content": "Two?"},)
    assert one.events == (MessageEvent("assistant", "text 1", Usage(3, 2), seconds=2.5),)
    assert [(c.context, c.text, c.sum_logprob) for c in picked.continuations] == [
        ("Q:", " a", -1.5),
        ("Q:", " b", -0.5),
    ]
    assert picked.events == ()


# -- the command


@pytest.fixture
def shown(run: Run, bench: Any) -> Any:
    def show(*arguments: object) -> Any:
        return bench.cli("results", "transcript", run.location, *arguments)

    return show


def test_an_agent_s_transcript_reads_from_the_request_to_the_score(shown: Any) -> None:
    printed = shown("i0", "--sample", 0).out

    for line in (
        "agent   i0   sample 0 of 2",
        "[system]",
        "[user]",
        "[reasoning]",
        "[assistant, turn 1]  1.50 s   12 (4 cached) + 5 tokens",
        '-> look {"at": "it"}',
        "[command]  exit 2   0.50 s   output cut",
        "[command]  out of time   1.00 s",
        "[tool look]  failed   2.00 s",
        "  nothing there",
        "[grader]  0.20 s   3 + 1 tokens",
        "[error]  0.50 s",
        "[limit: max_turns]",
        "totals    1 turn   1 tool call   2 commands   4.50 s   15 (4 cached) + 6 tokens   $0.2500",
        "ended by  the limit max_turns",
        "answer    answer 0",
        "gold      done",
        "outcome   scored",
        "score     right:yes 0.5",
    ):
        assert line in printed.splitlines(), line
    assert "\x1b" not in printed  # no colours where it is piped
    assert "$ ls -l" not in printed  # how a tool does it is its own business
    assert "  $ ls -l" in shown("i0", "--sample", 0, "--full").out.splitlines()


def test_the_likeliest_continuation_is_marked(shown: Any) -> None:
    printed = shown("i2", "-t", "picked").out

    assert '  * 1     -0.5000  " b"' in printed and '    0     -1.5000  " a"' in printed


def test_what_is_asked_for_is_checked(shown: Any) -> None:
    assert "did you mean i2 or i1 or i0?" in shown("i7").err
    assert "results instances" in shown("nothing like it").err
    several = shown("i2")
    assert several.code == 2 and "2 tasks of run" in several.err and "-t plain" in several.err
    assert "has 1 sample, counted from 0" in shown("i1", "--sample", 1).err
    which = shown()
    assert which.code == 2 and "such as 'i0' of agent" in which.err
    assert "no task 'agnet'" in shown("i0", "-t", "agnet").err
    assert "belong together" in shown("i0", "--format", "openai").err


def test_as_json_it_is_whole(shown: Any) -> None:
    one, two = shown("i0", "--json").json

    assert [event["type"] for event in one["events"]] == [event.type for event in EVENTS]
    assert one["events"][2]["usage"]["cached_tokens"] == 4
    assert two["text"] == "plain"


def test_a_query_names_the_run(bench: Any) -> None:
    made_here = bench.evaluate("sums", limit=2)
    (first, _) = made_here.rows("sums", columns=["instance_id", "question"])

    query = ("model=mock,latest", first["instance_id"])
    printed = bench.cli("results", "transcript", *query).out

    assert made_here.run_id in printed and "[prompt]" in printed
    assert first["question"] in printed


HOSTILE = (
    "safe\x1b[2Jgone\x9b31m \u202eevil\u2066 z\u200bw\x07\r\n[tool look]\n\x00\ufeff\U000e0041"
)


def test_it_shows_what_scorers_kept(tmp_path: Path, bench: Any) -> None:
    call = {
        "provider": "judge",
        "model": "j-1",
        "scorer": "fair",
        "messages": [{"role": "system", "content": "Grade."}, {"role": "user", "content": "4?"}],
        "thinking": "Hm.",
        "reply": "B: wrong\nbecause",
        "seconds": 0.5,
        "usage": {"prompt_tokens": 7, "completion_tokens": 2},
    }
    failed = {"provider": "judge", "model": "j-1", "messages": [], "error": "it is away"}
    evidence = {
        "judge_calls": [call, failed],
        "fair": {"score": 0.0, "reply": "B: wrong\nbecause", "label": "wrong"},
        "execution": {"exit_code": 1, "status": "failed", "stdout": "", "stderr": "a\n[user]\n"},
        "tests": {"failed": ["one", "two"], "cases": [{"name": "one", "passed": False}]},
    }
    row = answer_of(0, [LMOutput("4")], CHAT)
    row["outputs"][0]["evidence"] = json.dumps(evidence)
    judged = made(tmp_path / "results/runs/judged", kept=[row])

    printed = bench.cli("results", "transcript", judged.location, "i0").out

    assert (
        """
[judge]  j-1 (judge), for fair   0.50 s   7 + 2 tokens
  system:
    Grade.
  user:
    4?
  thought:
    Hm.
  replied:
    B: wrong
    because

[judge]  j-1 (judge), for a task
  no reply: it is away

[evidence]
  fair:
    score: 0
    label: wrong
  execution:
    status: failed
    exit_code: 1
    stderr:
      a
      [user]
  tests:
    failed: one, two (2 entries)
    cases:
      -
        name: one
        passed: no

totals """
        in printed
    )


def test_nothing_that_a_model_writes_moves_the_cursor_or_hides(tmp_path: Path, bench: Any) -> None:
    events = (
        MessageEvent("assistant", HOSTILE),
        ToolCallEvent(ToolCall("c", "look\x1b[1m", HOSTILE)),
        ToolResultEvent(ToolResult("c", HOSTILE)),
        CommandEvent(("echo", HOSTILE), 0, HOSTILE),
        ErrorEvent(HOSTILE),
        LimitEvent(f"odd{HOSTILE}"),
    )
    output = LMOutput(HOSTILE, trajectory=Trajectory(events))
    hostile = made(tmp_path / "results/runs/h", bad=[answer_of(0, [output], CHAT)])

    for more in ([], ["--full"]):
        printed = bench.cli("results", "transcript", hostile.location, "i0", *more).out
        assert printed.isprintable() is False  # it has line feeds, and nothing else of the kind
        assert set(filter(lambda c: not c.isprintable(), printed)) == {"\n"}
        assert "\\x1b[2Jgone\\x9b31m \\u202eevil" in printed and "\\U000e0041" in printed
        # a text that looks like a heading is indented, as headings never are
        heads = [line for line in printed.splitlines() if line.startswith("[tool")]
        assert heads == ["[tool look\\x1b[1m]"]


def test_what_can_be_seen_stays_as_it_is() -> None:
    text = "naïve 漢字 🙂 ½ — “quoted”\n\tindented"
    assert visible(text) == text
    assert visible("a\r\nb\rc") == "a\nb\\x0dc"


def test_long_texts_are_shortened_in_the_middle(shown: Any) -> None:
    text = "\n".join(f"line {n}" for n in range(100))
    short = shortened(text)

    assert short.startswith("line 0\n") and short.endswith("line 99")
    assert "characters left out: --full shows them" in short and len(short) < 700
    assert shortened("brief") == "brief"
    assert len(shortened("x" * 10_000)) < 2_100


def test_a_transcript_is_a_plain_value(run: Run) -> None:
    (picked,) = transcripts(run, "picked")

    assert isinstance(picked, Transcript)
    assert json.loads(json.dumps(picked.to_dict()))["continuations"][0]["text"] == " a"
