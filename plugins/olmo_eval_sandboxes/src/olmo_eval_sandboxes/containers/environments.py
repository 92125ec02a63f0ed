"""Images of what instances need: made once for each content, and kept by the engine."""

from __future__ import annotations

import hashlib
import json

import anyio.to_thread

from olmo_eval.common.convert import to_json
from olmo_eval.sandbox import EnvironmentSpec, ExecResult, Sandbox, SandboxConfig
from olmo_eval.sandbox.furnish import SetupError
from olmo_eval_sandboxes.containers.engine import Engine

REPOSITORY = "localhost/olmo-eval-environment"
LABEL = "olmo-eval.environment"
#: where an image keeps what its set-up left in the working folder, which is empty in a container
KEPT = "/opt/olmo-eval/workspace"
#: raised whenever images are made otherwise
_RECIPE = 2
_SHOWN = 500
_PIP = ("python3", "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet")


def needs_image(spec: EnvironmentSpec | None) -> bool:
    """Whether ``spec`` wants anything done that takes time, and root's rights."""
    return spec is not None and bool(spec.packages or spec.setup)


def image_name(engine: Engine, base: str, config: SandboxConfig, spec: EnvironmentSpec) -> str:
    """The name of the image of ``spec`` on top of ``base``: a digest of all that it is made of."""
    content = json.dumps(
        [_RECIPE, engine.image_id(base), config.working_dir, to_json(spec)], sort_keys=True
    )
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{REPOSITORY}:{digest}"


async def make_image(
    engine: Engine, box: Sandbox, container_id: str, spec: EnvironmentSpec, name: str, folder: str
) -> None:
    """Do what ``spec`` wants in ``box``, a container that runs as root, and keep it as ``name``.

    Raises:
        SetupError: a command failed; with the end of what it printed.
    """
    await write_files(box, spec)
    if spec.packages:
        await _done(box, [*_PIP, *spec.packages], f"installing {', '.join(spec.packages)}")
    for line in spec.setup:
        await _done(box, ["sh", "-c", line], f"set-up command {line!r}")
    keep = 'mkdir -p "$2" && cp -a "$1/." "$2" && chmod -R a+rX "$2" && rm -rf "$1"/*'
    await _done(box, ["sh", "-c", keep, "sh", folder, KEPT], "keeping the working folder")
    await anyio.to_thread.run_sync(engine.commit, container_id, name, {LABEL: name})


async def write_files(box: Sandbox, spec: EnvironmentSpec) -> None:
    for path, content in spec.files.items():
        await box.write(path, content.encode() if isinstance(content, str) else content)


async def fill(box: Sandbox, folder: str) -> None:
    """Put what the image keeps into the working folder. Raises SetupError."""
    await _done(box, ["sh", "-c", 'cp -r "$1/." "$2"', "sh", KEPT, folder], "copying its files")


async def _done(box: Sandbox, argv: list[str], what: str) -> ExecResult:
    # what root makes, everybody may read
    result = await box.exec(["sh", "-c", 'umask 022 && exec "$@"', "sh", *argv])
    if not result.ok:
        said = " ".join((result.stderr or result.stdout).split())[-_SHOWN:]
        ended = "took too long" if result.timed_out else f"ended with exit code {result.exit_code}"
        raise SetupError(f"{what} {ended}: {said}", hint=_hint(said))
    return result


def _hint(said: str) -> str | None:
    if "No space left" in said:
        return "raise disk of the sandbox"
    return None
