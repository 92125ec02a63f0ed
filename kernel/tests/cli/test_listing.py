"""What is registered can be listed, and whoever mistypes a name is told by which command."""

from __future__ import annotations

import re
from typing import Any

import pytest

from olmo_eval import plugins
from olmo_eval.errors import UnknownNameError


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_the_command_that_a_hint_names_exists(bench: Any, kind: str) -> None:
    with pytest.raises(UnknownNameError) as unknown:
        plugins.manager().registry(kind).get("zzzzzzzz")
    (command,) = re.findall(r"`olmo-eval ([^`]+)` lists them all", str(unknown.value.hint))

    listed = bench.cli(*command.split())

    assert (listed.code, listed.err) == (0, "")


def test_executors_are_listed(bench: Any) -> None:
    assert re.search(r"^local +olmo-eval ", bench.cli("executors").out, re.MULTILINE)


def test_mistakes_and_contested_variants_are_listed_with_their_plugins(bench: Any) -> None:
    (bench.folder / "more.py").write_text(
        "from olmo_eval.evals.tasks.common import register_variant\n"
        "register_variant('sums', '2shot', num_fewshot=3)\n"
    )

    listed = bench.cli("plugins", "--plugin", "more.py")

    assert "claimed twice: variant sums:2shot, by sums.py and more.py" in listed.out
