"""The environment that an instance needs to be worked on in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from olmo_eval.common.sequences import texts


def _files(value: Mapping[str, Any]) -> dict[str, str | bytes]:
    if not isinstance(value, Mapping):
        raise TypeError(f"expected a mapping of paths to contents, got {value!r:.80}")
    for path, content in value.items():
        if not isinstance(path, str) or not path:
            raise TypeError(f"expected a path, got {path!r:.80}")
        if not isinstance(content, str | bytes):
            raise TypeError(f"{path}: expected text or bytes, got {content!r:.80}")
    return dict(value)


def _variables(value: Mapping[str, Any]) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise TypeError(f"expected a mapping of names to values, got {value!r:.80}")
    return {str(name): str(text) for name, text in value.items()}


@frozen
class EnvironmentSpec:
    """What the environment of an instance is made of, whichever sandbox makes it.

    - ``image``: container image in place of the sandbox's own;
    - ``files``: contents, text or bytes, by path; relative paths are below the working folder.
      In JSON, bytes are ``{"base64": ...}``;
    - ``setup``: shell command lines, run in order with ``sh`` in the working folder once the files
      are there; each must succeed;
    - ``packages``: Python requirements to be installed;
    - ``working_dir``: the folder that relative paths start from, in place of the sandbox's own;
    - ``variables``: variables that commands find set;
    - ``writable``: folders that commands may write to, besides the working folder and ``/tmp``;
      they are empty at first;
    - ``root``: whether commands are root's and may write everywhere. A sandbox gives that only
      where its configuration allows it;
    - ``memory``: how much it must have at least, such as ``2g``;
    - ``capabilities``: what it must offer besides what tools and scorers ask for: ``bash``,
      ``python``, ``sandbox:NAME``.
    """

    image: str | None = None
    files: Mapping[str, str | bytes] = field(factory=dict, converter=_files)
    setup: tuple[str, ...] = field(default=(), converter=texts)
    packages: tuple[str, ...] = field(default=(), converter=texts)
    working_dir: str | None = None
    variables: Mapping[str, str] = field(factory=dict, converter=_variables)
    writable: tuple[str, ...] = field(default=(), converter=texts)
    root: bool = False
    memory: str | None = None
    capabilities: tuple[str, ...] = field(default=(), converter=texts)

    @property
    def digest(self) -> str:
        """Identity of the content: 32 hexadecimal digits of the SHA-256 of its JSON."""
        from olmo_eval.common.convert import to_json  # which knows the types

        content = json.dumps(to_json(self), sort_keys=True)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]
