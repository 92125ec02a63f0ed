"""Images of what instances need: made once for each content, and kept by the engine."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread

from olmo_eval.common.convert import to_json
from olmo_eval.sandbox import EnvironmentSpec, Sandbox, SandboxConfig
from olmo_eval_sandboxes.common.furnishing import KEEP, KEPT, PIP, done, make_folder, write_files
from olmo_eval_sandboxes.containers.engine import ImageEngine

REPOSITORY = "localhost/olmo-eval-environment"
LABEL = "olmo-eval.environment"
#: raised whenever images are made otherwise
_RECIPE = 3
#: seconds between looks whether another process has built an image
_LOOK = 0.2


@asynccontextmanager
async def building(name: str) -> AsyncIterator[None]:
    """The right to build the image ``name``, which one process of this machine has at a time."""
    folder = Path(tempfile.gettempdir()) / f"olmo-eval-builds-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / f"{name.rpartition(':')[2]}.lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await anyio.sleep(_LOOK)
        yield  # the end of the file, also that of its process, gives it back


def image_name(engine: ImageEngine, base: str, config: SandboxConfig, spec: EnvironmentSpec) -> str:
    """The name of the image of ``spec`` on top of ``base``: a digest of all that it is made of."""
    content = json.dumps(
        [_RECIPE, engine.image_id(base), config.working_dir, to_json(spec)], sort_keys=True
    )
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{REPOSITORY}:{digest}"


async def make_image(
    engine: ImageEngine,
    box: Sandbox,
    container_id: str,
    spec: EnvironmentSpec,
    name: str,
    folder: str,
) -> None:
    """Do what ``spec`` wants in ``box``, a container that runs as root, and keep it as ``name``.

    Raises:
        SetupError: a command failed; with the end of what it printed.
    """
    await make_folder(box, folder)
    await write_files(box, spec)
    if spec.packages:
        await done(box, [*PIP, *spec.packages], f"installing {', '.join(spec.packages)}")
    for line in spec.setup:
        await done(box, ["sh", "-c", line], f"set-up command {line!r}")
    if not spec.root:
        await done(box, ["sh", "-c", KEEP, "sh", folder, KEPT], "keeping the working folder")
    await anyio.to_thread.run_sync(engine.commit, container_id, name, {LABEL: name})
