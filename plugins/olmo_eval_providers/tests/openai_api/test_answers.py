"""Reading OpenAI's answers and errors."""

from __future__ import annotations

import pytest

from olmo_eval.errors import ProviderError, RefusedError, TransientError
from olmo_eval_providers.openai_api.answer import outputs
from olmo_eval_providers.openai_api.errors import OverloadError, retry_after, status_error


def chat(**message):
    finish = message.pop("finish", "stop")
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def test_choices_come_in_order_and_usage_is_counted_once():
    choices = [{"index": i, "text": str(i), "finish_reason": "length"} for i in (1, 0)]
    found = outputs({"choices": choices, "usage": {"prompt_tokens": 7, "completion_tokens": 4}})
    assert [o.text for o in found] == ["0", "1"]
    assert sum(o.usage.prompt_tokens for o in found) == 7
    assert found[0].finish_reason == "length"


def test_text_is_cut_before_the_earliest_stop():
    (output,) = outputs(chat(content="one two three", finish="length"), stops=("three", "two"))
    assert output.text == "one "
    assert output.finish_reason == "stop"


@pytest.mark.parametrize(
    ("said", "means"),
    [("max_tokens", "length"), ("end_turn", "stop"), ("content_filter", "content_filter")],
)
def test_finish_reasons(said, means):
    assert outputs(chat(content="x", finish=said))[0].finish_reason == means


def test_a_refusal_is_text_and_marked():
    (output,) = outputs(chat(content=None, refusal="I cannot"))
    assert (output.text, output.finish_reason) == ("I cannot", "content_filter")


def test_reasoning_is_kept_apart():
    (output,) = outputs(chat(content="4", reasoning_content="2 and 2"))
    assert (output.text, output.reasoning) == ("4", "2 and 2")


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"choices": [{"message": 3}]}])
def test_malformed_answers_may_be_asked_for_again(answer):
    with pytest.raises(TransientError):
        outputs(answer)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"Retry-After": "Thu, 01 Jan 1970 00:01:40 GMT"}, 40.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after(headers, now=60.0) == seconds


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (429, "", OverloadError),
        (429, "insufficient_quota", ProviderError),
        (529, "", OverloadError),
        (500, "", TransientError),
        (408, "", TransientError),
        (400, "blocked by content_filter", RefusedError),
        (401, "", ProviderError),
        (422, "", ProviderError),
    ],
)
def test_statuses(status, message, kind):
    assert type(status_error(status, message, "there")) is kind
