"""Code in what a model wrote: however it is fenced, whatever stands around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmo_eval.evals.extract.code import (
    CodeBlock,
    code_blocks,
    defines,
    extract_code,
    extract_code_before_fence,
    indent_code,
    sanitize_code,
)

BODY = "def f(x):\n    return x + 1\n"


@pytest.mark.parametrize("tag", ["python", "python3", "Python", "py", "PYTHON3", "", " python"])
@pytest.mark.parametrize("around", ["{}", "Here it is:\n\n{}\n\nIt adds one.", "Sure: {}"])
def test_any_tag_and_any_words_around_a_block(tag: str, around: str) -> None:
    text = around.replace("{}", f"```{tag}\n{BODY}```")

    assert extract_code(text) == BODY


def test_windows_line_ends() -> None:
    text = "Here:\r\n```python\r\ndef f(x):\r\n    return x + 1\r\n```\r\n"

    assert extract_code(text) == BODY


@pytest.mark.parametrize("indent", ["  ", "    ", "\t"])
def test_an_indented_fence_takes_its_indentation_off(indent: str) -> None:
    lines = ["1. The code:", *(indent + line for line in f"```python\n{BODY}```".splitlines())]

    assert extract_code("\n".join(lines)).rstrip() == BODY.rstrip()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"```python\n{BODY}", BODY),
        (f"```python\n{BODY.rstrip()}```", BODY.rstrip()),
        (f"~~~python\n{BODY}~~~", BODY),
        (f"````python\n{BODY}````", BODY),
        ("    return 1\n", "    return 1\n"),
        ("    return 1\n```", "    return 1"),
        ("    return 1\n```\n", "    return 1"),
        ("    return 1\n```\n\nThis returns one.", "    return 1"),
        ("    return 1\n```\n\n```python\ndef g(): ...\n```", "    return 1"),
        ("Use `f` or ```f``` here", "Use `f` or ```f``` here"),
        ("", ""),
    ],
)
def test_fences_that_are_not_closed_or_only_closed(text: str, code: str) -> None:
    assert extract_code(text) == code


def test_a_later_definition_takes_the_place_of_an_earlier_one() -> None:
    wrong = "```python\ndef f(x):\n    return x\n```"
    right = f"```python\n{BODY}```"

    scope: dict[str, object] = {}
    exec(extract_code(f"First try:\n{wrong}\nThat forgets one:\n{right}"), scope)

    assert scope["f"](1) == 2  # type: ignore[operator]


def test_a_later_block_that_is_cut_off_counts_for_nothing() -> None:
    text = f"```python\n{BODY}```\nFaster:\n```python\ndef f(x):\n    return (x +"

    assert extract_code(text) == BODY


def test_trying_the_code_out_in_another_block_does_not_run() -> None:
    usage = "```python\nprint(f(1))\nassert f(1) == 3\n```"
    code = extract_code(f"```python\n{BODY}```\nFor example:\n{usage}\n```text\n2\n```")

    assert "assert" not in code
    assert "print" not in code
    assert defines(code, "f")


def test_helpers_in_another_block_are_kept() -> None:
    helper = "```python\nimport math\n\ndef half(x):\n    return math.floor(x / 2)\n```"
    user = "```python\ndef f(x):\n    return half(x) + 1\n```"

    scope: dict[str, object] = {}
    exec(extract_code(f"A helper:\n{helper}\nThen:\n{user}"), scope)

    assert scope["f"](5) == 3  # type: ignore[operator]


def test_blocks_of_another_language_are_left_out() -> None:
    text = f"```bash\npip install x\n```\n```python\n{BODY}```"

    assert extract_code(text) == BODY
    assert extract_code(text, "bash") == "pip install x\n"
    assert extract_code(text, "sh") == "pip install x\n"


def test_bodies_in_two_blocks_the_last_one_counts() -> None:
    assert extract_code("```\nreturn 1\n```\nor\n```\nreturn 2\n```") == "return 2\n"


def test_every_block_with_its_tag() -> None:
    blocks = code_blocks("```C++\nint x;\n```\nand\n```\ny\n```")

    assert blocks == [CodeBlock("c++", "int x;\n"), CodeBlock("", "y\n")]


def test_before_the_first_fence() -> None:
    assert extract_code_before_fence("    return 1\n```\nmore ``` text") == "    return 1\n"
    assert extract_code_before_fence("    return 1") == "    return 1"


def test_indenting_leaves_blank_lines_alone() -> None:
    assert indent_code("a\n\nb") == "    a\n\n    b"
    assert indent_code("a", "\t") == "\ta"


def test_sanitized_code_is_what_the_entry_point_needs() -> None:
    text = (
        "Here you are:\n\n```python\nimport math\nLIMIT = 3\nSPARE = 4\n\n"
        "def helper(x):\n    return min(x, LIMIT)\n\ndef unused():\n    pass\n\n"
        "@staticmethod\ndef f(x):\n    return helper(math.floor(x))\n\nprint(f(2.5))\n```"
    )

    code = sanitize_code(text, "f")

    assert code == (
        "import math\nLIMIT = 3\ndef helper(x):\n    return min(x, LIMIT)\n"
        "@staticmethod\ndef f(x):\n    return helper(math.floor(x))\n"
    )
    assert "unused" in sanitize_code(text)
    assert "print" not in sanitize_code(text)


def test_sanitized_code_may_have_prose_at_its_ends() -> None:
    assert sanitize_code(f"The answer is this:\n{BODY}\nI hope it helps!", "f") == BODY
    assert sanitize_code("no code at all!") == "no code at all!"


def test_of_two_definitions_the_later_is_kept() -> None:
    code = sanitize_code("def f():\n    return 1\n\ndef f():\n    return 2\n", "f")

    assert code == "def f():\n    return 2\n"


@pytest.mark.parametrize("text", ["(" * 5_000, "-" * 50_000 + "1", "```\n" * 3_000, "\x00def f"])
def test_hostile_text_is_only_text(text: str) -> None:
    extract_code(text)
    sanitize_code(text, "f")


@given(st.text(alphabet="`~ \nax=()\t", max_size=80))
def test_no_text_fails(text: str) -> None:
    assert isinstance(extract_code(text), str)


@given(st.text(alphabet="abc =\n\t", min_size=1, max_size=60).filter(str.strip))
def test_a_fenced_block_comes_back_as_it_was(code: str) -> None:
    assert extract_code(f"```c\n{code}\n```", "c") == code + "\n"
