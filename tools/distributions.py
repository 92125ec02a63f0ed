"""Build the sdist of every package of the workspace, and from it the wheel.

    make dist                                 into dist/
    python tools/distributions.py FOLDER

A wheel made from its sdist has nothing that the sdist lacks. Needs no network.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from contextlib import chdir
from pathlib import Path

from hatchling.build import build_sdist, build_wheel

ROOT = Path(__file__).resolve().parent.parent


def packages() -> list[Path]:
    """The folders of the packages, the kernel's first."""
    return [
        ROOT / "kernel",
        *(file.parent for file in sorted(ROOT.glob("plugins/*/pyproject.toml"))),
    ]


def build(package: Path, into: Path) -> tuple[Path, Path]:
    """The sdist and the wheel of one package, written to the folder ``into``."""
    into = into.resolve()
    into.mkdir(parents=True, exist_ok=True)
    with chdir(package):
        sdist = into / build_sdist(str(into))
    with tempfile.TemporaryDirectory() as unpacked:
        with tarfile.open(sdist) as archive:
            archive.extractall(unpacked, filter="data")
        (source,) = Path(unpacked).iterdir()
        with chdir(source):
            wheel = into / build_wheel(str(into))
    return sdist, wheel


if __name__ == "__main__":
    for package in packages():
        for file in build(package, Path(sys.argv[1] if sys.argv[1:] else ROOT / "dist")):
            print(file)
