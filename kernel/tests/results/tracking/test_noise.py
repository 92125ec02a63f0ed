"""The noise floor: measured by repeats, kept in the store, used where flips are shown."""

from __future__ import annotations

from typing import Any

import pytest

from olmo_eval import compare
from olmo_eval.errors import DataError
from olmo_eval.results import NoiseFloors, Store, biographies_of, track
from olmo_eval.results.statistics import answer_flip_rate


def repeats(bench: Any, *more: str) -> Any:
    """A mock whose answers depend on a seed that repeats set otherwise."""
    given = ("-t", "sums", "-o", "provider.kwargs.skill=0.5", "--json")
    vary = ("--vary", "provider.kwargs.seed=1", "--vary", "provider.kwargs.seed=2")
    return bench.cli("noise", "mock", *given, *(more or vary))


def test_repeats_that_agree_have_no_noise(bench: Any) -> None:
    printed = bench.cli("noise", "mock", "-t", "sums", "--repeats", "3")

    assert printed.code == 0, printed.err
    (floor,) = NoiseFloors("results").all()
    assert (floor.flip_rate, floor.flipped, floor.repeats, floor.n) == (0.0, (), 3, 40)
    assert floor.ci_high is not None and 0 < floor.ci_high < 0.1
    assert floor.settings == ("as given", "max_concurrency=5", "max_concurrency=16")
    assert Store("results").runs() == []  # repeats are in no query of other runs


def test_the_flip_rate_is_that_of_pairs_of_repeats(bench: Any) -> None:
    printed = repeats(bench)

    assert printed.code == 0, printed.err
    (told,) = printed.json["floors"]
    values = []
    for run in Store("results/noise").runs():
        rows = run.instances("sums").to_pylist()
        values.append({r["instance_id"]: r["values"]["accuracy:exact_match"] for r in rows})
    assert len(values) == 3
    pairs = [(values[0], values[1]), (values[0], values[2]), (values[1], values[2])]
    rate = sum(a[i] != b[i] for a, b in pairs for i in a) / (3 * 40)
    assert told["flip_rate"] == pytest.approx(rate) and rate > 0.2
    flipped = {i for i in values[0] if len({v[i] for v in values}) > 1}
    assert set(told["flipped"]) == flipped


def test_what_was_measured_is_measured_anew_without_asking(bench: Any) -> None:
    first = repeats(bench).json
    again = repeats(bench)

    assert again.json == first
    assert len(Store("results/noise").runs()) == 3
    assert again.err.count("is complete") == 3


def test_flips_that_noise_explains_are_marked(bench: Any) -> None:
    flipped = set(repeats(bench).json["floors"][0]["flipped"])
    a, b = bench.evaluate("sums", skill=0.5), bench.evaluate("sums", skill=0.9)

    found = compare(a, b)
    marked = {flip.instance_id: flip.noise for flip in found.flips("sums")}
    printed = bench.cli("compare", a.run_id, b.run_id, "--show", "all", "-n", "40")

    assert any(marked.values()) and not all(marked.values())
    assert all(noise == (i in flipped) for i, noise in marked.items())
    assert any("between repeats of mock" in note for note in found.notes)
    assert printed.out.count("noise: repeats of one model differ here, too") == sum(marked.values())


def test_runs_without_a_measurement_are_compared_as_before(bench: Any) -> None:
    found = compare(bench.evaluate("sums", skill=0.5), bench.evaluate("sums", skill=0.9))

    assert not any("repeats" in note for note in found.notes)
    assert not any(flip.noise for flip in found.flips("sums"))


def test_biographies_and_alarms_take_the_floor_into_account(bench: Any) -> None:
    for step in range(1, 7):
        skill = 0.9 if step < 6 else 0.5
        bench.evaluate("sums", skill=skill, group="run", step=step, name=f"step {step}")
    before = track("results", ["run"]).tracks[0].points[-1]
    (floor,) = repeats(bench).json["floors"]

    (found,), _ = biographies_of("results", "run")
    after = track("results", ["run"]).tracks[0].points[-1]

    assert found.flip_rate >= min(0.25, answer_flip_rate(floor["flip_rate"]))
    assert before.alarmed
    assert after.alarm is not None and before.alarm is not None
    assert after.alarm.p_value > before.alarm.p_value
    assert {m.instance_id for m in after.moved if m.noise} <= set(floor["flipped"])


def test_a_floor_that_cannot_be_read_is_named(bench: Any) -> None:
    repeats(bench)
    (path,) = (bench.folder / "results/noise/floors").glob("*.json")
    path.write_text('{"version": 1}')

    with pytest.raises(DataError, match=path.name):
        NoiseFloors("results").all()


def test_noise_needs_a_task(bench: Any) -> None:
    assert bench.cli("noise", "mock").code == 2
