"""Whether a page of `compare --html` is as it was written, and its numbers
follow from the answers that it carries."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from olmo_eval.errors import DataError
from olmo_eval.results.compare import paired_verdict
from olmo_eval.results.pairing import Pairs
from olmo_eval.results.statistics import Verdict, adjust
from olmo_eval.results.verify import Fault, Verification
from olmo_eval_viewer.sealed import CLOSE, OPEN, VERSION, digest_of


def verification(page: bytes, location: str) -> Verification | None:
    """What was checked of a page that ``olmo-eval compare --html`` wrote, and what is wrong with
    it; None where it is no such page.

    Raises:
        DataError: its data cannot be read at all.
    """
    if OPEN.encode() not in page:
        return None
    found = check(page)
    name = Path(location).name
    return Verification(
        location,
        name,
        status=f"{found.questions:,} paired answers, digest {found.root[:12]}",
        files=1,
        size=len(page),
        scores=found.tasks,
        faults=[Fault(name, problem) for problem in found.problems],
    )


class Checked:
    """What was found: problems in words, and how much was checked."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.tasks = self.questions = 0
        self.root = ""


def check(content: bytes) -> Checked:
    """Check the page of a comparison.

    Raises:
        DataError: it is no such page, or its data cannot be read at all.
    """
    shown, data = _split(content)
    found = Checked()
    parts, digests = data["parts"], dict(data["digests"])
    found.root = data["root"]
    if digest_of(digests) != found.root:
        found.problems.append("changed: the digests")
    if hashlib.sha256(shown).hexdigest() != digests.pop("page", None):
        found.problems.append("changed: what the page shows")
    for name in dict.fromkeys([*digests, *parts]):
        if name not in parts or name not in digests or digest_of(parts[name]) != digests[name]:
            found.problems.append(f"changed: {name}")
    _recompute({k.removeprefix("task "): v for k, v in parts.items() if k != "head"}, found)
    return found


def _split(content: bytes) -> tuple[bytes, dict[str, Any]]:
    """What the page shows, and its data."""
    before, opened, rest = content.partition(OPEN.encode())
    text, closed, after = rest.partition(CLOSE.encode())
    if not opened or not closed:
        raise DataError(
            "this is no page of `olmo-eval compare --html`: it has no data",
            hint="or it was changed where the data begins",
        )
    try:
        data = orjson.loads(text)
        if data["version"] != VERSION:
            raise DataError(f"this page is of version {data['version']}, not {VERSION}")
        data["root"] = str(data["root"])
        for name in ("parts", "digests"):
            data[name].items()
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        where = getattr(error, "pos", None)
        place = "" if where is None else f", near byte {len(before) + len(opened) + where:,}"
        raise DataError(f"the data of the page was changed: {error}{place}") from error
    return before + OPEN.encode() + CLOSE.encode() + after, data


def _recompute(tasks: dict[str, Any], found: Checked) -> None:
    """Compute every task's verdict anew from its pairs, all adjusted together as they were."""
    verdicts: list[Verdict] = []
    names: list[str] = []
    for name, part in tasks.items():
        try:
            margin = part["card"]["verdict"]["equivalence_margin"]
            verdicts.append(paired_verdict(_paired(part["pairs"]), part["metric"], margin))
            names.append(name)
        except (KeyError, TypeError, ValueError, AttributeError, pa.ArrowException) as error:
            found.problems.append(f"{name}: its answers cannot be read: {error}")
    for name, verdict in zip(names, adjust(verdicts), strict=True):
        found.tasks += 1
        found.questions += verdict.n
        stated = tasks[name]["card"]["verdict"]
        for key, value in verdict.to_dict().items():
            if not _same(stated.get(key), value):
                found.problems.append(
                    f"{name}: {key} is {value} by the answers, and {stated.get(key)} on the page"
                )


def _paired(told: dict[str, Any]) -> Pairs:
    a, b = (np.array(told[side], dtype=np.float64) for side in "ab")
    ones = np.ones(len(a))
    weights = [
        ones if told[name] is None else np.array(told[name], dtype=np.float64)
        for name in ("weights_a", "weights_b")
    ]
    if not len(told["ids"]) == len(a) == len(b) == len(weights[0]) == len(weights[1]):
        raise ValueError("not as many ids as values")
    ids = pa.chunked_array([pa.array(told["ids"], pa.string())])
    return Pairs(ids, a, b, weights[0], weights[1], told["clusters"], 0, 0)


def _same(stated: Any, value: Any) -> bool:
    if isinstance(stated, float | int) and isinstance(value, float | int):
        return math.isclose(stated, value, rel_tol=1e-9, abs_tol=1e-12)
    return bool(stated == value)
