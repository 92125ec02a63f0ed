"""What a DataSource says and the strings people write for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmo_eval.common.types import Split
from olmo_eval.data import DataSource, SourceKind
from olmo_eval.errors import UsageError


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (
            "hf://cais/mmlu?subset=anatomy&split=dev",
            DataSource("cais/mmlu", subset="anatomy", split="dev"),
        ),
        ("hf://cais/mmlu?revision=v1", DataSource("cais/mmlu", revision="v1")),
        ("cais/mmlu", DataSource("cais/mmlu")),
        ("gsm8k", DataSource("gsm8k")),
        ("hf://a/b/dir/x.json", DataSource("a/b", data_files="dir/x.json")),
        (
            "hf://datasets/a/b@main/x.json",
            DataSource("a/b", data_files="x.json", revision="main"),
        ),
        ("s3://bucket/x.jsonl", DataSource("s3://bucket/x.jsonl")),
        ("gs://bucket/dir?split=dev", DataSource("gs://bucket/dir", split="dev")),
        ("https://h/x.jsonl?download=1", DataSource("https://h/x.jsonl?download=1")),
        ("questions.jsonl", DataSource("questions.jsonl")),
        ("/data/x.csv", DataSource("/data/x.csv")),
        (
            "file:///data/with%20space?split=dev",
            DataSource("/data/with space", split="dev", source_type="local"),
        ),
    ],
)
def test_from_uri_reads_what_people_write(text: str, source: DataSource) -> None:
    assert DataSource.from_uri(text) == source


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("cais/mmlu", SourceKind.HUB),
        ("gsm8k", SourceKind.HUB),
        ("data/questions.jsonl", SourceKind.LOCAL),
        ("./folder", SourceKind.LOCAL),
        ("/abs/folder", SourceKind.LOCAL),
        ("~/x", SourceKind.LOCAL),
        ("a/b/c", SourceKind.LOCAL),
        ("s3://b/k.jsonl.gz", SourceKind.REMOTE),
        ("gs://b/k.parquet", SourceKind.REMOTE),
    ],
)
def test_kind_follows_from_the_shape_of_the_path(path: str, kind: SourceKind) -> None:
    assert DataSource(path).kind is kind


def test_source_type_overrides_the_shape_and_takes_published_names() -> None:
    assert DataSource("org/name", source_type="local").kind is SourceKind.LOCAL
    assert DataSource("/a/folder", source_type="huggingface").kind is SourceKind.HUB
    with pytest.raises(UsageError, match="unknown source_type 'ftp'"):
        DataSource("x", source_type="ftp")


def test_parse_prefers_an_existing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "questions").write_text("{}\n")
    assert DataSource.parse("questions").kind is SourceKind.LOCAL
    assert DataSource.parse("new.jsonl").kind is SourceKind.LOCAL
    assert DataSource.parse("openai/gsm8k").kind is SourceKind.HUB
    assert DataSource.parse("s3://b/questions.jsonl").kind is SourceKind.REMOTE


def test_fields_take_the_published_forms() -> None:
    source = DataSource(path=Path("x.jsonl"), split=Split.VALIDATION, data_files="a.json")
    assert (source.path, source.split, source.data_files) == ("x.jsonl", "validation", ("a.json",))
    assert type(source.split) is str
    assert hash(source) == hash(DataSource("x.jsonl", None, "validation", ["a.json"]))


def test_format_loader_with_data_files_means_those_files() -> None:
    source = DataSource(
        "json", split="validation", data_files="hf://datasets/a/b/c/validation.json"
    )
    assert source.parts() == (
        DataSource("a/b", split="validation", data_files="c/validation.json"),
    )


def test_data_files_of_a_folder_are_files_in_it() -> None:
    parts = DataSource("./folder", data_files=("a.jsonl", "b.jsonl")).parts()
    assert [part.path for part in parts] == ["./folder/a.jsonl", "./folder/b.jsonl"]


@pytest.mark.parametrize(
    ("make", "message", "hint"),
    [
        (lambda: DataSource.from_uri("hf://a/b?spilt=x"), "unknown key 'spilt'", "split"),
        (lambda: DataSource.from_uri("hf://?split=x"), "no data set is named", "hf://ORG"),
        (lambda: DataSource("hf://a/b"), "a URI is not a path", "from_uri"),
        (lambda: DataSource(""), "needs a path", "hub id"),
        (lambda: DataSource("a/b", data_files={"test": "x"}), "not a mapping", "files"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(make, message: str, hint: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=message) as caught:
        make()
    assert hint in str(caught.value.hint)


_NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
_WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=9)


@given(
    path=st.one_of(st.tuples(_NAMES, _NAMES).map("/".join), _WORDS.map(lambda w: f"/data/{w}")),
    subset=st.none() | _WORDS,
    split=_NAMES,
    revision=st.none() | _NAMES,
    data_files=st.none() | st.lists(_WORDS, min_size=1, max_size=3),
)
def test_a_uri_reads_back_as_the_same_source(path, subset, split, revision, data_files) -> None:  # type: ignore[no-untyped-def]
    source = DataSource(path, subset, split, data_files, revision)
    again = DataSource.from_uri(source.uri())
    assert again.uri() == source.uri()
    assert (again.path, again.subset, again.split) == (source.path, source.subset, source.split)
    assert (again.data_files, again.revision) == (source.data_files, source.revision)
    assert again.kind is source.kind


def test_a_shown_url_has_no_secrets() -> None:
    source = DataSource("https://me:word@host/x.jsonl?X-Amz-Signature=abc", split="dev")
    assert source.uri() == "https://host/x.jsonl?split=dev"
    assert DataSource("s3://bucket/a#b.jsonl").uri() == "s3://bucket/a#b.jsonl"


def test_importing_the_package_imports_no_engine() -> None:
    code = (
        "import sys, olmo_eval.data;"
        "print(*sorted({'pyarrow', 'datasets', 'fsspec', 'numpy', 'orjson'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("split", ["validation+", "+train", "a++b"])
def test_a_joined_split_names_every_part(split: str) -> None:
    with pytest.raises(UsageError, match="lacks a name beside its"):
        DataSource("org/name", split=split)


def test_a_joined_split_survives_its_uri() -> None:
    source = DataSource("org/name", split="validation+train")
    assert DataSource.from_uri(source.uri()) == source
