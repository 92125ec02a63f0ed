"""Whether packages are installed: found, not imported, unless that is asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec

from attrs import frozen

from olmo_eval.doctor.finding import Checkup, Finding, Level

#: seconds that an engine may take to be imported
_IMPORT_TIMEOUT = 120.0


@frozen
class Module:
    """A module as it was found: ``version`` is "" where no distribution says; ``fault`` says why it
    does not import, "" where it does or was not tried."""

    name: str
    installed: bool
    version: str = ""
    fault: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


def find_modules(subject: str, names: Iterable[str], install: str, checkup: Checkup) -> Finding:
    """The finding about something that needs the modules ``names``, all of them top-level.

    ``install`` is the command that brings them.
    """
    modules = [_find(name, checkup.imports) for name in names]
    missing = [module.name for module in modules if not module.installed]
    if missing:
        return Finding(Level.ABSENT, f"not installed: {', '.join(missing)}", install, subject)
    broken = [f"{module}: {module.fault}" for module in modules if module.fault]
    if broken:
        return Finding(
            Level.WARNING, f"does not import: {'; '.join(broken)}", f"{install} --upgrade", subject
        )
    return Finding(Level.OK, ", ".join(map(str, modules)), subject=subject)


def _find(name: str, imported: bool) -> Module:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        spec = None
    # a folder without code, such as one called like the module, is a spec without a loader
    if spec is None or spec.loader is None or spec.origin is None:
        return Module(name, installed=False)
    return Module(name, True, _version(name), _fault(name) if imported else "")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _fault(name: str) -> str:
    """Why ``name`` does not import, in a process of its own: an engine may end its process."""
    argv = [sys.executable, "-c", f"import {name}"]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", timeout=_IMPORT_TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return f"it takes more than {_IMPORT_TIMEOUT:.0f} s"
    if done.returncode == 0:
        return ""
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return said[-1][:300] if said else f"the process ended with {done.returncode}"
