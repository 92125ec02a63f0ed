"""The model as a service of OpenAI's protocol: what it is asked, answers and refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from olmo_eval.common.types import (
    Capability,
    LMOutput,
    LMRequest,
    RequestType,
    SamplingParams,
    ToolCall,
    Usage,
)
from olmo_eval.endpoint import Reply, Service
from olmo_eval.errors import ProviderError, RefusedError, TransientError
from olmo_eval.providers.engine_input import EngineInput, InputToken
from olmo_eval.providers.mock import MockProvider
from olmo_eval.providers.provider import ProviderConfig

pytestmark = pytest.mark.anyio

KEY = {"authorization": "Bearer key-1"}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
TOOL = {"type": "function", "function": {"name": "add", "description": "", "parameters": {}}}


class Heard:
    """A model that keeps what it is asked, and answers with ``outputs`` or fails with ``error``."""

    def __init__(self, *outputs: LMOutput, takes_tokens: bool = False) -> None:
        self.capabilities = frozenset(Capability)
        self.takes_tokens = takes_tokens
        self.outputs = list(outputs) or [LMOutput("hello", usage=Usage(3, 2))]
        self.error: Exception | None = None
        self.asked: list[tuple[LMRequest, SamplingParams | None]] = []

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        self.asked.append((request, params))
        if self.error is not None:
            raise self.error
        return self.outputs

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        self.asked.append((request, None))
        return self.outputs

    async def inspect(self, request: LMRequest, params: SamplingParams) -> Any:
        ids = request.prompt_tokens or tuple(map(ord, request.prompt))
        return [EngineInput("", tuple(InputToken(i, chr(i)) for i in ids))]

    @property
    def last(self) -> tuple[LMRequest, Any]:
        return self.asked[-1]


async def post(model: Any, path: str, body: Any, headers: Any = KEY) -> tuple[Reply, Any]:
    service = Service(model, "m", "key-1", aliases=("/models/m",))
    reply = await service.reply("POST", f"/v1{path}", headers, json.dumps(body).encode())
    stream = reply.content_type != "application/json"
    return reply, None if stream else json.loads(reply.body)


# -- what reaches the model


async def test_a_chat_reaches_the_model_with_everything_that_it_says() -> None:
    model = Heard()
    body = {
        "model": "/models/m",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": t} for t in "12"]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}]},
            {"role": "tool", "tool_call_id": "a", "content": "3"},
        ],
        "tools": [TOOL],
        "tool_choice": "required",
        "max_completion_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "n": 2,
        "stop": ["\n", ""],
        "seed": 11,
        "logprobs": True,
        "top_logprobs": 3,
        "user": "somebody",
        "frequency_penalty": 0,
    }  # fmt: skip

    reply, _ = await post(model, "/chat/completions", body)

    assert reply.status == 200
    request, params = model.last
    assert request.request_type is RequestType.CHAT
    assert request.system_prompt == "Be brief."
    assert [m.get("content") for m in request.messages] == ["1\n2", None, "3"]
    assert request.messages[1]["tool_calls"] == [{"id": "a"}]
    assert ([t.name for t in request.tools], request.tool_choice) == (["add"], "required")
    assert params == SamplingParams(
        max_tokens=7, temperature=0.5, top_p=0.9, num_samples=2, stop_sequences=("\n",), seed=11,
        logprobs=3,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "tools", "how"),
    [
        ("none", [], "auto"),
        ("auto", ["add", "mul"], "auto"),
        ({"type": "function", "function": {"name": "mul"}}, ["mul"], "required"),
    ],
)
async def test_a_choice_of_tools_is_what_the_model_may_call(
    choice: Any, tools: list[str], how: str
) -> None:
    model = Heard()
    other = {"type": "function", "function": {"name": "mul", "parameters": {}}}

    await post(model, "/chat/completions", {**CHAT, "tools": [TOOL, other], "tool_choice": choice})

    request, _ = model.last
    assert ([tool.name for tool in request.tools], request.tool_choice) == (tools, how)


async def test_what_is_left_out_is_what_the_protocol_says() -> None:
    model = Heard()

    await post(model, "/chat/completions", CHAT)
    chat = model.last[1]
    await post(model, "/completions", {"model": "m", "prompt": "a"})
    completion = model.last[1]

    assert (chat.max_tokens, chat.temperature, chat.logprobs) == (None, 1.0, None)
    assert (completion.max_tokens, completion.temperature) == (16, 1.0)


async def test_the_same_request_sent_again_without_a_seed_draws_other_samples() -> None:
    model = Heard()
    service = Service(model, "m", "key-1")
    for body in (CHAT, CHAT, {**CHAT, "seed": 5}, {**CHAT, "seed": 5}, {**CHAT, "temperature": 0}):
        await service.reply("POST", "/v1/chat/completions", KEY, json.dumps(body).encode())

    assert [params.seed for _, params in model.asked] == [0, 1, 5, 5, None]


# -- what is answered


async def test_a_chat_is_answered_in_the_shape_of_the_protocol() -> None:
    call = ToolCall("", "add", '{"a": 1}')
    token = {"token": "x", "logprob": -0.5}
    model = Heard(
        LMOutput("", tool_calls=[call], finish_reason="tool_calls", usage=Usage(4, 2)),
        LMOutput("x", logprobs=(token,), finish_reason="max_tokens", usage=Usage(4, 1)),
    )

    _, answer = await post(model, "/chat/completions", {**CHAT, "n": 2, "logprobs": True})

    first, second = answer["choices"]
    assert first["message"]["content"] is None
    made = first["message"]["tool_calls"][0]
    assert made["function"] == {"name": "add", "arguments": '{"a": 1}'}
    assert made["id"].startswith("call_")
    assert first["finish_reason"] == "tool_calls"
    assert second["finish_reason"] == "length"
    assert second["logprobs"]["content"][0]["logprob"] == -0.5
    assert answer["usage"] == {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7}


async def test_a_stream_is_the_answer_in_pieces() -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}

    reply, _ = await post(Heard(), "/chat/completions", {**CHAT, **options})

    lines = reply.body.decode().split("\n\n")
    events = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    assert reply.content_type == "text/event-stream"
    assert lines[-2] == "data: [DONE]"
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": "hello"}
    assert events[1]["choices"][0]["finish_reason"] == "stop"
    assert events[2]["usage"]["total_tokens"] == 5


async def test_several_prompts_are_answered_in_order() -> None:
    mock = MockProvider(ProviderConfig(kind="mock", kwargs={"text": "yes"}))

    _, answer = await post(mock, "/completions", {"model": "m", "prompt": ["a", "b"], "n": 2})

    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]
    assert {choice["text"] for choice in answer["choices"]} == {"yes"}


async def test_an_echo_has_the_prompt_with_its_log_probabilities() -> None:
    def token(text: str, logprob: float, best: tuple[str, float]) -> Any:
        return {
            "token": text,
            "logprob": logprob,
            "top_logprobs": [{"token": best[0], "logprob": best[1]}],
        }

    scored = (token("b", -1.0, ("z", -0.5)), token("c", -0.1, ("c", -0.1)))
    model = Heard(LMOutput("", logprobs=scored), takes_tokens=True)
    body = {"model": "m", "prompt": [97, 98, 99], "max_tokens": 0, "echo": True, "logprobs": 1}

    _, answer = await post(model, "/completions", body)

    ((request, params),) = model.asked
    assert (request.request_type, request.prompt_tokens) == (RequestType.ROLLING, (97, 98, 99))
    assert params is None
    (choice,) = answer["choices"]
    assert choice["text"] == "abc"
    assert choice["logprobs"] == {
        "tokens": ["a", "b", "c"],
        "token_logprobs": [None, -1.0, -0.1],
        "top_logprobs": [None, {"b": -1.0, "z": -0.5}, {"c": -0.1}],
        "text_offset": [0, 1, 2],
    }


async def test_continuations_are_measured_as_every_task_measures_them() -> None:
    model = Heard(LMOutput(" a", sum_logprob=-2.5, num_tokens=1, is_greedy=False))
    body = {"model": "m", "prompt": "1 +", "continuations": [" a"]}

    _, answer = await post(model, "/loglikelihood", body)

    request, _ = model.last
    assert (request.prompt, request.continuations) == ("1 +", (" a",))
    assert answer["results"] == [{"logprob": -2.5, "num_tokens": 1, "is_greedy": False}]


# -- what is refused


async def test_the_models_are_listed() -> None:
    service = Service(Heard(), "m", "key-1")

    reply = await service.reply("GET", "/v1/models", KEY)

    assert [model["id"] for model in json.loads(reply.body)["data"]] == ["m"]


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer other"}, {"authorization": "key-1"}]
)
async def test_nobody_is_answered_without_the_key(headers: dict[str, str]) -> None:
    model = Heard()

    reply, answer = await post(model, "/chat/completions", CHAT, headers)

    assert (reply.status, answer["error"]["code"]) == (401, "invalid_api_key")
    assert model.asked == []


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "another model": ("/chat/completions", {**CHAT, "model": "gpt-x"}, "'gpt-x' is not served"),
    "no messages": ("/chat/completions", {"model": "m"}, "messages is not a list"),
    "an image": (
        "/chat/completions",
        {"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        "messages[0]: a part of type 'image_url' cannot be read",
    ),
    "a misspelt parameter": (
        "/chat/completions", {**CHAT, "temprature": 0}, "unknown parameter 'temprature'",
    ),
    "a penalty": (
        "/chat/completions", {**CHAT, "frequency_penalty": 0.5},
        "'frequency_penalty' cannot be honoured",
    ),
    "JSON mode": (
        "/chat/completions", {**CHAT, "response_format": {"type": "json_object"}},
        "'response_format' cannot be honoured",
    ),
    "a negative limit": ("/chat/completions", {**CHAT, "max_tokens": -1}, "max_tokens is a whole"),
    "a hot temperature": ("/chat/completions", {**CHAT, "temperature": "hot"}, "how to sample"),
    "a tool that is not there": (
        "/chat/completions",
        {**CHAT, "tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "x"}}},
        "tool_choice names no tool",
    ),
    "no prompt": ("/completions", {"model": "m", "prompt": []}, "prompt is neither text nor"),
    "token ids": ("/completions", {"model": "m", "prompt": [1, 2]}, "takes no token ids"),
    "an echo of unknown tokens": (
        "/completions", {"model": "m", "prompt": "a b", "echo": True, "logprobs": 1},
        "does not tell the tokens of a prompt apart",
    ),
    "another route": ("/embeddings", {"model": "m"}, "there is no /v1/embeddings"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
async def test_what_cannot_be_honoured_is_refused_in_the_shape_of_the_protocol(what: str) -> None:
    path, body, said = REFUSED[what]
    model = Heard()

    reply, answer = await post(model, path, body)

    assert 400 <= reply.status < 500
    assert answer["error"]["type"] == "invalid_request_error"
    assert said in answer["error"]["message"]
    assert model.asked == []


async def test_a_model_is_not_asked_for_what_it_cannot_do() -> None:
    model = Heard()
    model.capabilities = frozenset({Capability.GENERATE})

    reply, answer = await post(model, "/chat/completions", CHAT)

    assert (reply.status, model.asked) == (400, [])
    assert "cannot do it: chat" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (TransientError("the server is gone"), 503, "unavailable"),
        (RefusedError("it declines"), 400, "content_filter"),
        (ProviderError("too long", hint="shorten it"), 400, "unanswerable"),
        (ValueError("a bug"), 500, None),
    ],
)
async def test_only_what_may_pass_asks_the_client_to_come_again(
    error: Exception, status: int, code: str | None
) -> None:
    model = Heard()
    model.error = error

    reply, answer = await post(model, "/chat/completions", CHAT)

    assert (reply.status, answer["error"]["code"]) == (status, code)
    assert str(error) in answer["error"]["message"]
