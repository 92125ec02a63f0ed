"""Secrets are planted wherever a run meets them; none may reach a file, the screen or an error."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from olmo_eval.results.redact import Redactor
from olmo_eval.results.store import Run

PLUGIN = Path(__file__).with_name("leaky_plugin.py")

#: where each secret is planted, and the secret
SECRETS = {
    "an environment variable": "env-secret-7d1f0a",
    "provider.kwargs.api_key": "kwarg-secret-91cc2e",
    "an Authorization header": "header-secret-40be77",
    "the password in base_url": "password-5ec2e7-url",
    "the query of base_url": "query-secret-8812ab",
    "a signed URL": "signature-c0ffee-33",
    "a sandbox's environment": "sandbox-secret-66aa",
    "a tool's error": "tool-secret-f00d-11",
    "a scorer's exception": "scorer-secret-be-ef",
    "a judge's setting": "judge-secret-a1b2c3",
    "an auxiliary provider's setting": "auxiliary-secret-9z",
    "a plugin that fails to load": "plugin-secret-d4d4d",
    "an observer that fails": "tracker-secret-e5e5",
}

HARNESS: dict[str, Any] = {
    "provider": {
        "kind": "leaky",
        "model": "leaky",
        "base_url": f"https://me:{SECRETS['the password in base_url']}@models.example.com/v1"
        f"?access_token={SECRETS['the query of base_url']}",
        "max_retries": 0,
        "kwargs": {
            "api_key": SECRETS["provider.kwargs.api_key"],
            "headers": {"Authorization": f"Bearer {SECRETS['an Authorization header']}"},
        },
    },
    "sandboxes": [
        {"mode": "local", "environment": {"DB_PASSWORD": SECRETS["a sandbox's environment"]}}
    ],
    "auxiliary_providers": {
        "judge": {
            "kind": "leaky",
            "model": "j",
            "kwargs": {"secret": SECRETS["an auxiliary provider's setting"]},
        }
    },
    "judges": {"judge": {"kind": "leaky", "kwargs": {"token": SECRETS["a judge's setting"]}}},
}

SCRIPT = """
import json, sys
from olmo_eval import evaluate
for harness, task in json.loads(sys.argv[1]):
    try:
        run = evaluate("leaky", task, harness=harness, plugin=[sys.argv[2]], progress=True)
        print(run.location, run.scores())
    except Exception as error:
        print(f"{type(error).__name__}: {error}", getattr(error, "hint", None), file=sys.stderr)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working folder with data, a harness file, and a plugin that cannot be loaded."""
    questions = ["goes well", "will fail", "cannot score", "goes well too"]
    rows = [{"question": q, "answer": "42"} for q in questions]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "bad.jsonl").write_text(json.dumps({"question": "broken", "answer": ""}) + "\n")
    (tmp_path / "harness.json").write_text(json.dumps(HARNESS))
    (tmp_path / "broken.py").write_text(
        "import os\nraise RuntimeError('no access with ' + os.environ['BROKEN_CREDENTIAL'])\n"
    )
    return tmp_path


def environment(place: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OLMO_EVAL_")}
    return {
        **kept,
        "LEAKY_DATA": str(place / "rows.jsonl"),
        "ACME_API_KEY": SECRETS["an environment variable"],
        "SIGNED": SECRETS["a signed URL"],
        "TOOL_TOKEN": SECRETS["a tool's error"],
        "SCORER_PASSWORD": SECRETS["a scorer's exception"],
        "BROKEN_CREDENTIAL": SECRETS["a plugin that fails to load"],
        "TRACKER_SECRET": SECRETS["an observer that fails"],
    }


def run(place: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=place,
        env=environment(place),
        capture_output=True,
        text=True,
        timeout=120,
    )


def olmo_eval(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(place, "-m", "olmo_eval.cli", *arguments)


def texts(path: Path) -> Iterator[bytes]:
    """Everything a file says: its bytes and, where it is compressed, what is inside."""
    data = path.read_bytes()
    yield data
    if path.suffix == ".parquet":
        yield json.dumps(pq.read_table(path).to_pylist(), default=str).encode()
    if path.suffix == ".gz":
        yield gzip.decompress(data)


def written(place: Path) -> list[tuple[str, bytes]]:
    files = (path for path in (place / "results").rglob("*") if path.is_file())
    return [(path.name, text) for path in files for text in texts(path)]


def leaks(found: list[tuple[str, bytes]]) -> list[str]:
    return sorted(
        {
            f"{what} in {name}"
            for name, text in found
            for what, secret in SECRETS.items()
            if secret.encode() in text
        }
    )


def test_no_secret_is_written_by_evaluate(place: Path) -> None:
    looping = {**HARNESS, "scaffold": "leaky", "tools": ["look_up"]}
    wanted = json.dumps([[HARNESS, "leaky"], [HARNESS, "leaky_judged"], [looping, "leaky"]])

    done = run(place, "-c", SCRIPT, wanted, str(PLUGIN))

    files = written(place)
    assert len([name for name, _ in files if name == "run.json"]) == 3, done.stderr
    assert len([name for name, _ in files if name.endswith(".parquet")]) > 6
    kept = b"".join(text for _, text in files)
    for proof in (b"401 Unauthorized", b"cannot log in", b"the judge refuses", b"look_up failed"):
        assert proof in kept, f"{proof!r} never happened\n{done.stderr}"
    everything = [*files, ("stdout", done.stdout.encode()), ("stderr", done.stderr.encode())]
    assert leaks(everything) == []


COMMANDS = {
    "run": ("run", "-m", "leaky", "-t", "leaky", "--harness-config", "harness.json"),
    "settings on the command line": (
        "run", "-m", "leaky", "-t", "leaky", "--provider", "leaky",
        "-o", f"provider.kwargs.api_key={SECRETS['provider.kwargs.api_key']}",
        "-o", f"provider.base_url=https://me:{SECRETS['the password in base_url']}@x.example.com",
    ),
    "a run that fails": ("run", "-m", "leaky", "-t", "leaky", "-o", "data_source=bad.jsonl",
                         "--harness-config", "harness.json"),
    "with a traceback": ("run", "-m", "leaky", "-t", "leaky", "-o", "data_source=bad.jsonl",
                         "--harness-config", "harness.json", "--debug"),
    "a plan": ("run", "-m", "leaky", "-t", "leaky", "--harness-config", "harness.json",
               "--dry-run", "--json"),
    "a bad setting": ("run", "-m", "leaky", "-t", "leaky", "-o",
                      f"provider.api_key={SECRETS['provider.kwargs.api_key']}"),
    "a check": ("task", "check", "leaky"),
    "a broken plugin": ("tasks", "--plugin", "broken.py"),
    "a broken plugin, with a traceback": ("plugins", "--plugin", "broken.py", "--debug"),
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_no_secret_is_written_by_the_command_line(place: Path, command: str) -> None:
    done = olmo_eval(place, *COMMANDS[command], "--plugin", str(PLUGIN))

    said = [("stdout", done.stdout.encode()), ("stderr", done.stderr.encode())]
    assert leaks([*written(place), *said]) == [], done.stderr
    assert done.stdout or done.stderr


def test_what_is_no_secret_stays(place: Path) -> None:
    olmo_eval(place, *COMMANDS["run"], "--plugin", str(PLUGIN))

    record = json.loads(next((place / "results/runs").glob("*/lock.json")).read_text())

    provider = record["harness"]["provider"]
    assert provider["base_url"].startswith("https://[redacted]@models.example.com/v1")
    assert provider["kwargs"]["api_key"] == "[redacted]"
    assert record["tasks"][0]["config"]["sampling_params"]["max_tokens"] == 512


def redactor(**variables: str) -> Redactor:
    return Redactor(variables)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("override 'provider.kwargs.api_key=abc123xyz'", "provider.kwargs.api_key=[redacted]'"),
        ("headers {'token': 'abc.def-123'}", "{'token': '[redacted]'}"),
        ("sent Authorization: Bearer abc.def-123", "Authorization: Bearer [redacted]"),
        ("https://me:abcdef@host/x?a=1&sig=abc", "https://[redacted]@host/x?a=1&sig=[redacted]"),
        ("key-of-abc-123 was refused", "[redacted] was refused"),
    ],
)
def test_secrets_in_text_are_replaced(text: str, clean: str) -> None:
    found = redactor(ACME_KEY="key-of-abc-123").text(text)

    assert found.endswith(clean)
    assert "abc" not in found


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=512 tokenizer=/models/llama tokens=100000",
        "unexpected token: 'something else'",
        "the monkey=banana, see https://example.com/?page=2&q=keyboard",
        "seed=1234567 stop_sequences=['Question:']",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redactor(MONKEY="bananas-and-more").text(text) == text


def test_a_secret_is_found_in_json_inside_json() -> None:
    secret = 'quo"ted\\back-é'
    inner = json.dumps({"x": secret}, ensure_ascii=False)
    line = json.dumps({"text": secret, "metadata": inner}, ensure_ascii=False).encode()

    clean = json.loads(redactor(A_PASSWORD=secret).line(line))

    assert clean == {"text": "[redacted]", "metadata": '{"x": "[redacted]"}'}


def test_a_signed_url_in_a_journal_line_loses_its_signature_and_nothing_else() -> None:
    line = b'{"error": "GET https://x/y?page=2&X-Amz-Signature=0a1b2c&key=word"}'

    assert redactor().line(line) == (
        b'{"error": "GET https://x/y?page=2&X-Amz-Signature=[redacted]&key=word"}'
    )


def test_the_name_of_the_machine_is_written_nowhere(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "gpu-17.cluster.example.org"
    for function in ("platform.node", "socket.gethostname", "socket.getfqdn"):
        monkeypatch.setattr(function, lambda *_: name)

    run = bench.evaluate("sums")

    files = [path for path in Path("results").rglob("*") if path.is_file()]
    assert len(files) >= 5
    assert [path for path in files if any(name.encode() in text for text in texts(path))] == []
    (key,) = Path("results/runs/.locks").glob("*.key")
    assert key.stat().st_mode & 0o777 == 0o600
    host = run.record["sessions"][0]["host"]
    plain = hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
    assert host != plain and bench.evaluate("pick").record["sessions"][0]["host"] == host
    assert bench.evaluate("sums", results="elsewhere").record["sessions"][0]["host"] != host


@pytest.mark.parametrize("recorded", ["a digest", "a plain name", "another machine"])
def test_a_killed_run_is_told_from_one_on_another_machine(bench: Any, recorded: str) -> None:
    run = bench.evaluate("sums")
    digest = run.record["sessions"][0]["host"]
    host = {"a digest": digest, "a plain name": platform.node()}.get(recorded, "0" * 32)
    running = Run(run.location, {**run.summary, "status": "running", "host": host})

    assert running.status == ("running" if recorded == "another machine" else "killed")


def test_several_processes_make_one_key(tmp_path: Path) -> None:
    (tmp_path / "runs/.locks").mkdir(parents=True)
    code = (
        "import sys; from pathlib import Path; from olmo_eval.results.locking import this_host\n"
        "sys.stdin.readline(); print(this_host(Path('.')))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]  # fmt: skip
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = {process.communicate(timeout=30)[0] for process in started}

    assert len(said) == 1 and len(said.pop().strip()) == 32
    assert [path.name for path in (tmp_path / "runs/.locks").iterdir()] == ["host.key"]
