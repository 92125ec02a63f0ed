"""Follow a page of documentation: write its files, run its commands, compare what they print.

A fenced block whose first line names a file is that file::

    ```python acme_evals/__init__.py
    ...
    ```

A block of ``console`` holds commands after ``$ ``; each further line must occur in what the
command prints, in that order (``...`` stands for what is left out: lines, or a part of one that
changes, such as an id; runs of spaces count as one).
Commands run in a folder that starts empty and a virtual environment that starts with the
packages of this one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

from attrs import define, field, frozen

_FENCE = re.compile(r"^```(\w*) ?([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PIP = """\
import sys
from pip._internal.cli.main import main
# The packages are here already: nothing is fetched, and nothing is built apart.
extra = ["--no-index", "--no-deps", "--no-build-isolation"] if "install" in sys.argv[1:2] else []
sys.exit(main([*sys.argv[1:2], *extra, *sys.argv[2:]]))
"""
_OLMO_EVAL = "import sys\nfrom olmo_eval.cli.main import main\nsys.exit(main())\n"


@frozen
class Block:
    """A fenced block: its language, the file it names (or ""), its text and its line."""

    language: str
    file: str
    text: str
    line: int


@frozen
class Command:
    """A command of a console block and the lines that must occur in what it prints."""

    text: str
    expected: tuple[str, ...]
    line: int


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(match.group(1), match.group(2).strip(), match.group(3), line)


def commands(block: Block) -> list[Command]:
    found: list[Command] = []
    for offset, line in enumerate(block.text.splitlines(), 1):
        if line.startswith("$ "):
            found.append(Command(line[2:], (), block.line + offset))
        elif line.strip() and line.strip() != "..." and found:
            last = found[-1]
            found[-1] = Command(last.text, (*last.expected, line), last.line)
    return found


@define
class Walkthrough:
    """A folder and an environment in which a page is followed from top to bottom."""

    folder: Path
    home: Path  # of the virtual environment
    environment: dict[str, str] = field(factory=dict)

    def prepare(self) -> None:
        home = self.home
        venv.create(home, with_pip=False)
        ours = Path(sysconfig.get_path("purelib"))
        theirs = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
        (theirs / "workspace.pth").write_text(f"import site; site.addsitedir({str(ours)!r})\n")
        python = home / "bin" / "python"
        for name, code in (("pip", _PIP), ("olmo-eval", _OLMO_EVAL)):
            script = home / "bin" / name
            script.write_text(f"#!{python}\n{code}")
            script.chmod(0o755)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OLMO_EVAL_", "PIP_"))}
        self.environment = kept | {
            "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(home),
            "COLUMNS": "120",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "OLMO_EVAL_RESULTS": str(home / "results"),
        }
        self.folder.mkdir(exist_ok=True)

    def follow(self, page: Path) -> None:
        """Do what the page says, block by block."""
        for block in blocks(page):
            if block.language == "console":
                for command in commands(block):
                    self.run(command, page)
            elif block.file:
                path = self.folder / block.file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text)

    def run(self, command: Command, page: Path) -> None:
        done = subprocess.run(
            ["bash", "-c", command.text],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        printed = done.stdout + done.stderr
        where = f"{page.name}:{command.line}: $ {command.text}"
        shown = f"{where}\nexit code {done.returncode}\n{printed}"
        assert "Traceback (most recent call last)" not in printed, shown
        wants_failure = any(line.startswith("error:") for line in command.expected)
        assert (done.returncode != 0) == wants_failure, shown
        rest = squeezed(printed)
        for line in command.expected:
            for part in map(squeezed, line.split("...")):
                position = rest.find(part)
                assert position >= 0, f"{where}\nexpected: {line}\nprinted:\n{printed}"
                rest = rest[position + len(part) :]


def squeezed(text: str) -> str:
    """``text`` with every run of white space as one space."""
    return " ".join(text.split())
