"""Many checkpoints by one pattern, progress, and hints for names that mean something else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.common.figures import counted, sparkline
from olmo_eval.common.suggest import closest
from olmo_eval.errors import UsageError
from olmo_eval.runner.checkpoint_pattern import checkpoints_of


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("step1000", "step200", "step30", "final"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "latest.txt").write_text("step1000")
    return tmp_path


def test_a_pattern_takes_checkpoints_in_the_order_of_steps(folders: Path) -> None:
    found = checkpoints_of(f"{folders}/*")

    names = ["step30", "step200", "step1000", "final"]
    assert found == [f"{folders}/{name}" for name in names]
    assert checkpoints_of(f"mock:{folders}/step*") == [f"mock:{folders}/{n}" for n in names[:3]]


def test_what_is_no_pattern_stays(folders: Path) -> None:
    (folders / "odd[1]").mkdir()

    for model in ("mock", "allenai/OLMo-2", f"{folders}/odd[1]", "no/such/folder"):
        assert checkpoints_of(model) == [model]
    with pytest.raises(UsageError, match="no checkpoint folder matches"):
        checkpoints_of(f"{folders}/epoch*")


def test_progress_names_the_checkpoint_and_the_whole(bench: Any) -> None:
    done = bench.cli("run", "-m", "mock:a/step1", "-m", "mock:a/step2", "-t", "sums")

    assert done.code == 0, done.err
    assert "[1 of 2, step1] sums: 40 instances" in done.err
    assert "[2 of 2, step2] sums: finished 40" in done.err
    alone = bench.cli("run", "-m", "mock:a/step3", "-t", "sums")
    assert "\nsums: 40 instances" in f"\n{alone.err}"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["-t", "sums,pick"], "each task has a -t of its own: -t sums -t pick"),
        (["-t", "SUMS"], "did you mean sums?"),
        (["-o", "limit=3", "-t", "sums"], "for every task: --limit 3"),
    ],
)
def test_what_was_meant_is_said(bench: Any, arguments: list[str], hint: str) -> None:
    refused = bench.cli("run", "-m", "mock", *arguments)

    assert refused.code == 2 and hint in refused.err


def test_an_external_eval_is_no_task(bench: Any) -> None:
    pack = bench.folder / "coins.py"
    pack.write_text(
        "from olmo_eval import hookimpl\n\n\n"
        "@hookimpl\ndef register_external_evals(register):\n"
        "    register('coin_flip', 'coins_elsewhere:CoinFlip')\n"
    )

    refused = bench.cli("run", "--plugin", pack, "-m", "mock", "-t", "coin_flip")

    assert "`olmo-eval external run coin_flip -m MODEL`" in refused.err


def test_a_limit_of_one_task_of_several_is_said(bench: Any) -> None:
    several = bench.cli("run", "-m", "mock", "-t", "sums", "-t", "pick", "-o", "limit=5")

    assert "limit=5 is for pick alone; --limit 5 is for every task" in several.err
    alone = bench.cli("run", "-m", "mock", "-t", "sums", "-o", "limit=5")
    assert "alone" not in alone.err


def test_the_package_is_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "olmo_eval", "--version"], capture_output=True, text=True
    )

    assert done.returncode == 0 and done.stdout.startswith("olmo-eval, version")


def test_figures() -> None:
    assert [counted(n, "loss", "losses") for n in (0, 1, 1200)] == [
        "0 losses",
        "1 loss",
        "1,200 losses",
    ]
    assert counted(1, "question") == "1 question"
    assert sparkline([0.0, None, 0.5, 1.0]) == "▁·▅█"
    assert sparkline([0.3, 0.3]) == "▄▄" and sparkline([None]) == "·"
    assert closest("SUMS", ["sums", "sums_mc"]) == ["sums"]


def test_a_pattern_in_a_bucket(s3: Any) -> None:
    s3.create_bucket(Bucket="models")
    for name in ("step1000", "step200", "notes"):
        s3.put_object(Bucket="models", Key=f"run/{name}/config.json", Body=b"{}")

    found = checkpoints_of("s3://models/run/step*")

    assert found == ["s3://models/run/step200", "s3://models/run/step1000"]
    with pytest.raises(UsageError, match="only the last part may be a pattern"):
        checkpoints_of("s3://models/*/step1")
