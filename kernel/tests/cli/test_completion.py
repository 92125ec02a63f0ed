"""``olmo-eval completion``: commands and options, completed by a real shell."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

#: what bash does when somebody types words and presses the tabulator
_TYPED = """
eval "$(olmo-eval completion bash)"
COMP_WORDS=({words}) COMP_CWORD={last}
_olmo_eval_completion olmo-eval
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(*words: str) -> list[str]:
    quoted = " ".join(f"'{word}'" for word in words)
    script = _TYPED.format(words=quoted, last=len(words) - 1)
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env={"PATH": path}, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_commands_and_their_options() -> None:
    assert completed("olmo-eval", "doc") == ["doctor"]
    assert completed("olmo-eval", "doctor", "--j") == ["--json"]
    assert completed("olmo-eval", "results", "li") == ["list"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_what_is_its_own(bench: Any, shell: str) -> None:
    said = bench.cli("completion", shell)

    assert said.code == 0
    assert f"_OLMO_EVAL_COMPLETE={shell}_complete" in said.out


def test_another_shell_is_refused(bench: Any) -> None:
    said = bench.cli("completion", "tcsh")

    assert said.code == 2
    assert "'bash', 'zsh', 'fish'" in said.err
