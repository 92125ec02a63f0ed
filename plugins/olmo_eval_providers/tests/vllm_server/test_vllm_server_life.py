"""Servers of our own: started, watched, restarted once, and ended whatever happens.

The server here is a stand-in for vLLM's, started by the same command line, so that dying can be
tried without loading a model.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from olmo_eval.common.types import LMRequest, RequestType, SamplingParams
from olmo_eval.errors import ProviderError, RunFailedError, UsageError
from olmo_eval.providers.devices import visible_gpus
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.extras import importable
from olmo_eval_providers.vllm_server.command import server_arguments
from olmo_eval_providers.vllm_server.pool import gpus_of_instances
from olmo_eval_providers.vllm_server.provider import VLLMServerProvider


def needs_server(test):
    missing = pytest.mark.skipif(not importable("server"), reason="aiohttp is not installed")
    return pytest.mark.engine(missing(test))


STAND_IN = """
import importlib.util, os, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("fake", {conftest!r})
fake = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fake)
arguments = sys.argv[1:]
if "--broken" in arguments:
    sys.exit("ValueError: no such model")
port = int(arguments[arguments.index("--port") + 1])
assert arguments[arguments.index("--host") + 1] == "127.0.0.1"
class Server(fake.FakeOpenAI):
    allow_reuse_port = True
Path({pids!r}, str(os.getpid())).touch()
Server(port, os.environ["VLLM_API_KEY"]).serve_forever()
"""

PROMPT = LMRequest(RequestType.COMPLETION, prompt="2 + 2 =")


@pytest.fixture
def stand_in(tmp_path):
    """(interpreter that starts the stand-in, function that lists the pids of live ones)"""
    conftest = str(Path(__file__).parents[1] / "conftest.py")
    pids = tmp_path / "pids"
    pids.mkdir()
    code = tmp_path / "server.py"
    code.write_text(STAND_IN.format(conftest=conftest, pids=str(pids)))
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {code} "$@"\n')
    python.chmod(0o755)
    yield str(python), lambda: [p for p in map(int, os.listdir(pids)) if alive(p)]
    for pid in [p for p in map(int, os.listdir(pids)) if alive(p)]:
        os.kill(pid, signal.SIGKILL)


def alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def config(python, tmp_path, **kwargs):
    instances = kwargs.pop("num_instances", 1)
    options = {"python": python, "log_dir": str(tmp_path / "logs"), "startup_timeout": 20}
    return ProviderConfig(model="any", num_instances=instances, kwargs={**options, **kwargs})


def run(settings, act):
    async def main():
        provider = VLLMServerProvider(settings)
        try:
            await provider.start()
            return await act(provider)
        finally:
            await provider.close()

    return asyncio.run(main())


def ask(provider, count=1):
    asked = (provider.generate(PROMPT, SamplingParams(max_tokens=5)) for _ in range(count))
    return asyncio.gather(*asked)


@needs_server
def test_servers_start_answer_and_end(stand_in, tmp_path):
    python, living = stand_in

    async def act(provider):
        answers = await ask(provider, 20)
        assert len(living()) == 2
        return answers, provider.describe()

    answers, facts = run(config(python, tmp_path, num_instances=2), act)
    assert len(answers) == 20
    assert facts["instances"] == 2
    assert facts["prompt_logprobs"] == "prompt_logprobs"
    assert living() == []


@needs_server
def test_a_killed_server_is_restarted_once_and_its_requests_asked_again(stand_in, tmp_path):
    python, living = stand_in

    async def act(provider):
        await ask(provider)
        os.kill(living()[0], signal.SIGKILL)
        answers = await ask(provider, 20)
        assert provider.metrics()["restarts"] == 1
        os.kill(living()[0], signal.SIGKILL)
        with pytest.raises(RunFailedError, match="died twice"):
            await ask(provider)
        return answers

    answers = run(config(python, tmp_path), act)
    assert [a[0].text for a in answers] == ["a reply STOP more"] * 20
    assert living() == []


@needs_server
def test_a_server_that_cannot_start_says_why(stand_in, tmp_path):
    python, living = stand_in
    with pytest.raises(ProviderError, match="ValueError: no such model") as error:
        run(config(python, tmp_path, broken=True), ask)
    assert "server-0.log" in error.value.hint
    assert living() == []


@needs_server
def test_kill_9_of_the_run_leaves_no_server(stand_in, tmp_path):
    python, living = stand_in
    code = (
        "import asyncio, os, signal\n"
        "from olmo_eval.providers.provider import ProviderConfig\n"
        "from olmo_eval_providers.vllm_server.provider import VLLMServerProvider\n"
        f"config = ProviderConfig(model='any', kwargs={{'python': {python!r}}})\n"
        "async def main():\n"
        "    await VLLMServerProvider(config).start()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)})
    deadline = time.monotonic() + 10
    while living() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert living() == []


@needs_server
def test_joining_a_server(openai_server):
    settings = ProviderConfig(model="any", base_url=openai_server.base_url)
    request = LMRequest(RequestType.LOGLIKELIHOOD, prompt="The sky is", continuations=(" blue",))

    async def act(provider):
        return await provider.loglikelihood(request), await ask(provider)

    (scored,), (generated,) = run(settings, act)
    assert scored.sum_logprob == pytest.approx(-0.5)
    assert generated[0].text == "a reply STOP more"


@needs_server
def test_a_server_that_takes_few_stop_sequences(openai_server):
    openai_server.most_stops = 4
    stops = ("1", "2", "3", "4", "5", "STOP")

    async def act(provider):
        request = LMRequest(RequestType.CHAT, messages=({"role": "user", "content": "?"},))
        params = SamplingParams(stop_sequences=stops)
        return [
            *await provider.generate(request, params),
            *await provider.generate(request, params),
        ]

    outputs = run(ProviderConfig(model="any", base_url=openai_server.base_url), act)
    assert [(o.text, o.finish_reason) for o in outputs] == [("a reply ", "stop")] * 2
    sent = [body["stop"] for body in openai_server.asked("/v1/chat/completions")]
    assert sent == [[*stops], [*stops[:4]], [*stops[:4]]]  # learnt once


@needs_server
def test_a_prompt_with_bos_gets_no_second_one_from_the_server(openai_server):
    openai_server.abilities |= {"tokenize"}
    request = LMRequest(RequestType.COMPLETION, prompt="<s>2 + 2 =")

    async def act(provider):
        openai_server.requests.clear()
        await provider.generate(request, SamplingParams())
        return await provider.inspect(request, SamplingParams())

    (shown,) = run(ProviderConfig(model="any", base_url=openai_server.base_url), act)
    assert openai_server.asked("/v1/completions")[0]["prompt"] == "2 + 2 ="
    assert [token.text for token in shown.tokens] == ["<s>", *"2 + 2 ="]


@needs_server
def test_joining_a_server_without_log_probabilities(openai_server):
    openai_server.abilities = set()
    request = LMRequest(RequestType.LOGLIKELIHOOD, prompt="The sky is", continuations=(" blue",))
    settings = ProviderConfig(model="any", base_url=openai_server.base_url)
    with pytest.raises(UsageError, match="does not return log-probabilities"):
        run(settings, lambda p: p.loglikelihood(request))


@needs_server
def test_a_model_that_the_server_does_not_have_is_named(openai_server):
    settings = ProviderConfig(model="other/model", base_url=openai_server.base_url)
    with pytest.raises(ProviderError, match="serves any, not other/model"):
        run(settings, ask)


def test_server_options_become_flags():
    settings = ProviderConfig(model="m", dtype="float32", max_model_len=64)
    extra = {"tensor_parallel_size": 2, "enable_x": True, "use_y": False, "conf": {"a": 1}}
    line = " ".join(server_arguments(settings, extra))
    assert "--model m --dtype float32 --max-model-len 64 --enable-prefix-caching" in line
    assert "--tensor-parallel-size 2 --enable-x --no-use-y --conf" in line
    assert "trust" not in line


def test_options_of_an_own_server_are_refused_for_one_that_runs():
    with pytest.raises(UsageError, match="base_url joins one that is running"):
        VLLMServerProvider(
            ProviderConfig(model="m", base_url="http://x/v1", kwargs={"max_num_seqs": 2})
        )


def test_a_key_that_is_not_there_is_refused_before_the_run():
    settings = ProviderConfig(model="m", base_url="http://x/v1", kwargs={"api_key_env": "NO_KEY"})
    with pytest.raises(UsageError, match="api_key_env names the variable NO_KEY, which is not set"):
        VLLMServerProvider.refusals(settings, [])


def test_gpus_are_shared_out_within_the_mask(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    parts = gpus_of_instances(visible_gpus(), 2, 2)
    assert [p["CUDA_VISIBLE_DEVICES"] for p in parts] == ["4,5", "6,7"]
    with pytest.raises(ProviderError, match="need 6"):
        gpus_of_instances(visible_gpus(), 3, 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus_of_instances(visible_gpus(), 2, 1) == [{}, {}]
