"""What a Dockerfile describes, as the environment of an instance that any sandbox may make.

One stage on top of an image; what cannot be said in these terms is refused with its line, so that
no environment is quietly another one. Source: the Dockerfile reference of Docker.
"""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from attrs import define, field

from olmo_eval.common.types import EnvironmentSpec

#: where the context lies while the image is made
CONTEXT = "/var/olmo-eval-context"
#: instructions that decide nothing of what commands find
_IGNORED = frozenset(
    {"CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "STOPSIGNAL", "VOLUME"}
)
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")
_ARCHIVE = re.compile(r"\.(tar|tgz|tbz2?|txz|tar\.\w+)$")


class DockerfileError(ValueError):
    """A line that says what cannot be made here."""


@define
class Recipe:
    """A Dockerfile read so far."""

    context: Sequence[str]
    image: str = ""
    folder: str = "/"
    user: str | None = None
    shell: tuple[str, ...] = ("/bin/sh", "-c")
    variables: dict[str, str] = field(factory=dict)
    arguments: dict[str, str] = field(factory=dict)
    steps: list[str] = field(factory=list)
    copies: bool = False

    # -- instructions

    def do(self, word: str, rest: str) -> None:
        """Follow one instruction. Raises DockerfileError."""
        if word in _IGNORED:
            return
        method = getattr(self, f"do_{word.lower()}", None)
        if method is None:
            raise DockerfileError(f"{word} is not supported")
        if not self.image and word not in ("FROM", "ARG"):
            raise DockerfileError(f"{word} before FROM")
        method(rest)

    def do_from(self, rest: str) -> None:
        if self.image:
            raise DockerfileError("several stages are not supported: name the built image instead")
        words = [w for w in self._filled(rest).split() if not w.startswith("--platform=")]
        if not words:
            raise DockerfileError("FROM names no image")
        self.image = words[0]

    def do_arg(self, rest: str) -> None:
        for name, value in _pairs(self._filled(rest), bare=True):
            self.arguments[name] = value

    def do_env(self, rest: str) -> None:
        for name, value in _pairs(self._filled(rest)):
            self.variables[name] = value

    def do_workdir(self, rest: str) -> None:
        self.folder = str(PurePosixPath(self.folder, _unquoted(self._filled(rest))))
        self.steps.append(f"mkdir -p {shlex.quote(self.folder)}")

    def do_user(self, rest: str) -> None:
        self.user = _unquoted(self._filled(rest)).partition(":")[0]

    def do_shell(self, rest: str) -> None:
        words = _listed(rest)
        if not words:
            raise DockerfileError("SHELL takes a list of words")
        self.shell = words

    def do_run(self, rest: str) -> None:
        if not is_root(self.user):
            raise DockerfileError(f"RUN as the user {self.user}: only root makes environments")
        while rest.startswith("--"):
            flag, _, rest = rest.partition(" ")
            if not flag.startswith(("--mount=type=cache", "--network=default")):
                raise DockerfileError(f"RUN {flag} is not supported")
            rest = rest.lstrip()
        words = _listed(rest) or (*self.shell, rest)
        given = [f"export {k}={shlex.quote(v)}" for k, v in self.arguments.items()]
        self.steps.append("; ".join([*given, f"{self._entered()} && {shlex.join(words)}"]))

    def do_add(self, rest: str) -> None:
        for source in rest.split()[:-1]:
            if "://" in source or source.startswith("git@") or _ARCHIVE.search(source):
                raise DockerfileError(f"ADD of {source} is not supported: use RUN")
        self.do_copy(rest)

    def do_copy(self, rest: str) -> None:
        mode, owner, words = _copied(self._filled(rest))
        *sources, target = words
        into = target.endswith("/") or target in (".", "..") or len(sources) > 1
        place = str(PurePosixPath(self.folder, target))
        self.copies = True
        for source in sources:
            for name, is_folder in self._matching(source):
                for word, value in (("chmod", mode), ("chown", owner)):
                    if value:  # what is copied keeps its mode and its owner
                        what = shlex.quote(f"{CONTEXT}/{name}")
                        self.steps.append(f"{word} -R {shlex.quote(value)} {what}")
                self.steps.append(_copying(name, place, is_folder, into))

    # -- parts

    def _entered(self) -> str:
        return f"mkdir -p {shlex.quote(self.folder)} && cd {shlex.quote(self.folder)}"

    def _filled(self, text: str) -> str:
        """``text`` with the variables that are known, as builders fill them in."""
        known = {**self.arguments, **self.variables}

        def value(found: re.Match[str]) -> str:
            return known.get(found[1] or found[2]) or found[3] or ""

        return _VARIABLE.sub(value, text)

    def _matching(self, pattern: str) -> Iterator[tuple[str, bool]]:
        """What of the context a source names: paths, and whether each is a folder."""
        wanted = str(PurePosixPath(pattern.lstrip("/") or "."))
        if wanted == ".":
            yield ".", True
            return
        found = {}
        for path in self.context:
            parts = PurePosixPath(path).parts
            depth = len(PurePosixPath(wanted).parts)
            start = "/".join(parts[:depth])
            if len(parts) >= depth and fnmatch.fnmatchcase(start, wanted):
                found[start] = len(parts) > depth
        if not found:
            raise DockerfileError(f"COPY {pattern}: there is no such file beside the Dockerfile")
        yield from sorted(found.items())


def read(text: str, context: Sequence[str]) -> Recipe:
    """What the Dockerfile ``text`` describes, with the files ``context`` beside it.

    Raises:
        DockerfileError: naming the line that cannot be followed.
    """
    recipe = Recipe(context)
    for number, line in _instructions(text):
        word, _, rest = line.partition(" ")
        try:
            if re.search(r"<<-?[\"']?[A-Za-z_]", rest) and word.upper() in ("RUN", "COPY", "ADD"):
                raise DockerfileError("here-documents are not supported")
            recipe.do(word.upper(), rest.strip())
        except ValueError as error:
            raise DockerfileError(f"Dockerfile, line {number}: {error}") from error
    if not recipe.image:
        raise DockerfileError("Dockerfile: it names no image (FROM)")
    return recipe


def environment(
    recipe: Recipe, context: Mapping[str, bytes], executable: Sequence[str], image: str | None
) -> EnvironmentSpec:
    """The environment that ``recipe`` describes, on top of ``image`` (None: the sandbox's own)."""
    files = {f"{CONTEXT}/{name}": data for name, data in context.items()} if recipe.copies else {}
    steps = list(recipe.steps)
    if files:
        runnable = shlex.join(f"{CONTEXT}/{name}" for name in executable)
        opened = f"chmod -R a+rX {CONTEXT}" + (f" && chmod a+x {runnable}" if runnable else "")
        steps = [opened, *steps, f"rm -rf {CONTEXT}"]
    return EnvironmentSpec(
        image=image,
        files=files,
        setup=steps,
        working_dir=recipe.folder,
        variables=recipe.variables,
    )


def is_root(user: str | None) -> bool:
    """Whether a user, as a Dockerfile names one, is root; so it is where none is named."""
    return user in (None, "", "0", "root")


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    """Instructions with the number of their first line, continued lines joined."""
    held, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or (not held and not line.strip()):
            continue
        first = first or number
        stripped = line.rstrip()
        if stripped.endswith("\\"):
            held += stripped[:-1] + "\n"
            continue
        yield first, (held + stripped).strip()
        held, first = "", 0
    if held:
        yield first, held.strip()


def _listed(text: str) -> tuple[str, ...]:
    """The words of an instruction in JSON form; none where it is in shell form."""
    if not text.startswith("["):
        return ()
    try:
        words = json.loads(text)
    except ValueError:
        return ()
    return tuple(words) if all(isinstance(word, str) for word in words) else ()


def _pairs(text: str, *, bare: bool = False) -> Iterator[tuple[str, str]]:
    """``NAME=VALUE`` pairs, or ``NAME VALUE``; ``bare`` lets a name stand alone."""
    words = shlex.split(text)
    if words and "=" not in words[0] and not bare:
        name, _, value = text.partition(" ")
        yield name, value.strip()
        return
    for word in words:
        name, _, value = word.partition("=")
        yield name, value


def _unquoted(text: str) -> str:
    return text.strip().strip("\"'")


def _copied(text: str) -> tuple[str, str, list[str]]:
    """The mode, the owner, and the sources with their target. Raises DockerfileError."""
    mode = owner = ""
    while text.startswith("--"):
        flag, _, text = text.partition(" ")
        name, _, value = flag.partition("=")
        if name == "--chmod":
            mode = value
        elif name == "--chown":
            owner = value
        else:
            raise DockerfileError(f"COPY {flag} is not supported")
        text = text.lstrip()
    words = list(_listed(text)) or shlex.split(text)
    if len(words) < 2:
        raise DockerfileError("COPY takes what is copied, and where to")
    return mode, owner, words


def _copying(name: str, place: str, is_folder: bool, into: bool) -> str:
    """The command that copies one thing of the context to ``place``."""
    source, target = f"{CONTEXT}/{name}", place
    if is_folder:
        quoted = shlex.quote(target)
        return f"mkdir -p {quoted} && cp -a {shlex.quote(f'{source}/.')} {quoted}"
    if into:
        target = f"{place}/{PurePosixPath(name).name}"
    parent = shlex.quote(str(PurePosixPath(target).parent))
    return f"mkdir -p {parent} && cp -a {shlex.quote(source)} {shlex.quote(target)}"
