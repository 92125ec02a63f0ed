"""Making a checkup: all registered checks at once, so that none holds up the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, evolve, field, frozen

from olmo_eval import faults, plugins
from olmo_eval.doctor.finding import Check, Checkup, Finding, Level
from olmo_eval.registry import Entry, Owner
from olmo_eval.results.redact import Redactor

#: seconds in all until a check is given up, and where it imports packages
_PATIENCE, _IMPORTING = 5.0, 300.0


@frozen
class Checked:
    """A finding, the check that found it, and who supplies that."""

    check: str
    owner: Owner
    finding: Finding

    def to_dict(self) -> Mapping[str, Any]:
        finding = self.finding
        return {
            "check": self.check,
            "subject": finding.subject or None,
            "level": str(finding.level),
            "found": finding.found,
            "way_out": finding.way_out or None,
            "distribution": self.owner.distribution,
        }


@define(eq=False)
class _Call:
    """One check under way, in a thread that may be left behind."""

    entry: Entry[Check]
    thread: threading.Thread
    findings: list[Finding] = field(factory=list)


def checked(checkup: Checkup, filter_: str = "") -> list[Checked]:
    """What every check whose name contains ``filter_`` finds: the kernel's first, then those of
    plugins. A check that fails, or does not answer, is a warning of itself. Secrets are redacted.
    """
    registry = plugins.manager().registry("checks")
    plugins.manager().collect_all()  # here, not in threads
    asked = [entry for entry in registry.entries() if filter_.lower() in entry.name.lower()]
    asked.sort(key=lambda entry: entry.owner.distribution != "olmo-eval")
    patience = _IMPORTING if checkup.imports else _PATIENCE
    until = time.monotonic() + patience
    calls = [_start(entry, checkup) for entry in asked]
    found = []
    for call in calls:
        call.thread.join(max(0.0, until - time.monotonic()))
        if call.thread.is_alive():
            call.thread.abandoned = True  # type: ignore[attr-defined]
            late = f"no answer within {patience:.0f} s"
            call.findings = [Finding(Level.WARNING, late, "what it asks may hang; try again")]
        found += [Checked(call.entry.name, call.entry.owner, one) for one in call.findings]
    redact = Redactor().text
    return [evolve(one, finding=_redacted(one.finding, redact)) for one in found]


def _redacted(finding: Finding, redact: Callable[[str], str]) -> Finding:
    return evolve(finding, found=redact(finding.found), way_out=redact(finding.way_out))


def _start(entry: Entry[Check], checkup: Checkup) -> _Call:
    def run() -> None:
        call.findings = _findings(entry, checkup)

    call = _Call(entry, threading.Thread(target=run, daemon=True, name=f"check {entry.name}"))
    call.thread.start()
    return call


def _findings(entry: Entry[Check], checkup: Checkup) -> list[Finding]:
    try:
        check = plugins.manager().registry("checks").resolve(entry)
        return [evolve(finding, level=Level(finding.level)) for finding in check(checkup)]
    except (Exception, SystemExit) as error:
        said = faults.located(error, (entry.owner.module,))
        way_out = f"this is a defect of {entry.owner}"
        return [Finding(Level.WARNING, f"the check itself failed: {said}", way_out)]
