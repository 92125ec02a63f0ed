"""Whatever a service sends: outputs of the right types, or an error that says it was malformed."""

from __future__ import annotations

import asyncio
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from olmo_eval.common.types import LMOutput, LMRequest, RequestType, Usage
from olmo_eval.errors import OlmoEvalError, TransientError
from olmo_eval_providers.openai_api.answer import outputs
from olmo_eval_providers.openai_api.client import OpenAIClient
from olmo_eval_providers.openai_api.loglikelihood import ServerLoglikelihood
from olmo_eval_providers.openai_api.prompt_logprobs import (
    PromptLogprobForm,
    PromptLogprobSupport,
)

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats()
    | st.text(max_size=4)
    | st.just([])
    | st.just({})
    | st.just([{"type": "text", "text": "parts"}])
)
logprobs = (
    leaves
    | st.fixed_dictionaries({"content": st.lists(st.fixed_dictionaries(
        {"token": leaves, "logprob": leaves}), max_size=2)})
    | st.fixed_dictionaries({"tokens": st.lists(leaves, max_size=2),
                             "token_logprobs": st.lists(leaves, max_size=2)})
)  # fmt: skip
calls = leaves | st.lists(
    leaves
    | st.fixed_dictionaries(
        {"id": leaves, "function": leaves | st.fixed_dictionaries({"name": leaves,
                                                                   "arguments": leaves})}
    ),
    max_size=2,
)  # fmt: skip
messages = leaves | st.fixed_dictionaries(
    {"content": leaves},
    optional={"tool_calls": calls, "reasoning_content": leaves, "refusal": leaves},
)
choices = leaves | st.fixed_dictionaries(
    {},
    optional={"index": leaves, "text": leaves, "message": messages, "finish_reason": leaves,
              "logprobs": logprobs},
)  # fmt: skip
counts = leaves | st.fixed_dictionaries(
    {},
    optional={"prompt_tokens": leaves, "completion_tokens": leaves,
              "prompt_tokens_details": leaves | st.fixed_dictionaries({"cached_tokens": leaves})},
)  # fmt: skip
answers = leaves | st.fixed_dictionaries(
    {},
    optional={"choices": leaves | st.lists(choices, max_size=3), "usage": counts,
              "system_fingerprint": leaves},
)  # fmt: skip


def assert_typed(output: LMOutput) -> None:
    assert isinstance(output.text, str)
    assert output.reasoning is None or isinstance(output.reasoning, str)
    assert output.finish_reason is None or isinstance(output.finish_reason, str)
    assert output.sum_logprob is None or isinstance(output.sum_logprob, float)
    for token in output.logprobs or ():
        assert isinstance(token["token"], str) and isinstance(token["logprob"], float)
        assert not token["logprob"] > 0
    for call in output.tool_calls:
        assert all(isinstance(part, str) for part in (call.id, call.name, call.arguments))
    use = output.usage or Usage()
    for count in (use.prompt_tokens, use.completion_tokens, use.cached_tokens):
        assert type(count) is int and count >= 0


@settings(max_examples=400)
@given(answers, st.sampled_from([(), ("x",)]))
def test_an_answer_is_typed_or_malformed(answer, stops):
    try:
        found = outputs(answer, stops=stops)
    except TransientError as error:
        assert error.message
    else:
        for output in found:
            assert_typed(output)


class Told(OpenAIClient):
    """A client whose server sends what it is told."""

    def __init__(self, answer):
        self.base_url, self.answer = "http://there/v1", answer

    async def post(self, path, body):
        asked = body["prompt"]
        prompts = asked if isinstance(asked, list) else [asked]
        return self.answer(prompts)


def scores(answer, form=PromptLogprobForm.ECHO):
    request = LMRequest(RequestType.LOGLIKELIHOOD, prompt="a b", continuations=(" c",))
    ask = ServerLoglikelihood(Told(answer), "m", PromptLogprobSupport(form, batches=True))
    return asyncio.run(ask(request))


def echoed(values, texts=None):
    """Every prompt with these log-probabilities; by default a token a word."""

    def answer(prompts):
        made = []
        for n, prompt in enumerate(prompts):
            words = [" " * bool(i) + word for i, word in enumerate(prompt.split())]
            tokens = words if texts is None else texts[: len(words)]
            made.append(
                {
                    "index": n,
                    "logprobs": {"tokens": tokens, "token_logprobs": values[: len(tokens)]},
                }
            )
        return {"choices": made}  # fmt: skip

    return answer


def test_a_sound_answer_is_scored():
    (output,) = scores(echoed([None, -1.0, -0.5]))
    assert output.sum_logprob == -0.5 and output.num_tokens == 1


@pytest.mark.parametrize(
    "answer",
    [
        echoed([None, -1.0, 0.5]),
        echoed([None, -1.0, "low"]),
        echoed([None, -1.0, [-0.5]]),
        echoed([None, -1.0, True]),
        echoed([None, -1.0]),
        echoed([None, -1.0, -0.5], ["a", " b", " x"]),
        lambda prompts: {"choices": [{"index": 0, "logprobs": {
            "tokens": ["a"], "token_logprobs": [None]}}] * len(prompts)},
        lambda prompts: {"choices": [{"index": 0, "logprobs": {}}] * len(prompts)},
        lambda prompts: {"choices": [3] * len(prompts)},
        lambda prompts: {"choices": [{"index": 0}]},
        lambda prompts: [],
    ],
    ids=["positive", "text", "list", "boolean", "too few", "other text", "cut", "none",
         "no object", "one of two", "a list"],
)  # fmt: skip
def test_log_probabilities_of_a_wrong_shape_are_no_score(answer):
    with pytest.raises(OlmoEvalError) as refused:
        scores(answer)
    assert refused.value.message


def test_an_answer_nested_without_end_is_not_json():
    """Python's parser gives up on it with an error of its own."""
    aiohttp = pytest.importorskip("aiohttp")
    from aiohttp import web

    async def main():
        async def answer(_):
            return web.Response(body=b"[" * 200_000, content_type="application/json")

        app = web.Application()
        app.router.add_post("/v1/completions", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        client = OpenAIClient(f"http://127.0.0.1:{port}/v1", None, timeout=5)
        try:
            with pytest.raises(TransientError, match="not JSON"):
                await client.post("/completions", {})
        finally:
            await client.close()
            await runner.cleanup()

    assert aiohttp is not None
    asyncio.run(main())


def test_numbers_that_json_does_not_know_are_no_counts():
    answer = json.loads('{"choices": [{"text": "a"}], "usage": {"prompt_tokens": NaN}}')
    try:
        (output,) = outputs(answer)
    except TransientError:
        return
    assert not math.isnan(output.usage.prompt_tokens)
