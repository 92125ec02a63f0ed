"""Folders in Terminal-Bench's first format.

``task.yaml`` with the instruction, ``Dockerfile``, ``run-tests.sh`` and ``tests/``, which are put
together into ``/tests`` and print pytest's summary, ``solution.sh`` or ``solution.yaml``. Source:
``terminal_bench.handlers.trial_handler`` of terminal-bench 0.2.18.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from attrs import evolve

from olmo_eval.common.types import EnvironmentSpec
from olmo_eval.errors import DataError
from olmo_eval_tasks.terminal import dockerfile
from olmo_eval_tasks.terminal.harbor import WRITABLE, Files, below
from olmo_eval_tasks.terminal.instance import Script, TerminalInstance

CONFIG = "task.yaml"
#: files that are no part of the image's context
_APART = (CONFIG, "run-tests.sh", "solution.sh", "solution.yaml", "docker-compose.yaml")


def read(name: str, files: Files, executable: list[str], *, keeps_image: bool) -> TerminalInstance:
    """The task in the folder ``name``; ``keeps_image`` as for ``harbor.read``.

    Raises:
        DataError: it is not such a folder.
    """
    config = _yaml(name, files, CONFIG)
    if not isinstance(config, Mapping) or not config.get("instruction"):
        raise DataError(f"{name}/{CONFIG}: it has no instruction")
    problems = list(_unsupported(name, config, files))
    spec = EnvironmentSpec()
    try:
        spec = _environment(files, executable, keeps_image)
    except dockerfile.DockerfileError as error:
        problems.append(str(error))
    about = {key: config[key] for key in ("difficulty", "category", "tags") if key in config}
    tests = {**below("tests", files), "run-tests.sh": files.get("run-tests.sh", b"")}
    return TerminalInstance(
        question=str(config["instruction"]).strip(),
        metadata={"id": name, **about},
        environment=spec,
        tests=Script(
            "/tests",
            "run-tests.sh",
            tests,
            {"TEST_DIR": "/tests"},
            float(config.get("max_test_timeout_sec") or 60.0),
        ),
        prints="pytest",
        solution=_solution(name, config, files),
        unsupported="; ".join(problems),
    )


def _yaml(name: str, files: Files, file: str) -> Any:
    try:
        return yaml.safe_load(files[file])
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{name}/{file}: not valid YAML: {' '.join(str(error).split())}") from error


def _environment(files: Files, executable: list[str], keeps_image: bool) -> EnvironmentSpec:
    """Raises DockerfileError."""
    context = {
        path: data
        for path, data in files.items()
        if path not in _APART and not path.startswith("tests/")
    }
    if "Dockerfile" not in context:
        raise dockerfile.DockerfileError("it has no Dockerfile")
    recipe = dockerfile.read(context["Dockerfile"].decode("utf-8", "replace"), list(context))
    runnable = [path for path in executable if path in context]
    image = recipe.image if keeps_image else None
    root = dockerfile.is_root(recipe.user)
    spec = dockerfile.environment(recipe, context, runnable, image)
    return evolve(spec, root=root, writable=() if root else (*WRITABLE, "/oracle"))


def _unsupported(name: str, config: Mapping[str, Any], files: Files) -> Iterator[str]:
    if "run-tests.sh" not in files:
        yield "it has no run-tests.sh"
    if config.get("parser_name", "pytest") != "pytest":
        yield f"test reports of {config['parser_name']!r} are not supported"
    if config.get("run_tests_in_same_shell"):
        yield "tests in the agent's own shell are not supported"
    if "docker-compose.yaml" in files:
        compose = _yaml(name, files, "docker-compose.yaml") or {}
        services = sorted(compose.get("services") or {})
        if len(services) > 1:
            yield f"environments of several containers ({', '.join(services)}) are not supported"


def _solution(name: str, config: Mapping[str, Any], files: Files) -> Script | None:
    if "solution.sh" in files:
        content = files["solution.sh"]
    elif "solution.yaml" in files:
        steps = _yaml(name, files, "solution.yaml") or []
        content = "\n".join(str(step["command"]) for step in steps).encode()
    else:
        return None
    timeout = float(config.get("max_agent_timeout_sec") or 360.0)
    return Script("/oracle", "solution.sh", {"solution.sh": content}, {}, timeout)
