"""Packages to begin with, for what people add to olmo-eval: ``olmo-eval new`` writes them.

A skeleton is a folder of templates beside this module. Each becomes a file of the package, with
``{{placeholders}}`` in its text and ``PACKAGE`` or ``TASK`` in its path; its name ends in
``.template`` so that nothing takes it for a module. What ``common`` holds belongs to every kind.
"""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from olmo_eval.errors import UsageError

_HERE = Path(__file__).parent
_SUFFIX = ".template"
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*", re.ASCII)
#: how names of packages end that the names of their tasks do not repeat
_ENDINGS = re.compile(r"_(evals?|tasks|pack)$")

#: kind -> what a package of that kind is, in one line
KINDS = {
    "task-pack": "Tasks for olmo-eval",
    "provider": "A provider for olmo-eval: a way to run models",
    "sandbox": "A sandbox for olmo-eval: where commands of models run",
    "scaffold": "A scaffold for olmo-eval: how a model is led to an answer",
    "judge": "A judge for olmo-eval: how answers are graded by asking a model",
    "external": "A benchmark with a runner of its own for olmo-eval",
}


@frozen
class Names:
    """The names in a package: ``acme-evals`` has the module ``acme_evals``, tasks that begin with
    ``acme_``, classes that begin with ``Acme``."""

    distribution: str
    task: str = "example"

    @property
    def package(self) -> str:
        return self.distribution.replace("-", "_").lower()

    @property
    def prefix(self) -> str:
        return _ENDINGS.sub("", self.package)

    def values(self) -> dict[str, str]:
        """What the placeholders stand for."""
        return {
            "distribution": self.distribution,
            "package": self.package,
            "prefix": self.prefix,
            "task": self.task,
            "class": _camel(self.package),
            "upper": self.package.upper(),
            "task_class": _camel(self.task),
        }

    def check(self) -> None:
        """Refuse names that Python or pip would not take.

        Raises:
            UsageError: naming what is wrong with which name.
        """
        if not _NAME.fullmatch(self.distribution):
            raise UsageError(
                f"{self.distribution!r} cannot be the name of a package",
                hint="use letters, digits and single hyphens or underscores, a letter first: "
                "acme-evals",
            )
        for name, what in ((self.package, "package"), (self.task, "task")):
            if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name):
                raise UsageError(
                    f"{name!r} cannot be the name of a {what}, whose module is called so",
                    hint="use letters, digits and underscores, and none of Python's own words",
                )
        if self.package in sys.stdlib_module_names or self.package.startswith("olmo_eval"):
            owner = "olmo-eval" if self.package.startswith("olmo_eval") else "Python"
            raise UsageError(
                f"{self.distribution!r} would hide a module of {owner} called {self.package}",
                hint=f"take another name, such as acme-{self.distribution}",
            )


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def render(kind: str, names: Names) -> Iterator[tuple[str, str]]:
    """The files of a package: each one's path, relative to its folder, and its text."""
    values = {**names.values(), "description": KINDS[kind]}
    for folder in ("common", kind.replace("-", "_")):
        for template in sorted((_HERE / folder).rglob(f"*{_SUFFIX}")):
            path = template.relative_to(_HERE / folder).as_posix().removesuffix(_SUFFIX)
            path = path.replace("PACKAGE", names.package).replace("TASK", names.task)
            text = template.read_text(encoding="utf-8")
            yield path, _PLACEHOLDER.sub(lambda found: values[found.group(1)], text)


def write(kind: str, names: Names, folder: Path) -> list[Path]:
    """Write a package into ``folder``, which must be new or empty; returns its files.

    Raises:
        UsageError: a bad name, a folder that holds something, or no place to write.
    """
    names.check()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} exists already", hint="take another name, or say where with --folder"
        )
    written = []
    try:
        for path, text in render(kind, names):
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            written.append(file)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}") from error
    return written
