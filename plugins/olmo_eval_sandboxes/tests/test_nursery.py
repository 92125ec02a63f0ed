"""A program that becomes a fork of a waiting interpreter cannot tell it from one of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from olmo_eval_sandboxes.inside import bootstrap
from olmo_eval_sandboxes.inside.frames import frame, take_frame

VARIABLES = {
    "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/nowhere",
}
LIMITS = {
    "memory": 1 << 30,
    "processes": 64,
    "user_processes": 1 << 16,
    "file_size": 1 << 20,
    "open_files": 64,
    "cpu_seconds": 20,
}


class Talk:
    """A relay on this machine, and the evaluation's side of the conversation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.relay = subprocess.Popen(
            bootstrap.command(bootstrap.Settings((), 60.0)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=VARIABLES,
        )
        self.received = bytearray()
        self.answer()
        assert self.ask({"op": "nursery", "env": VARIABLES})[0]["ready"]

    def answer(self) -> tuple[dict[str, Any], list[bytes]]:
        assert self.relay.stdout is not None
        while (found := take_frame(self.received)) is None:
            chunk = self.relay.stdout.read1(1 << 16)  # type: ignore[attr-defined]
            assert chunk, "the relay is gone"
            self.received += chunk
        return found

    def ask(self, request: dict[str, Any], *parts: bytes) -> tuple[dict[str, Any], list[bytes]]:
        assert self.relay.stdin is not None
        self.relay.stdin.write(frame({"id": 1, "nonce": "n", **request}, list(parts)))
        self.relay.stdin.flush()
        return self.answer()

    def run(self, *argv: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        request = {
            "op": "exec",
            "argv": list(argv),
            "cwd": str(self.folder),
            "env": VARIABLES,
            "limits": LIMITS,
            "timeout": 20.0,
            "output_limit": 1 << 16,
        }
        header, (stdout, stderr) = self.ask(request, stdin)
        return header["exit"], stdout, stderr

    def close(self) -> None:
        assert self.relay.stdin is not None
        self.relay.stdin.close()
        assert self.relay.wait(10) == 0


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    made = Talk(tmp_path_factory.mktemp("work"))
    yield made
    made.close()


#: programs whose exit status, output and complaints must be those of ``python3 -I``
PROGRAMS = {
    "prints": "print('hello', end='')",
    "reads": "import sys; print(sys.stdin.read()[::-1])",
    "its arguments": "import sys; print(sys.argv, __name__, sorted(globals()))",
    "its path": "import sys; print(sys.path, sys.flags.isolated)",
    "its variables": "import os; print(sorted(os.environ.items()))",
    "nobody above": "import sys; f = sys._getframe(); print(f.f_code.co_name, f.f_lineno)",
    "a status": "raise SystemExit(7)",
    "a status that is too large": "raise SystemExit(256 + 3)",
    "a status that is text": "raise SystemExit('no luck')",
    "no status": "raise SystemExit",
    "an error": "def f():\n    raise ValueError('why')\n\nf()",
    "an error with a cause": "try:\n    1/0\nexcept Exception as e:\n    raise KeyError(1) from e",
    "no Python": "def f(:\n    pass",
    "a null byte": "x = 1\\\n\n(",
    "a module it did not import": "json.dumps(1)",
    "a module below one": "import xml; xml.etree",
    "at its end": "import atexit; atexit.register(print, 'bye'); print('hi')",
    "a thread": "import threading, time\n"
    "def late():\n    time.sleep(0.1); print('late')\n"
    "threading.Thread(target=late).start(); print('early')",
    "its own hook": "import sys; sys.excepthook = lambda *a: print('mine', a[0]); 1/0",
    "deep": "import sys; print(sys.getrecursionlimit())\ndef f(n): return n and f(n - 1)\nf(900)",
    "too deep": "def f(): return f()\ntry: f()\nexcept RecursionError: print('deep')",
    "leaves at once": "import os; print('lost'); os._exit(5)",
    "is killed": "import os; os.kill(os.getpid(), 9)",
    "a signal's default": "import signal; print(signal.getsignal(2), signal.getsignal(13))",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_runs_as_in_an_interpreter_of_its_own(talk: Talk, name: str) -> None:
    argv = ("python3", "-I", "-c", PROGRAMS[name], "one", "two words")

    expected = subprocess.run(
        argv,
        env=VARIABLES,
        input=b"abc",
        capture_output=True,
        check=False,
        # a shell's background jobs are deaf to it, and so are these tests there
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )

    status, stdout, stderr = talk.run(*argv, stdin=b"abc")
    own = expected.returncode if expected.returncode >= 0 else 128 - expected.returncode
    assert (status, stdout, stderr) == (own, expected.stdout, expected.stderr)


def test_a_file_is_run_with_its_name(talk: Talk) -> None:
    (talk.folder / "answer.py").write_text("import sys\nprint(__file__, sys.argv)\n1 / 0\n")

    status, stdout, stderr = talk.run("python3", "-I", "answer.py", "x")

    assert (status, stdout) == (1, b"answer.py ['answer.py', 'x']\n")
    assert stderr.decode().splitlines()[1:3] == [
        '  File "answer.py", line 3, in <module>',
        "    1 / 0",
    ]


def test_a_file_that_is_not_there_is_python_s_own_failure(talk: Talk) -> None:
    status, _stdout, stderr = talk.run("python3", "-I", "nowhere.py")

    assert status == 2 and b"can't open file" in stderr


def test_nothing_of_a_program_is_left_for_the_next(talk: Talk) -> None:
    spoil = (
        "import builtins, json, os, random, sys\n"
        "builtins.print = None; json.dumps = None; sys.path.append('x'); random.seed(1)\n"
        "os.environ['LEFT'] = 'behind'; sys.modules['mine'] = sys; left = 1"
    )
    look = (
        "import json, os, random, sys\n"
        "print(json.dumps('x' in sys.path), 'LEFT' in os.environ, 'mine' in sys.modules,"
        " 'left' in globals())"
    )

    talk.run("python3", "-I", "-c", spoil)

    assert talk.run("python3", "-I", "-c", look)[1] == b"false False False False\n"


def test_two_programs_draw_different_numbers(talk: Talk) -> None:
    draw = "import random, uuid; print(random.random(), uuid.uuid4())"

    assert len({talk.run("python3", "-I", "-c", draw)[1] for _ in range(3)}) == 3


def test_what_it_left_open_is_written(talk: Talk) -> None:
    talk.run("python3", "-I", "-c", "kept = open('kept', 'w'); kept.write('all of it')")

    assert (talk.folder / "kept").read_text() == "all of it"


def test_a_program_without_a_nursery_runs_all_the_same(talk: Talk) -> None:
    """A program kills all that it may, as root here only what it names."""
    above = "import os; print(open(f'/proc/{os.getppid()}/stat').read().rpartition(')')[2])"
    nursery = talk.run("python3", "-I", "-c", above)[1].split()[1]

    killed = f"import os; os.kill({int(nursery)}, 9)"
    assert talk.run("python3", "-I", "-c", killed)[0] == 0

    assert talk.run("python3", "-I", "-c", "print('here')")[:2] == (0, b"here\n")
