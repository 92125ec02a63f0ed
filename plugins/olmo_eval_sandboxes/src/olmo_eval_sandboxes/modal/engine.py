"""Sandboxes of Modal through its SDK; each has a relay, which is one long command in it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from olmo_eval.sandbox import SandboxError
from olmo_eval.sandbox.furnish import SetupError
from olmo_eval_sandboxes.common.engine import KILLED, Container, ContainerPlan, End, Listed
from olmo_eval_sandboxes.common.extras import sdk
from olmo_eval_sandboxes.common.furnishing import SHOWN
from olmo_eval_sandboxes.common.pump import STDERR, STDOUT, Pair
from olmo_eval_sandboxes.inside import bootstrap
from olmo_eval_sandboxes.modal.options import ModalOptions

#: what the sandbox itself runs
_WAIT = ("python3", "-I", "-S", "-c", "import time\nwhile True: time.sleep(3600)")
#: bytes of memory besides those that programs may have: the relay and its supervisors
_MARGIN = 128 << 20
#: bytes that one request carries to a command's stdin
_WRITE = 1 << 20
#: seconds in which the service notices that a sandbox has ended, and between looks
_NOTICED = 2.0
_PAUSE = 0.5
_JOINED = 5.0
_LOG_LINES = 20
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class ModalEngine:
    """Sandboxes of one app."""

    def __init__(self, options: ModalOptions, timeout: int) -> None:
        self.options = options
        self.timeout = timeout
        self.images: dict[str, Any] = {}
        self._modal: Any = None
        self._app: Any = None
        self._relays: dict[str, Relay] = {}

    def connect(self) -> None:
        self._modal = sdk("modal", "Modal's SDK")
        with explained("cannot be reached"):
            try:
                self._app = self._lookup(create=False)
            except self._modal.exception.NotFoundError:
                self._app = None  # nobody has made anything in it

    def _lookup(self, create: bool) -> Any:
        return self._modal.App.lookup(
            self.options.app,
            environment_name=self.options.environment,
            create_if_missing=create,
        )

    def build(self, name: str, image: Any) -> None:
        """Have Modal build an image, or find that it has it, to be known as ``name``.

        Raises:
            SetupError: a command failed; with the end of what it printed, where Modal tells.
        """
        with explained("could not build an image"):
            self._app = self._app or self._lookup(create=True)
            try:
                self.images[name] = image.build(self._app)
            except self._modal.exception.ImageBuildError as error:
                said = self._log_of(image, error)
                raise SetupError(f"building an image failed: {said}") from error

    def _log_of(self, image: Any, error: Exception) -> str:
        try:
            lines = [entry.message for entry in image.logs.tail(entries=_LOG_LINES)]
        except self._modal.exception.Error:
            lines = []
        told = _COLOURS.sub("", "".join(lines)) or str(error)
        return " ".join(told.split())[-SHOWN:]

    @property
    def modal(self) -> Any:
        return self._modal

    def secret(self) -> Any:
        """What private images are fetched with; None without one."""
        name, environment = self.options.registry_secret, self.options.environment
        if name is None:
            return None
        return self._modal.Secret.from_name(name, environment_name=environment)

    def open(self, plan: ContainerPlan) -> Container:
        with explained("could not make a sandbox"):
            sandbox = self._modal.Sandbox.create(*_WAIT, app=self._app, **self._wish(plan))
        try:
            with explained("could not start a command"):
                command, program = bootstrap.read(plan.command)  # longer than Modal takes one
                process = sandbox.exec(*command, text=False)
        except BaseException:
            self._end(sandbox)
            raise
        relay = Relay(sandbox, process, program, self.options.idle_timeout / 4)
        self._relays[sandbox.object_id] = relay
        return Container(sandbox.object_id, relay.pair.theirs)

    def _wish(self, plan: ContainerPlan) -> dict[str, Any]:
        """What the SDK is asked for: requested and most processors, and memory in MiB.

        No secret of the run, and no variable of its environment, goes in.
        """
        most = plan.memory + sum(plan.tmpfs.values()) + _MARGIN
        return {
            "image": self.images[plan.image],
            "tags": dict(plan.labels),
            "timeout": self.timeout,
            "idle_timeout": self.options.idle_timeout,
            "workdir": "/",
            "cpu": (plan.cpus, plan.cpus),
            "memory": (plan.memory >> 20 or 1, -(-most >> 20)),
            "block_network": plan.network == "none",
            "region": self.options.region,
            "cloud": self.options.cloud,
        }

    def remove(self, container_id: str) -> None:
        relay = self._relays.pop(container_id, None)
        with explained("could not remove a sandbox"):
            try:
                sandbox = relay.sandbox if relay else self._modal.Sandbox.from_id(container_id)
            except self._modal.exception.NotFoundError:
                return
        self._end(sandbox)
        if relay:
            relay.join()

    def _end(self, sandbox: Any) -> None:
        with explained("could not remove a sandbox"):
            try:
                sandbox.terminate()
            except self._modal.exception.NotFoundError:
                pass
            finally:
                sandbox.detach()

    def end_of(self, container_id: str) -> End | None:
        relay = self._relays[container_id]
        relay.join()
        deadline = time.monotonic() + _NOTICED
        with explained("does not answer"):
            while (code := relay.sandbox.poll()) is None and time.monotonic() < deadline:
                time.sleep(_PAUSE)
        if code is not None:
            raise SandboxError(f"Modal ended the sandbox (return code {code})")
        return None if relay.code is None else KILLED

    def listed(self, label: str) -> list[Listed]:
        if self._app is None:
            return []
        with explained("does not answer"):
            found = []
            for sandbox in self._modal.Sandbox.list(app_id=self._app.app_id):
                tags: Mapping[str, str] = sandbox.get_tags()
                if label in tags:
                    found.append(Listed(sandbox.object_id, tags))
            return found

    def close(self) -> None:
        for container_id in list(self._relays):
            self.remove(container_id)


class Relay:
    """The relay of a sandbox, and the threads that carry what is said.

    ``code`` is its exit code once it has ended in the sandbox; None where that is not known.
    """

    def __init__(self, sandbox: Any, process: Any, first: bytes, silence: float) -> None:
        self.sandbox = sandbox
        self.pair = Pair()
        self.code: int | None = None
        self._process = process
        self._first = first
        self._silence = silence
        self._threads = [
            threading.Thread(target=target, daemon=True, name=f"modal {sandbox.object_id}")
            for target in (self._hear, self._tell)
        ]
        for thread in self._threads:
            thread.start()

    def _hear(self) -> None:
        """From the relay to the channel."""
        from modal.exception import Error

        try:
            for chunk in self._process.stdout:
                if not self.pair.give(STDOUT, chunk):
                    return
            said = self._process.stderr.read()
            self.code = self._process.wait()
            self.pair.give(STDERR, said)
        except (Error, OSError) as error:
            self.pair.give(STDERR, str(error).encode())
        finally:
            self.pair.close()

    def _tell(self) -> None:
        """From the channel to the relay."""
        from modal.exception import Error

        stdin = self._process.stdin
        try:
            self._write(self._first)
            while (frames := self.pair.take(self._silence)) is not None:
                self._write(frames)
            stdin.write_eof()
            stdin.drain()
        except (Error, OSError, ValueError) as error:
            self.pair.give(STDERR, str(error).encode())

    def _write(self, data: bytes) -> None:
        for start in range(0, len(data), _WRITE):
            self._process.stdin.write(data[start : start + _WRITE])
            self._process.stdin.drain()

    def join(self) -> None:
        """Wait until the threads have heard that it is over."""
        for thread in self._threads:
            thread.join(_JOINED)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Errors of the SDK as errors of the environment."""
    from modal.exception import AuthError, Error

    try:
        yield
    except AuthError as error:
        raise SandboxError(f"Modal {what}: {_short(error)}", hint=CREDENTIALS) from error
    except (Error, OSError) as error:
        raise SandboxError(f"Modal {what}: {_short(error)}") from error


CREDENTIALS = "run `modal token new`, or export MODAL_TOKEN_ID and MODAL_TOKEN_SECRET"


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
