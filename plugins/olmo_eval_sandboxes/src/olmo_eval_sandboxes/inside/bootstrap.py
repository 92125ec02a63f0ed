"""How the relay gets into a container that has nothing but Python."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

_PACKAGE = "olmo_eval_sandboxes.inside"
_START = """
import sys, types
def load(name, source):
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
    return module
for name in ("olmo_eval_sandboxes", {package!r}):
    sys.modules[name] = types.ModuleType(name)
sys.modules[{package!r}].supervisor = load({package!r} + ".supervisor", {supervisor!r})
load({package!r} + ".relay", {relay!r}).main({folders!r}, {lifetime!r})
"""


def command(folders: Sequence[str], lifetime: float) -> tuple[str, ...]:
    """The command that a container runs: the relay, for programs that can write to ``folders``,
    for at most ``lifetime`` seconds.

    ``-I -S``: nothing of the image's Python but its standard library is imported.
    """
    program = _START.format(**_sources(), folders=list(folders), lifetime=lifetime)
    return ("python3", "-I", "-S", "-c", program)


@cache
def _sources() -> dict[str, str]:
    here = Path(__file__).parent
    sources = {name: (here / f"{name}.py").read_text("utf-8") for name in ("supervisor", "relay")}
    return {"package": _PACKAGE, **sources}
