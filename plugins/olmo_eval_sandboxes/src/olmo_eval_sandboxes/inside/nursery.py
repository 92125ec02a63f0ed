"""Python interpreters that need no starting: each program gets a fork of one that ran nothing yet.

A process that has started Python, has imported what programs commonly import, and executes nothing
of theirs itself. The relay sends it what it would give to a supervisor of its own: one message a
command with its control socket, stdin, stdout and stderr. A fork of it becomes the supervisor, and
a fork of that becomes the program, which finds Python as ``python3 -I`` starts it: an empty
``__main__``, its own arguments, streams and variables, nothing of another program. Starting and
importing take 20 ms of a processor, the forks two.

No program can reach into it: like the relay, it is not "dumpable" (prctl(2)). One that kills or
stops it is noticed by the relay, which then starts programs by themselves.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
import types
from typing import Any, NoReturn

from olmo_eval_sandboxes.inside import supervisor

_PR_SET_DUMPABLE = 4
_RECURSION_LIMIT = 1000
#: the number of the nursery's end of its socket
_SOCKET = 3
#: Python's own exit status where what was printed could not be written
_NOT_FLUSHED = 120
_FORK, _ASK, _ANSWER = b"f", b"?", b"."
#: seconds until a nursery must have started, and until it must answer
_STARTING, _ANSWERING = 20.0, 2.0
#: modules that have no others below them, so that a program which forgets to import one fails as
#: it would in an interpreter of its own
_IMPORTED = (
    "abc ast bisect builtins collections contextlib copy dataclasses datetime decimal enum "
    "fractions functools hashlib heapq inspect io itertools json math numbers operator random re "
    "statistics string struct sys textwrap time traceback types typing"
)


def runs(argv: list[str]) -> bool:
    """Whether a command is a Python program that a fork can become."""
    if len(argv) < 3 or argv[:2] != ["python3", "-I"]:
        return False
    return (argv[2] == "-c" and len(argv) > 3) or (
        argv[2].endswith(".py") and not argv[2].startswith("-")
    )


class Nursery:
    """The relay's end: a nursery for programs that are given the variables ``env``."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.env = env
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            _become(command, env, theirs)
        theirs.close()
        self._socket.settimeout(_STARTING)
        try:  # no program may run before it has closed itself
            self._ready = self._socket.recv(1) == _ANSWER
        except OSError:
            self._ready = False
        self._socket.settimeout(_ANSWERING)
        self._started = self._state()[1]

    @property
    def well(self) -> bool:
        """Whether it runs: no program has killed or stopped it."""
        state, started = self._state()
        return self._ready and state in "RSD" and started == self._started

    def answers(self) -> bool:
        """Whether it is well, and whatever was done to it before has shown."""
        if not self.well:
            return False
        try:
            self._socket.send(_ASK)
            return self._socket.recv(1) == _ANSWER
        except OSError:
            return False

    def _state(self) -> tuple[str, str]:
        """What it does, in a letter of proc(5), and when it was started."""
        try:
            with open(f"/proc/{self.pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            return "X", ""
        return fields[0], fields[19]

    def takes(self, request: dict[str, Any]) -> bool:
        return request["env"] == self.env and runs(request["argv"]) and self.answers()

    def send(self, control: socket.socket, streams: list[int]) -> bool:
        """Have a fork made that supervises a command; False where nobody is there any more."""
        try:
            socket.send_fds(self._socket, [_FORK], [control.fileno(), *streams])
        except OSError:
            return False
        return True


def _become(command: list[str], env: dict[str, str], theirs: socket.socket) -> NoReturn:
    """In the child: start Python, with pipes for streams as programs have them."""
    try:
        for target, fd in ((0, os.pipe()[0]), (1, os.pipe()[1])):
            os.dup2(fd, target)
        os.dup2(theirs.fileno(), _SOCKET)
        os.set_inheritable(_SOCKET, True)
        os.closerange(_SOCKET + 1, 4096)
        os.execvpe(command[0], command, env)
    finally:
        os._exit(127)


def serve() -> dict[str, Any] | None:
    """Fork a supervisor for each message; the command, in the process that is to become it.

    None when the other side closes.
    """
    supervisor.switch_off(_PR_SET_DUMPABLE)
    listener = socket.socket(fileno=_SOCKET)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors are reaped by the kernel
    for name in _IMPORTED.split():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is there now is not a program's, and stays shared
    listener.send(_ANSWER)
    while True:
        message, fds, _flags, _address = socket.recv_fds(listener, 1, 4)
        if not message:
            return None
        if message == _ASK:
            listener.send(_ANSWER)
            continue
        if os.fork() == 0:
            listener.close()
            control, streams = socket.socket(fileno=fds[0]), fds[1:]
            return _prepared(supervisor.fork_supervised(control, streams), streams)
        for fd in fds:
            os.close(fd)


def _prepared(command: dict[str, Any], streams: list[int]) -> dict[str, Any]:
    """In the child: all that comes before the program."""
    try:
        supervisor.confine(command, streams)
        supervisor.switch_on(_PR_SET_DUMPABLE)
        # as Python sets them when it starts
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        os.environ.clear()
        os.environ.update(command["env"])
    except (OSError, ValueError) as error:
        os.write(2, f"{command['argv'][0]}: {error}\n".encode("utf-8", "replace"))
        os._exit(127)
    return command


def code_of(command: dict[str, Any]) -> types.CodeType:
    """The code of a command, with ``sys.argv`` and ``__main__`` as it expects them.

    Raises:
        SystemExit: it is not Python, or there is no such file, and that was said.
    """
    argv = command["argv"][2:]
    main = types.ModuleType("__main__")
    main.__dict__.update(__builtins__=sys.modules["builtins"], __annotations__={})
    sys.modules["__main__"] = main
    if argv[0] == "-c":
        sys.argv = ["-c", *argv[2:]]
        source: bytes | str = argv[1]
        path = "<string>"
    else:
        sys.argv = argv
        path = main.__dict__["__file__"] = argv[0]
        try:
            with open(path, "rb") as file:
                source = file.read()
        except OSError as error:
            told = f"[Errno {error.errno}] {error.strerror}"
            sys.stderr.write(f"python3: can't open file {path!r}: {told}\n")
            raise SystemExit(2) from None
    sys.setrecursionlimit(_RECURSION_LIMIT)
    try:
        return compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        sys.excepthook(type(error), error.with_traceback(None), None)
        raise SystemExit(1) from None


def told(error: BaseException) -> int:
    """Say what a program has raised, as Python does; its exit status."""
    if not isinstance(error, SystemExit):
        below = error.__traceback__.tb_next if error.__traceback__ else None
        sys.excepthook(type(error), error.with_traceback(below), below)
        return 1
    if error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    sys.stderr.write(f"{error.code}\n")
    return 1


def leave(status: int) -> NoReturn:
    """End the program: its threads, what it has registered for its end, and what it left open.

    Python would go on to take apart all that was imported, which is shared with other programs,
    and would have to be copied for that.
    """
    try:
        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
        atexit._run_exitfuncs()
        sys.modules["__main__"].__dict__.clear()
        gc.collect()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except SystemExit as error:
        status = told(error)
    except BaseException as error:
        told(error)
        status = status or _NOT_FLUSHED
    finally:
        os._exit(status)
