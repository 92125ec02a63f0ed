"""Images as Modal builds them: once for each content, by which its cache knows them."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from olmo_eval.sandbox import EnvironmentSpec
from olmo_eval_sandboxes.common.furnishing import KEEP, KEPT, PIP, needs_image

#: characters of a file that one command carries: the kernel allows an argument 128 KiB
_PIECE = 1 << 16
_WRITE = "import base64, sys; open(sys.argv[1], 'ab').write(base64.b64decode(sys.argv[2]))"
#: nobody but root may write outside of the folders that the relay opens
_CLOSE = """
import os, stat, sys
for parent, folders, files in os.walk('/'):
    folders[:] = [f for f in folders if os.path.join(parent, f) not in ('/proc', '/sys', '/dev')]
    for name in folders + files:
        path = os.path.join(parent, name)
        mode = os.lstat(path).st_mode
        if mode & 0o002 and not stat.S_ISLNK(mode):
            os.chmod(path, stat.S_IMODE(mode) & ~0o002)
"""


def image(modal: Any, base: str, spec: EnvironmentSpec | None, folder: str, secret: Any) -> Any:
    """An image of ``spec`` on top of the image ``base`` of a registry, as Modal's SDK has it."""
    found = modal.Image.from_registry(base, secret=secret)
    return found.run_commands(*commands(spec, folder))


def commands(spec: EnvironmentSpec | None, folder: str) -> list[str]:
    """What root does in a container of the base image, each a shell command."""
    steps = [f"mkdir -p {shlex.quote(folder)}"]
    if spec is not None and needs_image(spec):
        for path, content in spec.files.items():
            data = content.encode() if isinstance(content, str) else content
            steps += _written(path, data, folder)
        if spec.packages:
            steps.append(_in(folder, [*PIP, *spec.packages]))
        steps += [_in(folder, ["sh", "-c", line]) for line in spec.setup]
        steps.append(_in("/", ["sh", "-c", KEEP, "sh", folder, KEPT]))
    steps.append(_in("/", ["python3", "-I", "-S", "-c", _CLOSE]))
    return steps


def _written(path: str, data: bytes, folder: str) -> Iterator[str]:
    yield _in(folder, ["sh", "-c", 'mkdir -p "$(dirname "$1")" && : > "$1"', "sh", path])
    text = base64.b64encode(data).decode()
    for start in range(0, len(text), _PIECE):
        piece = text[start : start + _PIECE]
        yield _in(folder, ["python3", "-I", "-S", "-c", _WRITE, path, piece])


def _in(folder: str, argv: Sequence[str]) -> str:
    """A command in ``folder``, on one line; what it makes, everybody may read."""
    command = f"cd {shlex.quote(folder)} && umask 022 && {shlex.join(argv)}"
    if "\n" not in command:
        return command
    text = base64.b64encode(command.encode()).decode()
    decode = "import base64, sys; print(base64.b64decode(sys.argv[1]).decode())"
    return f'sh -c "$(python3 -I -S -c {shlex.quote(decode)} {text})"'
