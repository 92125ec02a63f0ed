"""URLs: a real S3 server on loopback, and what goes wrong with one."""

from __future__ import annotations

import gzip
import io
from typing import Any

import pytest

from olmo_eval.data import DataLoader, DataSource
from olmo_eval.errors import DataError, MissingDependencyError

LINES = b'{"id": 1}\n{"id": 2}\n'


@pytest.fixture
def bucket(s3: Any) -> None:
    """The bucket ``evals`` of an S3 server on loopback."""
    s3.create_bucket(Bucket="evals")
    for name, body in {
        "internal/freshqa.jsonl": LINES,
        "packed/x.jsonl.gz": gzip.compress(LINES),
        "folder/test-00000.csv": b"id\n1\n",
        "folder/test-00001.csv": b"id\n2\n",
        "folder/train.jsonl": b'{"id": 9}\n',
        "parquet/x.parquet": _parquet(),
        "broken/x.jsonl": b'{"id": 1}\n{"id":\n',
        "long/x.jsonl": b'{"id": 1}\n' * 2_000_000,
    }.items():
        s3.put_object(Bucket="evals", Key=name, Body=body)


def _parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([{"id": 1}, {"id": 2}]), buffer)
    return buffer.getvalue()


def load(path: str, **fields: Any) -> list[Any]:
    return [row["id"] for row in DataLoader().load(DataSource(path, **fields))]


@pytest.mark.engine
@pytest.mark.usefixtures("bucket")
class TestS3:
    """The endpoint comes from AWS_ENDPOINT_URL, as for every other AWS tool."""

    def test_formats_and_compression_follow_the_suffix(self) -> None:
        assert load("s3://evals/internal/freshqa.jsonl") == [1, 2]
        assert load("s3://evals/packed/x.jsonl.gz") == [1, 2]
        assert load("s3://evals/parquet/x.parquet") == [1, 2]

    def test_a_prefix_is_a_folder(self) -> None:
        assert load("s3://evals/folder", split="test") == ["1", "2"]
        assert load("s3://evals/folder/", split="train") == [9]
        assert load("s3://evals/folder", data_files="train.jsonl") == [9]
        with pytest.raises(DataError, match="s3://evals/folder: no files for split 'dev'"):
            load("s3://evals/folder", split="dev")

    def test_only_what_is_asked_for_is_fetched(self) -> None:
        rows = DataLoader().load(DataSource("s3://evals/long/x.jsonl"))
        assert next(rows) == {"id": 1}
        rows.close()  # type: ignore[attr-defined]

    def test_the_record_has_what_pins_the_content(self) -> None:
        described = DataLoader().describe(DataSource("s3://evals/internal/freshqa.jsonl"))
        (file,) = described["files"]
        assert described["kind"] == "remote"
        assert file["file"] == "s3://evals/internal/freshqa.jsonl"
        assert file["bytes"] == len(LINES)
        assert len(file["etag"]) == 32
        assert described["fingerprint"]

    @pytest.mark.parametrize(
        ("path", "message", "hint"),
        [
            (
                "s3://evals/none.jsonl",
                "none.jsonl: there is no such object",
                "check the bucket and the key",
            ),
            ("s3://nobucket/x.jsonl", "bucket does not exist", "check the bucket and the key"),
            ("s3://evals/nofolder", "nothing there", "check the bucket"),
            ("s3://evals/broken/x.jsonl", "s3://evals/broken/x.jsonl:2: not valid", "fix"),
        ],
    )
    def test_what_is_missing_or_malformed_is_named(
        self, path: str, message: str, hint: str
    ) -> None:
        with pytest.raises(DataError, match=message) as caught:
            load(path)
        assert hint in str(caught.value.hint)

    def test_no_credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import s3fs

        s3fs.S3FileSystem.clear_instance_cache()
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(DataError, match="credentials") as caught:
            load("s3://evals/internal/freshqa.jsonl")
        assert "AWS_PROFILE" in str(caught.value.hint)

    def test_a_server_that_is_down(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        with pytest.raises(DataError, match="Could not connect") as caught:
            load("s3://evals/internal/freshqa.jsonl")
        assert "AWS_ENDPOINT_URL" in str(caught.value.hint)


@pytest.mark.engine
def test_any_other_file_system_of_fsspec() -> None:
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").pipe("/evals/x.jsonl", LINES)
    assert load("memory://evals/x.jsonl") == [1, 2]
    described = DataLoader().describe(DataSource("memory://evals/x.jsonl"))
    assert len(described["files"][0]["sha256"]) == 64
    with pytest.raises(DataError, match="Protocol not known: nosuch"):
        load("nosuch://evals/x.jsonl")


@pytest.mark.parametrize(("scheme", "extra"), [("s3", "s3"), ("gs", "gs")])
def test_a_missing_package_is_named_with_its_install_command(
    scheme: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("fsspec", "fsspec.core"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(MissingDependencyError, match=f"{scheme}://") as caught:
        load(f"{scheme}://bucket/x.jsonl")
    assert caught.value.hint == f"pip install 'olmo-eval[{extra}]'"
