"""What ``olmo-eval doctor`` looks at for these engines: packages, GPUs, keys of APIs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

from olmo_eval.doctor import Checkup, Finding, Level, find_modules
from olmo_eval.providers.devices import visible_gpus
from olmo_eval_providers.extras import EXTRA_MODULES, install_command
from olmo_eval_providers.local.gpus import gpu_present

#: provider -> the extra that it needs
_ENGINES = {"hf": "hf", "litellm": "litellm", "vllm": "vllm", "vllm_server": "server"}
#: the variables of the services that people use most; others are a matter of their own SDKs
_KEYS = (
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
    "MISTRAL_API_KEY",
    "TOGETHERAI_API_KEY",
    "OPENROUTER_API_KEY",
    "DEEPSEEK_API_KEY",
    "GROQ_API_KEY",
    "XAI_API_KEY",
    "HF_TOKEN",
)
_MASKS = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
#: seconds
_DRIVER_TIMEOUT = 4.0


def engines(checkup: Checkup) -> Iterator[Finding]:
    """Which providers have the packages that they need."""
    yield Finding(Level.OK, "needs no package besides its own", subject="embedded")
    for provider, extra in _ENGINES.items():
        yield find_modules(provider, EXTRA_MODULES[extra], install_command(extra), checkup)


def gpu(_checkup: Checkup) -> Iterator[Finding]:
    """Whether this process may use a GPU, and whether its driver answers."""
    if gpu_present():
        yield _driver(", ".join(visible_gpus()) or "not numbered")
        return
    hidden = [name for name in _MASKS if os.environ.get(name, "all").strip() in ("", "-1")]
    if hidden:
        found = f"{hidden[0]} hides every GPU from this process"
        yield Finding(Level.ABSENT, found, f"unset {hidden[0]}, unless that is meant")
    else:
        yield Finding(Level.ABSENT, "none: models run on the CPU, and not with vllm")


def _driver(visible: str) -> Finding:
    """What the driver says of the GPUs of this machine, of which some are ``visible`` to us."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return Finding(Level.OK, f"of this process: {visible} (no nvidia-smi tells more)")
    query = "--query-gpu=index,name,memory.total,driver_version"
    try:
        asked = subprocess.run(
            [program, query, "--format=csv,noheader"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_DRIVER_TIMEOUT,
        )
        said, failed = asked.stdout.strip() or asked.stderr.strip(), asked.returncode != 0
    except (OSError, subprocess.TimeoutExpired) as error:
        said, failed = str(error), True
    if failed:
        found = f"there are GPUs, and their driver does not answer: {' '.join(said.split())[:300]}"
        return Finding(Level.WARNING, found, "`nvidia-smi` must work first")
    return Finding(Level.OK, f"of this process: {visible}; here: {'; '.join(said.splitlines())}")


def keys(_checkup: Checkup) -> Iterator[Finding]:
    """Which keys the environment has: their names alone."""
    there = [name for name in _KEYS if os.environ.get(name, "").strip()]
    blank = [name for name in _KEYS if name in os.environ and name not in there]
    missing = [name for name in _KEYS if name not in os.environ]
    if there:
        yield Finding(Level.OK, f"set: {', '.join(there)}")
    if blank:
        yield Finding(
            Level.WARNING, f"set, but empty: {', '.join(blank)}", "give it its value, or unset it"
        )
    if missing:
        way_out = "only for models of those services: export NAME=..."
        yield Finding(Level.ABSENT, f"not set: {', '.join(missing)}", way_out)
