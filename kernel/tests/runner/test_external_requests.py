"""What an external eval asks of the model: recorded, not asked twice, and offered as a server."""

from __future__ import annotations

import json
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import anyio
import pytest

from olmo_eval import plugins
from olmo_eval.common.types import LMOutput, LMRequest, RequestType, SamplingParams
from olmo_eval.evals.external import ExternalEvalResult, ExternalInstance
from olmo_eval.providers.mock import MockProvider
from olmo_eval.registry import Owner
from olmo_eval.results.store import Run, Store

sys.path.insert(0, str(Path(__file__).parent))

from external_evals import register, run

ASKED: list[str] = []


class Counting(MockProvider):
    """The mock, which keeps what it is asked and counts its answers."""

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        ASKED.append(request.prompt)
        return [LMOutput(f"answer {len(ASKED)}", finish_reason="stop")] * params.num_samples


@pytest.fixture(autouse=True)
def counting(bench: Any) -> None:
    ASKED.clear()
    owner = Owner("acme-evals", "1.2", __name__)
    plugins.manager().registry("providers").add("counting", Counting, owner)


def the_run(bench: Any) -> Run:
    (found,) = Store(str(bench.folder / "results")).runs()
    return found


def recorded(bench: Any) -> list[dict[str, Any]]:
    path = Path(the_run(bench).location) / "requests.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def ask(prompt: str, **settings: Any) -> tuple[LMRequest, SamplingParams]:
    return LMRequest(RequestType.COMPLETION, prompt=prompt), SamplingParams(**settings)


def result(*scores: float) -> ExternalEvalResult:
    rows = [ExternalInstance(str(i), score) for i, score in enumerate(scores)]
    return ExternalEvalResult({"accuracy": sum(scores) / len(scores)}, rows)


def test_everything_that_is_asked_is_recorded(bench: Any) -> None:
    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        await context.generate(*ask("What is 2 + 2?", max_tokens=8))
        scored = LMRequest(RequestType.LOGLIKELIHOOD, prompt="1 +", continuations=(" 1",))
        await context.loglikelihood(scored)
        return result(1.0)

    register(execute)

    assert run(bench).code == 0

    first, second = recorded(bench)
    assert first["request"]["prompt"] == "What is 2 + 2?"
    assert first["sampling"]["max_tokens"] == 8
    assert first["outputs"][0]["text"] == "The answer is 42."
    assert (second["sampling"], second["error"]) == (None, None)
    assert second["outputs"][0]["sum_logprob"] < 0
    (session,) = the_run(bench).record["sessions"]
    assert session["requests"]["answered"] == 2
    assert session["requests"]["prompt_tokens"] > 0


def test_an_attempt_after_one_that_failed_asks_only_what_is_new(bench: Any) -> None:
    said: list[list[str]] = []

    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        prompts = ["a", "b", "a"] + ([] if len(said) == 0 else ["c"])
        outputs = [(await context.generate(*ask(prompt)))[0].text for prompt in prompts]
        said.append(outputs)
        if len(said) == 1:
            raise ValueError("not yet")
        return result(1.0)

    register(execute)
    first, second = (run(bench, model="counting:x") for _ in range(2))

    assert (first.code, second.code) == (1, 0), second.err
    assert ASKED == ["a", "b", "a", "c"]
    # each of the two answers to "a" is taken once, as they were given
    assert said[1] == ["answer 1", "answer 2", "answer 3", "answer 4"]
    assert "3 answers of an earlier attempt taken over, 1 new request" in second.err
    assert the_run(bench).record["sessions"][1]["requests"]["reused"] == 3


def test_a_request_that_failed_is_recorded_and_asked_again(bench: Any) -> None:
    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        await context.generate(*ask("a"))
        return result(1.0)

    register(execute)
    faulty = ["-o", "provider.kwargs.faults.fail=1.0"]

    codes = [run(bench, *faulty).code for _ in range(2)]

    assert codes == [1, 1]
    errors = [line["error"] for line in recorded(bench)]
    assert errors == ["ProviderError: the mock was told to fail on this request"] * 2


def test_a_line_that_a_kill_has_torn_is_asked_again(bench: Any) -> None:
    attempts: list[int] = []

    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        attempts.append(1)
        for prompt in ("a", "b"):
            await context.generate(*ask(prompt))
        if len(attempts) == 1:
            raise ValueError("killed")
        return result(1.0)

    register(execute)
    run(bench, model="counting:x")
    path = Path(the_run(bench).location) / "requests.jsonl"
    path.write_bytes(path.read_bytes()[:-20])

    assert run(bench, model="counting:x").code == 0
    assert ASKED == ["a", "b", "b"]
    assert len(recorded(bench)) == 2


def test_no_secret_reaches_the_record_of_requests(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_API_KEY", "acme-secret-31337")

    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        await context.generate(*ask("the key is acme-secret-31337"))
        return result(1.0)

    register(execute)
    run(bench)

    assert recorded(bench)[0]["request"]["prompt"] == "the key is [redacted]"


# -- the model as a server


def post(endpoint: Any, path: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        endpoint.base_url + path,
        json.dumps({"model": endpoint.model, **body}).encode(),
        {"Authorization": f"Bearer {endpoint.api_key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.load(reply)


CHAT = {"messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.engine
def test_a_blocking_program_finds_the_model_at_an_address(bench: Any) -> None:
    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        endpoint = context.endpoint()
        assert context.endpoint() is endpoint
        assert endpoint.base_url.startswith("http://127.0.0.1:")
        assert endpoint.environment()["OPENAI_API_KEY"] == endpoint.api_key
        said = post(endpoint, "/chat/completions", CHAT)["choices"][0]["message"]["content"]
        (self.urls).append(endpoint.base_url)
        return result(float("42" in said))

    urls: list[str] = []
    register(execute, urls=urls)

    assert run(bench).code == 0

    assert the_run(bench).scores()[0].value == 1.0
    assert recorded(bench)[0]["request"]["type"] == "chat"
    with pytest.raises(urllib.error.URLError):  # it ends with the run
        urllib.request.urlopen(f"{urls[0]}/models", timeout=5)


@pytest.mark.engine
def test_an_endpoint_keeps_to_the_concurrency_and_the_prompt_of_the_harness(bench: Any) -> None:
    running, most = 0, 0
    seen: list[str | None] = []

    async def slow(request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        nonlocal running, most
        running, seen[:] = running + 1, [*seen, request.system_prompt]
        most = max(most, running)
        await anyio.sleep(0.02)
        running -= 1
        return [LMOutput("yes")]

    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        context.provider._provider.inner.generate = slow
        endpoint = context.endpoint()
        asking = [
            threading.Thread(target=post, args=(endpoint, "/chat/completions", CHAT))
            for _ in range(12)
        ]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        return result(1.0)

    register(execute)

    done = run(bench, "-o", "max_concurrency=3", "-o", "system_prompt=Be brief.")

    assert done.code == 0, done.err
    assert (len(seen), most) == (12, 3)
    assert set(seen) == {"Be brief."}


@pytest.mark.engine
def test_another_model_of_the_harness_has_an_endpoint_of_its_own(bench: Any) -> None:
    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        judge = context.endpoint("judge")
        said = post(judge, "/chat/completions", CHAT)["choices"][0]["message"]["content"]
        return result(float(said == "I judge."))

    register(execute, requires=("model:judge",))
    judge = [
        "-o", "auxiliary_providers.judge.kind=mock", "-o", "auxiliary_providers.judge.model=j",
        "-o", "auxiliary_providers.judge.kwargs.text=I judge.",
    ]  # fmt: skip

    refused, done = run(bench), run(bench, *judge)

    assert refused.code == 2
    assert "judge" in refused.err
    assert done.code == 0, done.err
    assert the_run(bench).scores()[0].value == 1.0
    (session,) = the_run(bench).record["sessions"]
    assert session["requests"]["auxiliary"]["judge"]["answered"] == 1


def test_without_its_library_the_endpoint_names_the_way_out(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)

    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        return result(float(context.base_url is None))

    register(execute)

    done = run(bench)

    assert done.code == 1
    assert "needs aiohttp, which is not installed" in done.err
    assert "pip install 'olmo-eval[endpoint]'" in done.err
