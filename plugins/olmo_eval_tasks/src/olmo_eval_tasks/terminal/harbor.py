"""Folders in Harbor's format.

``task.toml`` (versions 1.0 to 1.4), ``instruction.md``, ``environment/Dockerfile`` or
``docker_image``, ``tests/test.sh``, which writes a reward below ``/logs/verifier``, and
``solution/solve.sh``. Source: ``harbor.models.task`` of harbor 0.26.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve

from olmo_eval.common.types import EnvironmentSpec
from olmo_eval.errors import DataError
from olmo_eval.sandbox import parse_size
from olmo_eval_tasks.terminal import dockerfile
from olmo_eval_tasks.terminal.instance import Script, TerminalInstance

CONFIG = "task.toml"
#: folders of Harbor's that an ordinary user must be able to write to
WRITABLE = ("/logs", "/solution", "/tests")
Files = Mapping[str, bytes]


def read(name: str, files: Files, executable: list[str], *, keeps_image: bool) -> TerminalInstance:
    """The task in the folder ``name``; ``keeps_image`` builds on the image that it names, else on
    the sandbox's own.

    Raises:
        DataError: it is not such a folder.
    """
    config = _config(name, files)
    env, spec = config.get("environment", {}), EnvironmentSpec()
    problems = list(_unsupported(config, files))
    try:
        spec = _environment(env, files, executable, keeps_image)
        user = _user(config, files)
        root = dockerfile.is_root(user)
        writable = () if root else WRITABLE
        spec = evolve(spec, root=root, writable=writable, memory=_memory(env))
    except dockerfile.DockerfileError as error:
        problems.append(str(error))
    return TerminalInstance(
        question=_text(name, files, "instruction.md"),
        metadata={"id": name, **_about(config)},
        environment=spec,
        tests=_script("tests", "test.sh", files, config.get("verifier", {})),
        solution=_solution(files, config),
        unsupported="; ".join(problems),
    )


def below(folder: str, files: Files) -> dict[str, bytes]:
    """The files of a sub-folder, by their paths in it."""
    start = f"{folder}/"
    return {n.removeprefix(start): data for n, data in files.items() if n.startswith(start)}


def _config(name: str, files: Files) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(name, files, CONFIG))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{name}/{CONFIG}: not valid TOML: {error}") from error


def _text(name: str, files: Files, file: str) -> str:
    try:
        return files[file].decode("utf-8")
    except KeyError:
        raise DataError(f"{name}: it has no {file}", hint="see Harbor's task format") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{name}/{file}: not UTF-8: {error}") from error


def _environment(
    config: Mapping[str, Any], files: Files, executable: list[str], keeps_image: bool
) -> EnvironmentSpec:
    """Raises DockerfileError."""
    context = below("environment", files)
    built = config.get("docker_image")
    variables = {str(k): str(v) for k, v in config.get("env", {}).items()}
    if "Dockerfile" not in context and not built:
        raise dockerfile.DockerfileError("it has neither environment/Dockerfile nor docker_image")
    if "Dockerfile" in context:
        recipe = dockerfile.read(context["Dockerfile"].decode("utf-8", "replace"), list(context))
    else:
        recipe = dockerfile.Recipe((), image=str(built))
    if built and keeps_image:  # what the recipe would make is in it
        recipe.steps, recipe.copies, recipe.image = [], False, str(built)
    runnable = [n.removeprefix("environment/") for n in executable if n.startswith("environment/")]
    image = recipe.image if keeps_image else None
    spec = dockerfile.environment(recipe, context, runnable, image)
    folder = config.get("workdir") or spec.working_dir
    return evolve(spec, working_dir=folder, variables={**spec.variables, **variables})


def _user(config: Mapping[str, Any], files: Files) -> str | None:
    """Who the agent is: as the task says, else as the Dockerfile does."""
    user = config.get("agent", {}).get("user")
    if user is not None:
        return str(user)
    text = files.get("environment/Dockerfile")
    if text is None:
        return None
    return dockerfile.read(text.decode("utf-8", "replace"), list(below("environment", files))).user


def _memory(config: Mapping[str, Any]) -> str | None:
    """Raises ValueError where it is no size."""
    if config.get("memory_mb"):
        return f"{int(config['memory_mb'])}m"
    if not config.get("memory"):
        return None
    parse_size(str(config["memory"]))
    return str(config["memory"]).lower()


def _unsupported(config: Mapping[str, Any], files: Files) -> Iterator[str]:
    env, verifier = config.get("environment", {}), config.get("verifier", {})
    if config.get("steps"):
        yield "tasks of several steps are not supported"
    if str(env.get("os", "linux")).lower() != "linux":
        yield "environments of Windows are not supported"
    if env.get("gpus") or env.get("tpu"):
        yield "environments with GPUs or TPUs are not supported"
    if env.get("mcp_servers"):
        yield "MCP servers of an environment are not supported"
    if env.get("healthcheck"):
        yield "environments with services of their own (a health check) are not supported"
    if verifier.get("environment") or verifier.get("environment_mode") == "separate":
        yield "tests in an environment of their own are not supported"
    if any(name.startswith("environment/docker-compose.y") for name in files):
        yield "environments of several containers (docker-compose) are not supported"
    if "tests/test.sh" not in files:
        yield "it has no tests/test.sh"
    asked = {**env.get("env", {}), **verifier.get("env", {})}
    for name, value in asked.items():
        if "${" in str(value):
            yield f"the variable {name} is taken from this machine, which programs do not see"


def _script(
    folder: str, name: str, files: Files, config: Mapping[str, Any], timeout: float = 600.0
) -> Script:
    return Script(
        f"/{folder}",
        name,
        below(folder, files),
        {str(k): str(v) for k, v in config.get("env", {}).items()},
        float(config.get("timeout_sec") or timeout),
    )


def _solution(files: Files, config: Mapping[str, Any]) -> Script | None:
    if "solution/solve.sh" not in files:
        return None
    settings = {"env": config.get("solution", {}).get("env", {})}
    timeout = config.get("agent", {}).get("timeout_sec") or 600.0
    return _script("solution", "solve.sh", files, settings, float(timeout))


def _about(config: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a task beside its answer, to filter by."""
    said = config.get("metadata", {})
    about = {key: said[key] for key in ("difficulty", "category", "tags") if key in said}
    limit = config.get("agent", {}).get("timeout_sec")
    return about if limit is None else {**about, "agent_timeout": limit}
