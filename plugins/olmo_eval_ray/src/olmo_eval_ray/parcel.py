"""What a run needs besides its spec, and how a worker on another machine unpacks it."""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from attrs import evolve, frozen

from olmo_eval import plugins
from olmo_eval.errors import PluginError, UsageError
from olmo_eval.results.redact import is_secret_name
from olmo_eval.runner.spec import RunSpec


@frozen
class Parcel:
    """A run on its way to a worker.

    - ``spec``: as JSON, its plugin files named by what they are called in ``files``;
    - ``files``: the content of plugin files by name;
    - ``distributions``: the versions of the installed plugins;
    - ``folder``: the current folder, in which relative paths begin;
    - ``probe``: a file that only who sees the same results folder sees; empty at a URL;
    - ``variables``: the settings of olmo-eval in the environment, none of them secret.
    """

    spec: str
    files: Mapping[str, bytes]
    distributions: Mapping[str, str]
    folder: str
    probe: str
    variables: Mapping[str, str]


def packed(spec: RunSpec, probe: str) -> Parcel:
    """What a worker needs to take part in the run of ``spec``.

    Raises:
        UsageError: the spec holds a secret, or what only this process has.
    """
    files: dict[str, bytes] = {}
    targets = [*os.environ.get("OLMO_EVAL_PLUGINS", "").split(os.pathsep), *spec.plugins]
    named = [_packed_plugin(t.strip(), files) for t in dict.fromkeys(targets) if t.strip()]
    spec = evolve(spec, plugins=tuple(named), workers="join", results=_absolute(spec.results))
    return Parcel(
        spec=spec.to_json(),
        files=files,
        distributions=installed_plugins(),
        folder=os.getcwd(),
        probe=probe,
        variables={
            name: value
            for name, value in os.environ.items()
            if name.startswith("OLMO_EVAL_")
            and name != "OLMO_EVAL_PLUGINS"
            and not is_secret_name(name)
        },
    )


def _packed_plugin(target: str, files: dict[str, bytes]) -> str:
    """The name of a plugin: of a file, the one that it has in ``files``."""
    path = Path(target)
    if not path.is_file():
        return target
    content = path.read_bytes()
    name = path.name
    if files.get(name, content) != content:
        raise UsageError(
            f"two plugin files are called {name}", hint="rename one: workers tell them by name"
        )
    files[name] = content
    return name


def _absolute(results: str) -> str:
    return results if "://" in results else str(Path(results).resolve())


def installed_plugins() -> dict[str, str]:
    """The distributions that have plugins of olmo-eval, and olmo-eval itself: their versions."""
    found = {
        point.dist.name: point.dist.version
        for point in metadata.entry_points(group=plugins.GROUP)
        if point.dist is not None
    }
    return dict(sorted(found.items()))


@contextlib.contextmanager
def unpacked(parcel: Parcel) -> Iterator[RunSpec]:
    """The spec as it is on this machine, in whose environment the block is.

    Raises:
        PluginError: an installed plugin is missing here, or is another version. UsageError: the
            results folder is not here.
    """
    node = platform.node()
    _refuse_other_plugins(parcel, node)
    if parcel.probe and not Path(parcel.probe).exists():
        folder = Path(parcel.probe).parent
        raise UsageError(
            f"{node} does not see {folder}, to which the results go",
            hint="--results: a folder that every machine has mounted, or s3:// or gs://",
        )
    os.environ.update(parcel.variables)
    if Path(parcel.folder).is_dir():
        os.chdir(parcel.folder)
    with tempfile.TemporaryDirectory(prefix="olmo-eval-plugins-") as here:
        spec = RunSpec.from_json(parcel.spec)
        for name, content in parcel.files.items():
            (Path(here) / name).write_bytes(content)
        named = (str(Path(here) / n) if n in parcel.files else n for n in spec.plugins)
        yield evolve(spec, plugins=tuple(named))


def _refuse_other_plugins(parcel: Parcel, node: str) -> None:
    here = installed_plugins()
    for name, version in parcel.distributions.items():
        if here.get(name) != version:
            found = here.get(name, "missing")
            raise PluginError(
                f"{name} is {version} where the run was started, and {found} on {node}",
                hint=f"on {node}: pip install {name}=={version}",
            )
