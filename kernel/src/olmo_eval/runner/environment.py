"""With which code and on which machine a run was made."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

_WORTH_RECORDING = (
    "olmo-eval",
    "numpy",
    "pyarrow",
    "scipy",
    "tokenizers",
    "torch",
    "transformers",
    "vllm",
    "litellm",
    "datasets",
)


def environment() -> dict[str, Any]:
    """Python, platform, versions of what matters, and the git commit of the working folder.

    Nothing is imported to learn its version, and no name of a machine or a person is recorded.
    """
    versions = {}
    for name in _WORTH_RECORDING:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "packages": versions,
        "git": git_state(Path.cwd()),
        "argv": sys.argv[1:],
    }


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit of ``folder`` and whether it has uncommitted changes; None outside a repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
