"""How the relay and the nursery get into a container that has nothing but Python."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from attrs import frozen

_PACKAGE = "olmo_eval_sandboxes.inside"
_LOAD = """
import sys, types
def load(name, source):
    name = {package!r} + "." + name
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
    return module
for name in ("olmo_eval_sandboxes", {package!r}):
    sys.modules[name] = types.ModuleType(name)
for name, source in {sources!r}:
    setattr(sys.modules[{package!r}], name, load(name, source))
"""
_RELAY = """
load("relay", {relay!r}).main({folders!r}, {lifetime!r}, {nursery!r}, {user!r}, {silence!r})
"""
#: no frame of ours is between the program and the top
_NURSERY = """
nursery = sys.modules[{package!r}].nursery
command = nursery.serve()
if command is not None:
    for name in [name for name in sys.modules if name.startswith("olmo_eval_sandboxes")]:
        del sys.modules[name]
    del load, name, source
    status = 0
    try:
        exec(nursery.code_of(command), sys.modules["__main__"].__dict__)
    except BaseException as error:
        status = nursery.told(error)
    nursery.leave(status)
"""
_SUPERVISING = ("supervisor", "nursery")
_READ = (
    "import os, sys; text = b''\n"
    "while len(text) < {size}:\n"
    "    chunk = os.read(0, {size} - len(text))\n"
    "    if not chunk: sys.exit('no program came')\n"
    "    text += chunk\n"
    "exec(text)\n"
)
#: ``-I -S``: nothing of the image's Python but its standard library is imported
_PYTHON = ("python3", "-I", "-S", "-c")


@frozen
class Settings:
    """How a relay serves.

    - ``folders``: all that programs can write to;
    - ``lifetime``: seconds until it ends, whatever happens;
    - ``user``: the user id that programs get, where the relay is root; None: its own;
    - ``silence``: seconds without a word from the evaluation after which it ends; 0: never.
    """

    folders: tuple[str, ...]
    lifetime: float
    user: int | None = None
    silence: float = 0.0


def command(settings: Settings) -> tuple[str, ...]:
    """The command that is the relay."""
    relay = _RELAY.format(
        relay=_source("relay"),
        folders=list(settings.folders),
        lifetime=settings.lifetime,
        nursery=_nursery(),
        user=settings.user,
        silence=settings.silence,
    )
    return (*_PYTHON, _loading(*_SUPERVISING, "frames", "state") + relay)


def read(relay: tuple[str, ...]) -> tuple[tuple[str, ...], bytes]:
    """A short command that reads a relay's from its stdin, and what to send it first."""
    text = relay[-1].encode()
    return (*_PYTHON, _READ.format(size=len(text))), text


@cache
def _nursery() -> list[str]:
    return ["python3", "-I", "-c", _loading(*_SUPERVISING) + _NURSERY.format(package=_PACKAGE)]


def _loading(*names: str) -> str:
    sources = [(name, _source(name)) for name in names]
    return _LOAD.format(package=_PACKAGE, sources=sources)


@cache
def _source(name: str) -> str:
    return (Path(__file__).parent / f"{name}.py").read_text("utf-8")
