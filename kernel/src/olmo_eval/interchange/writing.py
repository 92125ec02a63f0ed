"""Writing transcripts to files in the format of an exporter."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any

import orjson
from attrs import frozen

from olmo_eval.errors import OlmoEvalError, UsageError
from olmo_eval.interchange.exporter import Exporter
from olmo_eval.interchange.losses import Losses
from olmo_eval.results.transcripts import Transcript
from olmo_eval.results.version import file_name


@frozen
class Written:
    """How many transcripts were written, and what they had to leave behind."""

    transcripts: int
    losses: Losses


def write_transcripts(chosen: Iterable[Transcript], exporter: Exporter, output: Path) -> Written:
    """Write transcripts to ``output``: a file of lines, or of one transcript; or a folder, where
    the format has a file for each and there are several or the name has no ending.

    One transcript is in memory at a time. A file appears when it is whole.

    Raises:
        UsageError: there is nothing to write, or the format cannot hold it. OlmoEvalError: it
            cannot be written.
    """
    iterator = iter(chosen)
    first = list(islice(iterator, 2))
    if not first:
        raise UsageError("there is no such transcript to write")
    losses = Losses()
    every = chain(first, iterator)
    with _named_errors(output):
        if exporter.layout == "lines":
            n = _write_lines(every, exporter, output, losses)
        elif len(first) == 1 and output.suffix and not output.is_dir():
            document = exporter.document(first[0], losses)
            n = 0 if document is None else 1
            if document is not None:
                _write_whole(output, _pretty(document))
        else:
            n = _write_files(every, exporter, output, losses)
    if not n:
        raise UsageError(
            "the format has no place for any of these transcripts",
            hint=f"left out: {', '.join(losses.lines())}",
        )
    return Written(n, losses)


def _write_lines(
    every: Iterable[Transcript], exporter: Exporter, output: Path, losses: Losses
) -> int:
    if output.is_dir():
        raise UsageError(f"{output} is a folder", hint="name a file, such as transcripts.jsonl")
    n = 0
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f"{output.name}.tmp")
    try:
        with temporary.open("wb") as file:
            for one in every:
                document = exporter.document(one, losses)
                if document is not None:
                    file.write(_json(document, 0) + b"\n")
                    n += 1
        if n:
            os.replace(temporary, output)
    finally:
        temporary.unlink(missing_ok=True)
    return n


def _write_files(
    every: Iterable[Transcript], exporter: Exporter, folder: Path, losses: Losses
) -> int:
    if folder.is_file() or folder.suffix == ".json":
        raise UsageError(
            "there are several transcripts, and the format has a file for each",
            hint="name a folder with -o, or one instance and --sample",
        )
    n = 0
    for one in every:
        document = exporter.document(one, losses)
        if document is None:
            continue
        place = folder / file_name(one.task)
        place.mkdir(parents=True, exist_ok=True)
        sample = f".{one.sample}" if one.samples > 1 else ""
        name = f"{file_name(one.instance_id)[:200]}{sample}.json"
        _write_whole(place / name, _pretty(document))
        n += 1
    return n


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _pretty(document: dict[str, Any]) -> bytes:
    return _json(document, orjson.OPT_INDENT_2) + b"\n"


def _json(document: dict[str, Any], option: int) -> bytes:
    return orjson.dumps(document, option=option)


@contextmanager
def _named_errors(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OlmoEvalError(
            f"cannot write {output}: {error.strerror or error}", hint="choose another place with -o"
        ) from error
