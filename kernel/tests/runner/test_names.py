"""A name is not a model: what a served model's answers may be used for."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from olmo_eval.providers.fingerprint import identify_model
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.results.store import Store

HTTP_MODEL = Path(__file__).parent.parent / "packs/http_model.py"


@pytest.fixture
def quiet_server(server: Any) -> Iterator[Any]:
    """A server that does not say where its model is from."""
    server.root = None
    server.seconds = 0.0
    yield server


def command(server: Any, *more: object) -> list[object]:
    return [
        "run", "--plugin", HTTP_MODEL, "-m", "http_model:counting", "-t", "sums",
        "-o", f"provider.base_url={server.url}", "--results", "results", *more,
    ]  # fmt: skip


def interrupted(bench: Any, server: Any) -> None:
    """A run of which some answers are kept."""
    server.seconds = 0.05
    process = bench.start(*command(server))
    journal = bench.folder / "results"
    while process.poll() is None and _lines(journal) < 12:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    server.seconds = 0.0


def _lines(folder: Path) -> int:
    return sum(p.read_bytes().count(b"\n") for p in folder.rglob("records.jsonl"))


def test_a_run_does_not_go_on_with_other_weights_under_the_same_name(
    bench: Any, quiet_server: Any
) -> None:
    interrupted(bench, quiet_server)
    quiet_server.right = 2
    refused = bench.cli(*command(quiet_server))

    assert refused.code == 2
    assert "counting is not the model that run" in refused.err
    assert "recorded answers come out otherwise" in refused.err
    assert "--fresh" in refused.err
    quiet_server.right = 1
    resumed = bench.cli(*command(quiet_server))
    assert resumed.code == 0, resumed.err
    (run,) = Store("results").runs()
    assert run.scores()[0].value == 0.5


def test_what_is_declined_now_says_nothing_about_the_model(bench: Any, quiet_server: Any) -> None:
    interrupted(bench, quiet_server)
    quiet_server.declined = set(quiet_server.asked)
    resumed = bench.cli(*command(quiet_server, "--fail-if-missing", "100"))

    assert resumed.code == 0, resumed.err
    assert "no answer of the run can be asked for again" in resumed.err
    (run,) = Store("results").runs()
    assert run.instances("sums").num_rows == 40


def test_answers_are_asked_again_at_once(bench: Any, quiet_server: Any) -> None:
    assert bench.cli(*command(quiet_server)).code == 0
    quiet_server.seconds, quiet_server.most = 0.05, 0
    assert "is complete" in bench.cli(*command(quiet_server)).err
    assert quiet_server.most > 1


def test_a_run_stopped_before_its_first_answer_goes_on_without_a_word(
    bench: Any, quiet_server: Any
) -> None:
    quiet_server.seconds = 60.0
    process = bench.start(*command(quiet_server))
    while process.poll() is None and not quiet_server.asked:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    quiet_server.seconds = 0.0
    resumed = bench.cli(*command(quiet_server))

    assert resumed.code == 0, resumed.err
    assert "known by its name" not in resumed.err


def test_a_complete_run_is_not_shown_as_that_of_another_model(
    bench: Any, quiet_server: Any
) -> None:
    assert bench.cli(*command(quiet_server)).code == 0
    assert "is complete" in bench.cli(*command(quiet_server)).err
    quiet_server.right = 2
    assert bench.cli(*command(quiet_server)).code == 2
    fresh = bench.cli(*command(quiet_server, "--fresh", "--json"))
    assert fresh.json[0]["metrics"][0]["value"] == 0.0
    quiet_server.close()
    shown = bench.cli(*command(quiet_server, "-o", "provider.max_retries=0"))
    assert shown.code == 0, shown.err
    assert "not checked whether http_model:counting is the same model" in shown.err


def test_answers_of_a_name_are_taken_over_only_by_name(bench: Any, quiet_server: Any) -> None:
    assert bench.cli(*command(quiet_server)).code == 0
    quiet_server.asked.clear()
    other = bench.cli(*command(quiet_server, "--name", "other"))
    assert "--reuse-by-name takes them over" in other.err
    assert quiet_server.asked.total() == 40

    quiet_server.asked.clear()
    named = bench.cli(*command(quiet_server, "--name", "third", "--reuse-by-name"))
    assert quiet_server.asked.total() <= 16  # asked again to see whether it is the same model
    assert "40 of 40 answers taken from run" in named.out

    quiet_server.right = 2
    quiet_server.asked.clear()
    changed = bench.cli(*command(quiet_server, "--name", "fourth", "--reuse-by-name"))
    assert "so the server serves another model" in changed.err
    assert quiet_server.asked.total() >= 40


def test_a_command_that_scores_otherwise_asks_its_named_model_nothing_again(
    bench: Any, quiet_server: Any
) -> None:
    assert bench.cli(*command(quiet_server)).code == 0
    quiet_server.asked.clear()
    flexible = ("-o", "metrics=[accuracy:exact_match_flex]")
    again = bench.cli(*command(quiet_server, *flexible))

    assert again.code == 0, again.err
    assert quiet_server.asked.total() <= 16
    assert "40 of 40 answers taken from run" in again.out


def test_a_server_that_says_what_it_serves_is_believed(bench: Any, server: Any) -> None:
    server.seconds = 0.0
    assert bench.cli(*command(server)).code == 0
    server.asked.clear()
    other = bench.cli(*command(server, "--name", "other"))
    assert "40 of 40 answers taken from run" in other.out
    assert server.asked.total() <= 16  # asked again to see whether it is the same model
    server.asked.clear()
    server.root = "/models/retrained"
    assert bench.cli(*command(server)).code == 0
    assert server.asked.total() == 40


def test_other_weights_in_the_same_place_are_another_model(bench: Any, server: Any) -> None:
    interrupted(bench, server)
    server.right = 2
    refused = bench.cli(*command(server))
    assert refused.code == 2
    assert "counting is not the model that run" in refused.err

    server.right = 1
    assert bench.cli(*command(server)).code == 0
    server.right = 2
    assert bench.cli(*command(server)).code == 2
    server.asked.clear()
    other = bench.cli(*command(server, "--name", "other"))
    assert "so the server serves another model" in other.err
    assert server.asked.total() >= 40


def fingerprint(base_url: str, model: str = "counting", **settings: Any) -> str:
    config = ProviderConfig(kind="http_model", model=model, base_url=base_url, **settings)
    return str(identify_model(config)["fingerprint"])


def test_the_port_is_no_part_of_a_name(bench: Any) -> None:
    nobody = "http://127.0.0.1:9"
    assert fingerprint(f"{nobody}/v1") == fingerprint("http://localhost:10/v1")
    assert fingerprint(nobody) != fingerprint("http://[::2]:9/v1")
    assert fingerprint(nobody) != fingerprint(nobody, model="another")


def test_a_served_folder_is_known_by_its_content(bench: Any, server: Any) -> None:
    folder = bench.folder / "checkpoint"
    folder.mkdir()
    (folder / "config.json").write_bytes(orjson.dumps({"layers": 1}))
    server.root = str(folder)
    before = fingerprint(f"{server.url}/v1")
    (folder / "config.json").write_bytes(orjson.dumps({"layers": 2}))

    assert before.startswith("sha256:")
    assert fingerprint(f"{server.url}/v1") != before
    assert fingerprint(f"{server.url}/v1", model="any").startswith("sha256:")


def test_a_relative_place_is_not_looked_for_here(bench: Any, server: Any) -> None:
    (bench.folder / "checkpoint").mkdir()
    (bench.folder / "checkpoint/config.json").write_bytes(orjson.dumps({"layers": 1}))
    server.root = "checkpoint"

    assert fingerprint(f"{server.url}/v1") == "served:counting@checkpoint"


def test_a_provider_that_identifies_its_model_in_no_known_way_is_named(bench: Any) -> None:
    plugin = bench.folder / "guessing.py"
    plugin.write_text(
        "import olmo_eval\n"
        "from olmo_eval.providers.mock import MockProvider\n"
        "class Guessing(MockProvider):\n"
        "    @classmethod\n"
        "    def identify(cls, config):\n"
        "        return {'fingerprint': 'x', 'known_by': 'rumour'}\n"
        "@olmo_eval.hookimpl\n"
        "def register_providers(register):\n"
        "    register('guessing', Guessing)\n"
    )
    done = bench.cli("run", "--plugin", plugin, "-m", "guessing:x", "-t", "sums")

    assert done.code == 1
    assert "provider guessing: identify() says known_by='rumour'" in done.err
    assert "content, place, name or service" in done.err
