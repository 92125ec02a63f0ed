"""What an instance needs, put into the folders of its container."""

from __future__ import annotations

from functools import partial

from olmo_eval.sandbox import EnvironmentSpec, ExecResult, Sandbox, SandboxConfig
from olmo_eval.sandbox.furnish import SetupError
from olmo_eval_sandboxes.common.sandbox import Fill

#: where an image keeps what its set-up left in the working folder, which is empty in a container
KEPT = "/opt/olmo-eval/workspace"
#: how packages are installed
PIP = ("python3", "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet")
#: what makes ``KEPT`` of the working folder: a shell command for the two folders
KEEP = (
    'mkdir -p "$2" && cp -a "$1/." "$2" && chmod -R a+rX "$2" && '
    'find "$1" -mindepth 1 -delete && chmod 1777 "$1"'
)
#: characters of a failed command's output that its error shows
SHOWN = 500


def needs_image(spec: EnvironmentSpec | None) -> bool:
    """Whether ``spec`` wants anything done that takes time, and root's rights.

    What an image has in a working folder of its own is kept aside, since the folder is empty in a
    container.
    """
    if spec is None:
        return False
    keeps = spec.working_dir is not None and not spec.root
    return bool(spec.packages or spec.setup or keeps)


async def write_files(box: Sandbox, spec: EnvironmentSpec) -> None:
    for path, content in spec.files.items():
        await box.write(path, content.encode() if isinstance(content, str) else content)


async def fill(box: Sandbox, folder: str) -> None:
    """Put what the image keeps into the working folder. Raises SetupError."""
    await done(box, ["sh", "-c", 'cp -r "$1/." "$2"', "sh", KEPT, folder], "copying its files")


async def make_folder(box: Sandbox, folder: str) -> None:
    """Have the working folder, which an image may lack. Raises SetupError."""
    # whoever mounts a file system there takes its mode over
    line = 'umask 022 && { test -d "$1" || mkdir -p -m 1777 "$1"; }'
    made = await box.exec(["sh", "-c", line, "sh", folder], cwd="/")
    if not made.ok:
        raise SetupError(f"the folder {folder} cannot be made: {made.stderr.strip()[-SHOWN:]}")


async def _fill_as_root(box: Sandbox, spec: EnvironmentSpec, folder: str) -> None:
    """An image has everything in its place; without one, the files are put there."""
    await make_folder(box, folder)
    if not needs_image(spec):
        await write_files(box, spec)


def writing(spec: EnvironmentSpec | None) -> Fill | None:
    """What writes the files of ``spec`` into a container."""
    return partial(write_files, spec=spec) if spec is not None and spec.files else None


def filling(spec: EnvironmentSpec | None, config: SandboxConfig) -> Fill | None:
    """What puts into a container what ``spec`` wants."""
    if spec is not None and spec.root:
        return partial(_fill_as_root, spec=spec, folder=config.working_dir)
    if needs_image(spec):
        return partial(fill, folder=config.working_dir)
    return writing(spec)


async def done(box: Sandbox, argv: list[str], what: str) -> ExecResult:
    """Run a command that must succeed. Raises SetupError with the end of what it printed."""
    # what root makes, everybody may read
    result = await box.exec(["sh", "-c", 'umask 022 && exec "$@"', "sh", *argv])
    if not result.ok:
        said = " ".join((result.stderr or result.stdout).split())[-SHOWN:]
        ended = "took too long" if result.timed_out else f"ended with exit code {result.exit_code}"
        raise SetupError(f"{what} {ended}: {said}", hint=_hint(said))
    return result


def _hint(said: str) -> str | None:
    if "No space left" in said:
        return "raise disk of the sandbox"
    return None
