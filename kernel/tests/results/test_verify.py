"""A run is what was written, or the file that is not is named."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from olmo_eval import plugins
from olmo_eval.common.types import LMRequest, RequestType, SamplingParams
from olmo_eval.evals.external import (
    ExternalEval,
    ExternalEvalResult,
    ExternalInstance,
    ExternalMetric,
)
from olmo_eval.registry import Owner
from olmo_eval.results import folder, journal
from olmo_eval.results.store import Run, open_run
from olmo_eval.results.verify import Verification, verify_run, verify_store

ACCURACY = ExternalMetric("accuracy", higher_is_better=True, bounds=(0, 1))
ASK = LMRequest(RequestType.COMPLETION, prompt="Heads or tails?")


@pytest.fixture
def run(bench: Any) -> Path:
    """A run of generated answers, choices and a suite."""
    return Path(bench.evaluate("both", "prose", skill=0.7, seed=3, limit=12).location)


def named(found: Verification) -> set[str]:
    return {fault.file for fault in found.faults}


def files_of(run: Path) -> list[Path]:
    return sorted(path for path in run.rglob("*") if path.is_file())


def flipped(path: Path, rng: random.Random, times: int) -> Iterator[int]:
    """Flip a bit at random places of a file, one after the other, and mend it again."""
    content = path.read_bytes()
    for at in rng.sample(range(len(content)), min(times, len(content))):
        wrong = bytes([content[at] ^ (1 << rng.randrange(8))])
        path.write_bytes(content[:at] + wrong + content[at + 1 :])
        yield at
    path.write_bytes(content)


def seal_again(run: Path) -> None:
    """Make the record's digests anew, as somebody who wants to deceive would."""
    made = folder.RunFolder(run)
    record = made.read_json()
    assert record is not None
    made.seal(record)
    made.write_json(record)


def test_a_run_as_written_is_sound(run: Path) -> None:
    found = verify_run(str(run))

    assert found.sound and not found.notes
    assert found.files == len(files_of(run))
    assert found.size == sum(path.stat().st_size for path in files_of(run))
    assert found.scores == len(pq.read_table(run / "metrics.parquet"))


def check_flips(run: Path, times_of_texts: int, times_of_tables: int) -> None:
    rng = random.Random(7)
    for path in files_of(run):
        name = path.relative_to(run).as_posix()
        for at in flipped(
            path, rng, times_of_tables if path.suffix == ".parquet" else times_of_texts
        ):
            assert named(verify_run(str(run))) == {name}, f"{name}, byte {at}"
    assert verify_run(str(run)).sound


def test_a_flipped_bit_is_named_wherever_it_is(run: Path) -> None:
    check_flips(run, 40, 1)


@pytest.mark.slow
def test_many_flipped_bits_are_named_wherever_they_are(run: Path) -> None:
    check_flips(run, 400, 4)


def test_a_damaged_page_is_named_by_row_group_and_column(run: Path) -> None:
    path = run / "instances/sums.parquet"
    group = pq.ParquetFile(path).metadata.row_group(0)
    numbers = {group.column(i).path_in_schema: i for i in range(group.num_columns)}
    column = group.column(numbers["question"])
    content = bytearray(path.read_bytes())
    content[column.data_page_offset + column.total_compressed_size - 3] ^= 1
    path.write_bytes(content)

    (fault,) = verify_run(str(run)).faults

    assert fault.file == "instances/sums.parquet"
    assert fault.where.startswith("row group 0 (rows 0 to 11), column question: ")


def test_a_missing_and_a_cut_file_are_named(run: Path) -> None:
    (run / "answers/sums.parquet").unlink()
    path = run / "instances/pick.parquet"
    path.write_bytes(path.read_bytes()[:-10])

    assert named(verify_run(str(run))) == {"answers/sums.parquet", "instances/pick.parquet"}


def test_a_score_that_its_rows_do_not_give_is_found_without_any_digest(run: Path) -> None:
    path = run / "metrics.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[0]["value"] += 0.01
    pq.write_table(table.from_pylist(rows, schema=table.schema), path)
    seal_again(run)

    (fault,) = verify_run(str(run)).faults

    assert fault.file == "metrics.parquet" and fault.where == "column value"
    assert rows[0]["name"] in fault.what


def test_a_changed_value_of_an_instance_is_found_by_its_score(run: Path) -> None:
    path = run / "instances/sums.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    value = rows[3]["values"]["accuracy:exact_match"]
    rows[3]["values"]["accuracy:exact_match"] = 1.0 - value
    pq.write_table(table.from_pylist(rows, schema=table.schema), path)
    seal_again(run)

    faults = verify_run(str(run)).faults

    assert {fault.file for fault in faults} == {"metrics.parquet"}
    assert any("sums accuracy:exact_match: value is" in fault.what for fault in faults)


def test_a_run_without_digests_says_what_that_means(run: Path) -> None:
    for name in ("run.json", "lock.json"):
        content = json.loads((run / name).read_bytes())
        content.pop("digests", None)
        content.pop("files", None)
        (run / name).write_text(json.dumps(content))

    found = verify_run(str(run))

    assert found.sound and found.scores
    assert "wrote no digests" in found.notes[0]


def test_digests_that_were_taken_away_are_missed(run: Path) -> None:
    content = json.loads((run / "run.json").read_bytes())
    del content["digests"]
    (run / "run.json").write_text(json.dumps(content))

    assert named(verify_run(str(run))) == {"run.json"}


def test_a_step_that_is_set_later_keeps_the_run_sound(bench: Any) -> None:
    made = bench.evaluate("sums", limit=5)

    bench.evaluate("sums", limit=5, step=700)

    assert open_run(made.location).record["model"]["step"] == 700
    assert verify_run(made.location).sound


def test_the_lines_of_a_kept_journal_are_checked(bench: Any) -> None:
    made = Path(bench.evaluate("sums", faults={"fail": 0.3}, limit=20).location)
    path = made / "journal/records.jsonl"
    assert verify_run(str(made)).status == "incomplete"
    assert verify_run(str(made)).sound

    for _ in flipped(path, random.Random(1), 20):
        found = verify_run(str(made))
        assert named(found) == {"journal/records.jsonl"}
        assert "line" in found.faults[0].where


def test_a_line_of_a_journal_is_read_only_with_its_very_checksum() -> None:
    line = journal.encode({"kind": "answer", "id": 1})
    shouted = line[:8].upper() + line[8:]
    assert journal.decode(line) == {"kind": "answer", "id": 1}
    assert shouted == line or journal.decode(shouted) is None
    assert journal.decode(b" " + line[1:]) is None


def test_an_external_run_is_covered_with_what_the_eval_wrote(bench: Any) -> None:
    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        outputs = await context.generate(ASK, SamplingParams(max_tokens=4))
        (context.folder / "log.txt").write_text(outputs[0].text)
        scored = [ExternalInstance(str(n), float(n % 2)) for n in range(8)]
        return ExternalEvalResult({"accuracy": 0.5}, scored)

    kind = type("Acme", (ExternalEval,), {"metrics": (ACCURACY,), "execute": execute})
    plugins.manager().registry("external_evals").add("acme", kind, Owner("acme", "1", __name__))
    printed = bench.cli("external", "run", "acme", "-m", "mock")
    assert printed.code == 0, printed.err
    (found,) = verify_store("results")
    assert found.sound and found.scores == 1
    made = Path(found.location)

    for name in ("requests.jsonl", "external/log.txt"):
        for _ in flipped(made / name, random.Random(1), 5):
            assert named(verify_run(str(made))) == {name}


def test_the_store_is_checked_run_by_run_and_the_command_fails(bench: Any, run: Path) -> None:
    other = Path(bench.evaluate("sums", skill=0.2, limit=9).location)
    assert [one.sound for one in verify_store("results")] == [True, True]
    assert bench.cli("verify").out.endswith("2 runs, nothing wrong\n")
    (other / "run.json").write_text("{")

    printed = bench.cli("verify")
    alone = bench.cli("verify", other.name, "--json")

    assert printed.code == 1
    assert f"{other.name}: unknown, 0 files (0 bytes), 0 scores: 1 fault" in printed.out
    assert printed.err.startswith("error: 1 of 2 runs are not as written\n")
    assert alone.code == 1
    assert alone.json[0]["faults"][0]["file"] == "run.json"
    assert bench.cli("verify", run.name[:10]).code in (0, 2)


def test_a_converted_run_is_covered(bench: Any, tmp_path: Path) -> None:
    old = Path(__file__).parent / "version1"
    source = next(path.parent for path in sorted(old.rglob("run.json")))
    copy = tmp_path / "results/runs" / json.loads((source / "run.json").read_bytes())["run_id"]
    shutil.copytree(source, copy)
    before = verify_run(str(copy))
    assert before.sound and before.scores and "wrote no digests" in before.notes[0]

    assert bench.cli("results", "convert", copy.name).code == 0

    after = verify_run(str(copy))
    assert after.sound and not after.notes and after.scores == before.scores


@pytest.mark.engine
def test_a_run_in_a_bucket_is_checked_like_any_other(bench: Any, s3: Any) -> None:
    s3.create_bucket(Bucket="evals")
    made = bench.evaluate("sums", "pick", limit=12, results="s3://evals/team")
    assert isinstance(made, Run)
    assert verify_run(made.location).sound
    rng, prefix = random.Random(5), f"team/runs/{made.run_id}/"

    for item in s3.list_objects_v2(Bucket="evals", Prefix=prefix)["Contents"]:
        name = item["Key"].removeprefix(prefix)
        content = s3.get_object(Bucket="evals", Key=item["Key"])["Body"].read()
        if not content:  # what stands for a folder
            continue
        for at in rng.sample(range(len(content)), 1 if name.endswith(".parquet") else 3):
            wrong = content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :]
            s3.put_object(Bucket="evals", Key=item["Key"], Body=wrong)
            assert named(verify_run(made.location)) == {name}
        s3.put_object(Bucket="evals", Key=item["Key"], Body=content)

    assert all(one.sound for one in verify_store("s3://evals/team"))
    assert bench.cli("verify", "s3://evals/team").out.endswith(": as written\n")
