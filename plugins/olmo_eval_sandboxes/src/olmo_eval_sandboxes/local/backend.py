"""The backend ``local``: folders a sandbox, one supervised process tree a command."""

from __future__ import annotations

import logging
import sys

import anyio
import anyio.to_thread

from olmo_eval.sandbox import EnvironmentSpec, SandboxBackend, SandboxError
from olmo_eval.sandbox.config import SandboxConfig
from olmo_eval.sandbox.furnish import run_setup, write_files
from olmo_eval_sandboxes.common.backend import in_vain
from olmo_eval_sandboxes.local import namespaces
from olmo_eval_sandboxes.local.files import EnclosedFiles, Files
from olmo_eval_sandboxes.local.launcher import Launcher
from olmo_eval_sandboxes.local.sandbox import SETTINGS, LocalSandbox
from olmo_eval_sandboxes.local.user import python_within_reach, sandbox_user, search_path

_log = logging.getLogger(__name__)

_MODES = ("auto", "require", "off")


class LocalBackend(SandboxBackend):
    """Makes local sandboxes; they share one supervisor program.

    Whether commands have namespaces of their own, and with them no network, nothing to write to
    but their folders and no other user's rights, is tried on this machine (``namespaces``: ``auto``
    takes what there is, ``require`` refuses to do without, ``off`` does without).
    """

    isolates = False
    handles = frozenset({"files", "setup"})
    enforces = frozenset({"memory", "processes", "time", "output"})

    @classmethod
    def isolated(cls, config: SandboxConfig) -> bool:
        return _mode(config) != "off" and not namespaces.why_not(config)

    @classmethod
    def refusals(cls, config: SandboxConfig) -> list[str]:
        found = [
            f"sandbox backend 'local' takes no setting {name!r}: those it takes are "
            f"{', '.join(SETTINGS)}"
            for name in sorted(set(config.kwargs) - set(SETTINGS))
        ]
        found += in_vain(config, "local")
        if config.image is not None:
            found.append(f"sandbox backend 'local' cannot start the image {config.image!r}")
        if _mode(config) not in _MODES:
            found.append(
                "kwargs.namespaces of a local sandbox is one of "
                f"{', '.join(_MODES)}, not {_mode(config)!r}"
            )
        elif _mode(config) == "require" and (why := namespaces.why_not(config)):
            found.append(_no_namespaces(why))
        return found

    def __init__(self, config: SandboxConfig) -> None:
        super().__init__(config)
        self._launcher = Launcher()
        self._enclosed = False

    async def start(self) -> None:
        mode = _mode(self.config)
        why = (
            "" if mode == "off" else await anyio.to_thread.run_sync(namespaces.why_not, self.config)
        )
        if mode == "require" and why:
            raise SandboxError(_no_namespaces(why))
        self._enclosed = mode != "off" and not why
        if self._enclosed:
            self.enforces = self.enforces | namespaces.enforced(self.config)
        else:
            if why:
                _log.warning("local sandboxes isolate nothing here: %s", why)
            self._check_python()
        self._launcher.start()

    def _check_python(self) -> None:
        needed = "python" in self.config.capabilities
        if needed and not python_within_reach(sandbox_user(), search_path()):
            raise SandboxError(
                f"no python3 that an unprivileged user may run, neither {sys.executable} nor the "
                "system's",
                hint="install python3 for everybody, or do not run as root",
            )

    async def create(self, run_id: str, spec: EnvironmentSpec | None = None) -> LocalSandbox:
        """Fresh folders, with the files of ``spec`` and what its set-up commands make."""
        self._launcher.start()
        kind = EnclosedFiles if self._enclosed else Files
        files = kind(self._launcher.folder, run_id, self.config.working_dir, sandbox_user())
        sandbox = LocalSandbox(self.config, self._launcher, files)
        try:
            if spec is not None:
                await self._fill(sandbox, spec)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await sandbox.close()
            raise
        return sandbox

    async def _fill(self, sandbox: LocalSandbox, spec: EnvironmentSpec) -> None:
        await write_files(sandbox, spec)
        sandbox.network = self.config.network or self.config.setup_network
        await run_setup(sandbox, spec, self.config.setup_timeout)
        sandbox.network = self.config.network

    async def close(self) -> None:
        await anyio.to_thread.run_sync(self._launcher.close)


def _mode(config: SandboxConfig) -> object:
    mode = config.kwargs.get("namespaces", SETTINGS["namespaces"])
    return "off" if mode is False else mode  # which is how YAML reads that word


def _no_namespaces(why: str) -> str:
    return f"sandbox backend 'local' can have no namespaces here: {why}"
