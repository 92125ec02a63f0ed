"""What people see of an engine's input."""

from __future__ import annotations

from olmo_eval.providers.engine_input import EngineInput, InputToken
from olmo_eval.runner.inspect import engine_lines

BOS = InputToken(1, "<bos>", special=True)
TURN = InputToken(2, "<|end|>", special=True)
Q, YES, NO = InputToken(7, "Q:"), InputToken(8, " yes"), InputToken(9, " no")


def test_a_prompt_and_its_special_tokens() -> None:
    (heading, line) = engine_lines([EngineInput("Q: yes", (BOS, Q, YES, TURN))], "tokens")
    assert heading == "-- tokens (4 tokens)"
    assert line == "1:<<bos>> 7:'Q:' 8:' yes' 2:<<|end|>>"
    assert engine_lines([EngineInput("Qß")], "formatted") == ["-- formatted (3 bytes)", "Qß"]


def test_a_context_that_is_shared_is_shown_once() -> None:
    inputs = [
        EngineInput("Q: yes", (BOS, Q, YES), scored_from=2),
        EngineInput("Q: no", (BOS, Q, NO), scored_from=2, dropped=3),
        EngineInput("no", (BOS, NO), scored_from=1),
    ]
    assert engine_lines(inputs, "tokens") == [
        "-- tokens (1 of 3; 3 tokens, the last 1 scored)",
        "1:<<bos>> 7:'Q:' | 8:' yes'",
        "-- tokens (2 of 3; after the same context; 3 tokens cut off on the left)",
        "| 9:' no'",
        "-- tokens (3 of 3; 2 tokens, the last 1 scored)",
        "1:<<bos>> | 9:' no'",
    ]
    assert engine_lines(inputs, "formatted")[3] == "' no'"


def test_a_service_that_keeps_its_tokens_to_itself() -> None:
    heading, line = engine_lines([EngineInput("hello")], "tokens")
    assert (heading, line) == ("-- tokens", "only the service knows how it tokenizes")
