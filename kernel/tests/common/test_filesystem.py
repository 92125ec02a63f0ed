"""Object stores that do not answer are told apart from folders that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from olmo_eval.common.filesystem import way_out
from olmo_eval.errors import DataError, UsageError
from olmo_eval.providers.remote import fetch_checkpoint
from olmo_eval.results.store import Store


@pytest.fixture(autouse=True)
def nobody_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An endpoint on this machine at which nobody listens."""
    monkeypatch.setenv("OLMO_EVAL_CACHE", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_a_store_that_is_not_reached_is_no_missing_folder() -> None:
    with pytest.raises(UsageError, match="no checkpoint at s3://bucket/step1") as of_model:
        fetch_checkpoint("s3://bucket/step1")
    with pytest.raises(DataError, match="cannot list the runs of s3://bucket/results") as of_runs:
        Store("s3://bucket/results").runs()
    for caught in (of_model, of_runs):
        assert caught.value.hint == (
            "the store is not reached: check the network, the region and AWS_ENDPOINT_URL"
        )


@pytest.mark.parametrize(
    ("said", "way"),
    [
        ("AWS Error ACCESS_DENIED during HeadObject operation", "check the credentials"),
        ("AWS Error NO_SUCH_BUCKET during ListObjectsV2", "check the name of the bucket"),
    ],
)
def test_what_stores_say_has_a_way_out(said: str, way: str) -> None:
    assert way in (way_out(OSError(said)) or "")


def test_what_nobody_knows_keeps_its_own_way_out() -> None:
    assert way_out(OSError("a flood"), "swim") == "swim"
    assert way_out(OSError("a flood")) is None
