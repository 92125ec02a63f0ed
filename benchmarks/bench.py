"""The figures of the project, beside its peers: writes benchmarks/RESULTS.md.

    make bench
    python benchmarks/bench.py --peers .venv-frameworks/bin [--only overhead reading ...]

Sections: ``starting``, ``overhead``, ``reading``, ``engines``, ``code``, ``store``, ``million``.
The peers are lm-evaluation-harness and Inspect in an environment of their own, ``--peers``; both
sides do the same work in the same run. ``--only`` measures some sections anew and leaves the others
of the page as they were; each says when and where it was measured. Every command is a process of
its own; those of the first three sections run on one core.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import overhead
import peers
from attrs import frozen
from usage import Usage, pinned, quickest, used

HERE = Path(__file__).resolve().parent
PAGE = HERE / "RESULTS.md"
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
OURS = Path(sys.executable).parent / "olmo-eval"


@frozen
class Setting:
    """Where things are, and how much to do."""

    peers: Path
    sizes: tuple[int, ...]
    questions: int
    runs: int
    folder: Path

    @property
    def python(self) -> str:
        """The peers' interpreter."""
        return str(self.peers / "python")


def table(titles: list[str], rows: list[list[str]]) -> str:
    lines = [titles, ["---", *(["---:"] * (len(titles) - 1))], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def times_more(ours: float, *theirs: float | None) -> str:
    """How many times the least of the peers' figures ours is, where less is better."""
    known = [value for value in theirs if value is not None]
    return f"{min(known) / ours:.1f}" if known else "-"


# -- sections


def starting(setting: Setting) -> str:
    """CPU seconds of a process: help, a listing, one task built with its first question."""
    data, shots, plugin = _work(setting, 1_000)
    peers.write_lm_eval(setting.folder, data, shots)
    task = peers.write_inspect(setting.folder, data, shots)
    ours_task = (
        "from olmo_eval.evals.tasks.common import build_task; "
        f"from olmo_eval.plugins import manager; manager().load({str(plugin)!r}); "
        "next(iter(build_task('overhead').instances))"
    )
    lm_task = (
        "from lm_eval.tasks import TaskManager, get_task_dict; "
        "found = get_task_dict(['overhead'], TaskManager(include_path='lm_eval_tasks')); "
        "next(iter(found['overhead'].eval_docs))"
    )
    inspect_task = (
        f"from inspect_ai._eval.loader import load_tasks; load_tasks([{task.name!r}])[0].dataset[0]"
    )
    contests: dict[str, tuple[list[str], list[str], list[str] | None]] = {
        "`--help`": ([str(OURS), "--help"], ["lm_eval", "--help"], ["inspect", "--help"]),
        "listing all tasks": ([str(OURS), "tasks"], ["lm_eval", "ls", "tasks"], None),
        "building one task, its first question": (
            [sys.executable, "-c", ours_task],
            ["python", "-c", lm_task],
            ["python", "-c", inspect_task],
        ),
    }
    rows = []
    for what, (ours, *others) in contests.items():
        mine = quickest(ours, 3, setting.folder).cpu
        found = [
            None
            if command is None
            else quickest([str(setting.peers / command[0]), *command[1:]], 3, setting.folder).cpu
            for command in others
        ]
        shown = ["-" if seconds is None else f"{seconds:.2f} s" for seconds in found]
        rows.append([what, f"{mine:.2f} s", *shown, times_more(mine, *found)])
    titles = ["", "olmo-eval", "lm_eval", "inspect", "times less"]
    return f"CPU seconds, best of three.\n\n{table(titles, rows)}"


def overheads(setting: Setting) -> str:
    """Whole runs with an engine that answers at once."""
    rows = []
    for n in setting.sizes:
        data, shots, _ = _work(setting, n)
        found = {
            "olmo-eval": _usage(overhead.run(setting.folder, n, 0.6)),
            "lm_eval": _lm_eval_run(setting, n, data, shots),
        }
        inspected = _inspect_run(setting, n, data, shots)
        if inspected is not None:
            found["inspect"] = inspected
        sizes = {
            "olmo-eval": overhead.bytes_a_row(setting.folder, n),
            "lm_eval": _bytes(setting.folder / f"lm_eval-{n}") / n,
            "inspect": _bytes(setting.folder / f"inspect-{n}") / n,
        }
        best = min(usage.cpu for name, usage in found.items() if name != "olmo-eval")
        for name, usage in found.items():
            more = f"{best / usage.cpu:.1f}" if name == "olmo-eval" else ""
            rows.append([f"{n:,}", name, *_shown(n, usage), f"{sizes[name]:,.0f}", more])
        if inspected is None:
            rows.append([f"{n:,}", "inspect", *["did not finish"] + [""] * 5])
        print(table(["n", "", "", "", "", "", "", ""], rows[-3:]), flush=True)
    titles = ["instances", "", "wall", "CPU", "instances a CPU second", "peak memory"]
    return (
        "Five-shot generation, exact match, everything logged; instances a CPU second count "
        "start-up. The last column is how many times the CPU time of the quicker peer is ours.\n\n"
        + table([*titles, "bytes a row", "times less"], rows)
    )


def reading(setting: Setting) -> str:
    """Two means and their paired difference from two runs that are on disk, after imports."""
    n = max(setting.sizes)
    data, shots, _ = _work(setting, n)
    for skill in (0.6, 0.65)[len(list(setting.folder.glob(f"results-{n}/runs/2*"))) :]:
        overhead.run(setting.folder, n, skill)
    if not (setting.folder / f"lm_eval-{n}").exists():
        _lm_eval_run(setting, n, data, shots)
    whole = ["lm_eval"]
    if _inspect_run(setting, n, data, shots) is not None:
        whole.append("inspect")
    ours = min(float(overhead.reading(setting.folder, n).split()[0]) for _ in range(3))
    found = {}
    for peer in whole:
        command = [setting.python, "-c", peers.reader(peer), str(setting.folder / f"{peer}-{n}")]
        done = subprocess.run(pinned(command), check=True, capture_output=True, text=True)
        found[peer] = float(done.stdout.split()[-1])
    rows = [
        ["olmo-eval (with intervals and a verdict)", f"{ours:.2f} s", ""],
        *([name, f"{seconds:.2f} s", f"{seconds / ours:.0f}"] for name, seconds in found.items()),
    ]
    return f"Two runs of {n:,} instances; wall.\n\n{table(['', 'wall', 'times ours'], rows)}"


def engines(setting: Setting) -> str:
    """`hf_speed.py`: log-likelihoods and generation with a model of about 30 million parameters."""
    said = []
    for kind, size in (("likelihood", "--questions"), ("generation", "--prompts")):
        command = [sys.executable, str(HERE / "hf_speed.py"), kind, size, str(setting.questions)]
        command += ["--peer-python", setting.python, "--batch-sizes", "1", "16"]
        said.append(_said(command))
    return f"transformers on both sides, on the CPU; the peer is lm_eval.\n\n{_quoted(*said)}"


def code(setting: Setting) -> str:
    """Generated programs in containers: the resident runner, and Inspect's docker sandbox."""
    said = _said([sys.executable, str(HERE / "sandboxes.py"), "--only", "runner"])
    parts = [_quoted(said)]
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        parts.append(
            "Inspect's docker sandbox needs `docker compose`, which is not on this machine."
        )
    else:
        import sandboxes

        count = 20
        task = peers.write_code(setting.folder, sandboxes.PROGRAM, sandboxes.IMAGE, count)
        took = _inspect(setting, task, setting.folder / "inspect-code", count)
        speed = "did not finish" if took is None else f"{count / took.wall:.2f}/s"
        parts.append(f"Inspect: {count} programs, an environment each: {speed}.")
    return "\n\n".join(parts)


def store(setting: Setting) -> str:
    """`store.py`: what commands cost where there are many runs of 57 tasks."""
    return _quoted(_said([sys.executable, str(HERE / "store.py"), "--runs", str(setting.runs)]))


def million(setting: Setting) -> str:
    """One run of 1,000,000 instances."""
    rows = []
    for n in (max(setting.sizes), 1_000_000):
        usage = _usage(overhead.run(setting.folder, n, 0.7))
        rows.append([f"{n:,}", *_shown(n, usage)])
    titles = ["instances", "wall", "CPU", "instances a CPU second", "peak memory"]
    return table(titles, rows)


SECTIONS: dict[str, tuple[str, Callable[[Setting], str]]] = {
    "starting": ("Starting, listing, building a task", starting),
    "overhead": ("What a run costs beside its engine", overheads),
    "reading": ("Reading and comparing two runs", reading),
    "engines": ("Engines", engines),
    "code": ("Running code", code),
    "store": ("A store of many runs", store),
    "million": ("A million instances", million),
}


# -- the work


def _work(setting: Setting, n: int) -> tuple[Path, Path, Path]:
    """Questions, examples, and our task of them."""
    data, shots = setting.folder / f"rows-{n}.jsonl", setting.folder / "shots.jsonl"
    if not data.exists():
        overhead.write_rows(data, n)
        overhead.write_rows(shots, 20, start=10**9)
    return data, shots, overhead.write_task(setting.folder, n)


def _usage(taken: dict[str, float]) -> Usage:
    return Usage(taken["wall"], taken["cpu"], taken["peak_mb"])


def _lm_eval_run(setting: Setting, n: int, data: Path, shots: Path) -> Usage:
    arguments = peers.write_lm_eval(setting.folder, data, shots)
    command = [str(setting.peers / "lm_eval"), *arguments, str(setting.folder / f"lm_eval-{n}")]
    cache = {"HF_DATASETS_CACHE": str(setting.folder / "datasets")}
    return used(pinned(command), setting.folder, OFFLINE | cache)


def _inspect_run(setting: Setting, n: int, data: Path, shots: Path) -> Usage | None:
    task = peers.write_inspect(setting.folder, data, shots)
    return _inspect(setting, task, setting.folder / f"inspect-{n}", n)


def _inspect(setting: Setting, task: Path, logs: Path, n: int) -> Usage | None:
    """A run of Inspect's; None where its log does not say that all ``n`` samples are finished. It
    counts tokens with an encoding that it downloads, and fails where it cannot."""
    shutil.rmtree(logs, ignore_errors=True)
    command = [str(setting.peers / "inspect"), "eval", task.name, "--model", "mockllm/model"]
    command += ["--log-dir", str(logs), "--display", "none", "--max-connections", "100"]
    usage = used(pinned(command), setting.folder, OFFLINE)
    said = subprocess.run(
        [setting.python, "-c", peers.FINISHED, str(logs)], capture_output=True, text=True
    )
    return usage if said.returncode == 0 and said.stdout.strip() == str(n) else None


def _shown(n: int, usage: Usage) -> list[str]:
    """The columns wall, CPU, instances a CPU second and peak memory."""
    times = [f"{usage.wall:.1f} s", f"{usage.cpu:.1f} s", f"{n / usage.cpu:,.0f}"]
    return [*times, f"{usage.peak_mb:,.0f} MB"]


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _said(command: list[str]) -> str:
    """What a benchmark of its own prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **OFFLINE})
    print(done.stdout, flush=True)
    return done.stdout if done.returncode == 0 else f"{done.stdout}\nended with {done.returncode}"


def _quoted(*texts: str) -> str:
    return "```\n" + "\n".join(text.strip() for text in texts) + "\n```"


# -- the page


def machine(setting: Setting) -> str:
    """Where and with what a section was measured."""
    cpu = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    script = (
        "from importlib.metadata import version as v; import json; "
        "print(json.dumps({n: v(n) for n in ('lm_eval', 'inspect_ai')}))"
    )
    asked = subprocess.run([setting.python, "-c", script], capture_output=True, text=True)
    versions = {"olmo-eval": metadata.version("olmo-eval"), **json.loads(asked.stdout or "{}")}
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    load = os.getloadavg()[2]
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {os.cpu_count()} cores"
        f"{f' ({cpu[1]})' if cpu else ''}, load {load:.1f} over 15 minutes; "
        f"Python {platform.python_version()}; {named}"
    )


def parts() -> dict[str, str]:
    """The sections of the page as it is."""
    found = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.M)[1:] if PAGE.exists() else []
    return {title.strip(): body.strip() for title, _, body in (p.partition("\n") for p in found)}


def written(sections: dict[str, str]) -> Iterator[str]:
    yield "# Figures\n"
    yield (
        "Written by `make bench`. In each section both sides did the same work in the same run, "
        "one after the other, on a shared machine whose load the section names: the ratios mean "
        "something, the seconds are upper bounds."
    )
    for title, _ in SECTIONS.values():
        if title in sections:
            yield f"\n## {title}\n\n{sections[title]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peers", type=Path, default=HERE.parent / ".venv-frameworks/bin")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 50_000])
    parser.add_argument("--questions", type=int, default=128, help="for the engines")
    parser.add_argument("--runs", type=int, default=10_000, help="in the store")
    options = parser.parse_args()
    if not (options.peers / "inspect").exists():
        raise SystemExit(f"no lm_eval and inspect in {options.peers}: make setup-engines")
    with tempfile.TemporaryDirectory() as name:
        sizes = tuple(options.sizes)
        peers_ = options.peers.absolute()
        setting = Setting(peers_, sizes, options.questions, options.runs, Path(name))
        for key in options.only:
            title, measure = SECTIONS[key]
            print(f"{title} ...", flush=True)
            measured = f"{measure(setting)}\n\n{machine(setting)}."
            PAGE.write_text("\n".join(written({**parts(), title: measured})) + "\n", "utf-8")
            print(measured, flush=True)


if __name__ == "__main__":
    main()
