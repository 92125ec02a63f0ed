"""Write requirements.lock and those that end in -engines, -frameworks, -openhands and -harbor:
names, versions, hashes, nothing else.

    make lock

Collects the dependencies of every package of the workspace, adds requirements-dev.in (for the last
two pytest alone) and the file of the lock's own name that ends in .in, and has uv resolve them for
every Python from 3.11 on, the last two from 3.12 on. The workspace's own distributions stay out.
What is locked already keeps its version unless ``--upgrade`` is given.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = re.compile(r"^[A-Za-z0-9._-]+")
TORCH = re.compile(r"(torch|triton|cuda-[a-z]+|nvidia-(cu|nccl|nv)[a-z0-9-]*)==")


def projects() -> list[dict[str, object]]:
    """The ``[project]`` tables of the kernel and the plugins."""
    files = [ROOT / "kernel/pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]
    return [tomllib.loads(file.read_text())["project"] for file in files]


def third_party() -> list[str]:
    """Every dependency of the packages that is not itself a package of the workspace."""
    found = projects()
    ours = {normal(str(project["name"])) for project in found}
    wanted = {str(line) for project in found for line in project.get("dependencies", ())}  # type: ignore[attr-defined]
    return sorted(line for line in wanted if normal(NAME.match(line)[0]) not in ours)  # type: ignore[index]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def compile_lock(target: Path, inputs: list[str], options: list[str], python: str = "3.11") -> None:
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "-", "--universal", "--quiet",
        "--python-version", python, "--generate-hashes", "--no-header", "--no-annotate",
        "--no-emit-index-url", "--no-emit-find-links", "--output-file", str(target), *options,
    ]  # fmt: skip
    subprocess.run(command, input="\n".join(inputs) + "\n", text=True, check=True, cwd=ROOT)
    kept = [line for line in target.read_text().splitlines() if not line.startswith(("--", "#"))]
    target.write_text("\n".join(without_torch(kept)) + "\n")


def without_torch(lines: list[str]) -> list[str]:
    """The lines of a lock but those of torch and what its wheels for GPUs need: the Makefile
    installs its CPU wheel."""
    found, wanted = [], True
    for line in lines:
        if not line.startswith(" "):
            wanted = not TORCH.match(line)
        if wanted:
            found.append(line)
    return found


def main() -> None:
    upgrade = [option for option in sys.argv[1:] if option.startswith("--upgrade")]
    dev = (ROOT / "requirements-dev.in").read_text().splitlines()
    base, full = ROOT / "requirements.lock", ROOT / "requirements-engines.lock"
    frameworks = ROOT / "requirements-frameworks.lock"
    compile_lock(base, third_party() + dev, upgrade)
    compile_lock(full, everything("engines", dev), [*upgrade, "-c", str(base)])
    # Other frameworks do not go together with every version of the rest.
    compile_lock(frameworks, everything("frameworks", dev), upgrade)
    for name in ("openhands", "harbor"):
        lock = ROOT / f"requirements-{name}.lock"
        compile_lock(lock, everything(name, ["pytest", "pytest-xdist"]), upgrade, "3.12")


def everything(name: str, dev: list[str]) -> list[str]:
    """What the packages and the tests need, and what ``requirements-NAME.in`` adds."""
    return [*third_party(), *dev, *(ROOT / f"requirements-{name}.in").read_text().splitlines()]


if __name__ == "__main__":
    main()
