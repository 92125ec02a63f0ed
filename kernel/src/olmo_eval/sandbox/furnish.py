"""From what an instance needs to an environment that has it."""

from __future__ import annotations

import logging

import anyio

from olmo_eval.common.types import EnvironmentSpec
from olmo_eval.errors import OlmoEvalError
from olmo_eval.sandbox.backend import Sandbox, SandboxBackend, SandboxError
from olmo_eval.sandbox.config import SandboxConfig, parse_size

_log = logging.getLogger("olmo_eval.sandbox")

#: seconds that closing one environment may take before it is given up and reported
CLOSE_TIMEOUT = 30.0
#: characters of a failed set-up command's output that its error shows
_SHOWN = 500


class SetupError(SandboxError):
    """What an instance needs cannot be made; trying again would give the same."""


async def open_sandbox(
    backend: SandboxBackend, run_id: str, spec: EnvironmentSpec | None
) -> Sandbox:
    """A fresh environment as ``spec`` wants it, by whatever the backend does not do itself.

    Raises:
        SandboxError: it cannot be made. SetupError: a set-up command failed, or the backend cannot
            make what ``spec`` wants.
    """
    if spec is not None:
        problem = unmakeable(type(backend), backend.config.backend, spec)
        if problem:
            raise SetupError(problem, hint="use a sandbox backend that can")
        for problem, setting in withheld(backend.config, spec):
            raise SetupError(problem, hint=f"allow it with {setting} of the sandbox")
    sandbox = await backend.create(run_id, spec)
    try:
        if spec is not None:
            await furnish(sandbox, spec, backend)
    except BaseException:
        await close_sandbox(sandbox, backend.config.backend)
        raise
    return sandbox


async def close_sandbox(sandbox: Sandbox, backend: str) -> None:
    """Close whatever happens, even while the run is being cancelled; report what fails."""
    with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_TIMEOUT) as scope:
        try:
            await sandbox.close()
        except (OlmoEvalError, OSError) as error:
            _log.warning("closing a %s sandbox failed: %s", backend, error)
    if scope.cancelled_caught:
        _log.warning("closing a %s sandbox took too long", backend)


async def reset_sandbox(sandbox: Sandbox, backend: str) -> bool:
    """Whether the environment could be made as new, even while the run is being cancelled."""
    with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_TIMEOUT):
        try:
            return await sandbox.reset()
        except (OlmoEvalError, OSError) as error:
            _log.info("resetting a %s sandbox failed: %s", backend, error)
    return False


#: what a backend must handle, by the fields of a spec that it may lack
_CANNOT = {
    "image": "start the image {}",
    "packages": "install packages ({})",
    "working_dir": "work in the folder {}",
    "writable": "let programs write to {}",
    "variables": "set variables ({})",
    "root": "make environments that are root's",
}


def unmakeable(kind: type[SandboxBackend], name: str, spec: EnvironmentSpec) -> str:
    """Why backends of this ``kind`` cannot make what ``spec`` wants; "" where they can."""
    for wanted, what in _CANNOT.items():
        value = getattr(spec, wanted)
        if value and wanted not in kind.handles:
            shown = repr(value) if isinstance(value, str | bool) else ", ".join(value)
            return f"sandbox backend {name!r} cannot {what.format(shown)}"
    return ""


def withheld(config: SandboxConfig, spec: EnvironmentSpec) -> list[tuple[str, str]]:
    """What ``spec`` wants and ``config`` does not give, each with the setting that would."""
    found = []
    if spec.root and not config.root:
        problem = "its environment must be root's, which the sandbox does not allow"
        found.append((problem, "root=true"))
    if spec.memory is not None and parse_size(spec.memory) > parse_size(config.memory):
        problem = f"its environment needs {spec.memory} of memory, the sandbox has {config.memory}"
        found.append((problem, f"memory={spec.memory}"))
    return found


async def furnish(sandbox: Sandbox, spec: EnvironmentSpec, backend: SandboxBackend) -> None:
    """Do what ``spec`` wants and the backend does not do itself, in an environment as new.

    Raises:
        SetupError: a set-up command failed.
    """
    if "files" not in backend.handles:
        await write_files(sandbox, spec)
    if "setup" not in backend.handles:
        await run_setup(sandbox, spec, backend.config.setup_timeout)


async def write_files(sandbox: Sandbox, spec: EnvironmentSpec) -> None:
    """Write the files of ``spec``."""
    for path, content in spec.files.items():
        data = content.encode("utf-8") if isinstance(content, str) else content
        await sandbox.write(path, data)


async def run_setup(sandbox: Sandbox, spec: EnvironmentSpec, timeout: float) -> None:
    """Run the set-up commands of ``spec``, each for at most ``timeout`` seconds.

    Raises:
        SetupError: one failed.
    """
    for line in spec.setup:
        result = await sandbox.exec(["sh", "-c", line], timeout=timeout)
        if not result.ok:
            ended = (
                f"took longer than {timeout:g} s"
                if result.timed_out
                else f"ended with exit code {result.exit_code}"
            )
            said = " ".join((result.stderr or result.stdout).split())[-_SHOWN:]
            raise SetupError(f"set-up command {line!r} {ended}: {said}")
