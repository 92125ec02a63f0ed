"""What of mini-swe-agent is used: its loop, its prompts, and how it reads what a model wrote."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from olmo_eval.common.types import LMOutput
from olmo_eval.errors import UsageError
from olmo_eval_scaffolds.extras import require

EXTRA = "mini-swe-agent"
#: what its configurations leave to its classes of models, which import litellm
_ACTION = r"```mswea_bash_command\s*\n(.*?)\n```"
#: the first line that a command prints to end the agent's work
_SUBMIT = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
#: what its prompts say of the system; the same on every machine, as prompts have to be
_SYSTEM = {"system": "Linux", "release": "", "version": "", "machine": ""}

#: from messages and tools, both in OpenAI's shape, to what the model answers
Ask = Callable[[list[dict[str, Any]], list[dict[str, Any]]], LMOutput]
#: from a command and the id of its call to ``output``, ``returncode`` and ``exception_info``
Execute = Callable[[Any, str | None], dict[str, Any]]


@cache
def load() -> None:
    """Import the package.

    It would greet on the terminal, make a folder in the user's home and read settings from there
    into the environment; here it does none of it.

    Raises:
        MissingDependencyError: it is not installed.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        _variables(MSWEA_SILENT_STARTUP="1", MSWEA_GLOBAL_CONFIG_DIR=folder),
    ):
        require("minisweagent.agents.default", EXTRA)


@contextmanager
def _variables(**changes: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def read_config(name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The package's configuration ``name`` with ``changes``: what it says of ``agent``, ``model``
    and ``environment``.

    Raises:
        UsageError: there is none of that name, or the changes name something else.
    """
    configs = require("minisweagent.config", EXTRA)
    known = {path.stem: path for path in sorted(configs.builtin_config_dir.rglob("*.yaml"))}
    if name not in known:
        raise UsageError(
            f"mini-swe-agent has no configuration {name!r}", hint=f"known: {', '.join(known)}"
        )
    parts = ("agent", "model", "environment")
    for part, values in changes.items():
        if part not in parts or not isinstance(values, Mapping):
            raise UsageError(
                f"settings of mini_swe_agent: expected mappings under {', '.join(parts)}, got "
                f"{part!r}: {values!r:.80}"
            )
    merge = require("minisweagent.utils.serialize", EXTRA).recursive_merge
    config = merge(configs.get_config_from_spec(known[name]), dict(changes))
    return {part: config.get(part) or {} for part in parts}


class Model:
    """The evaluated model, as the package's protocol has it."""

    config: Any = None

    def __init__(
        self, config: Mapping[str, Any], ask: Ask, note: Callable[[str], None], *, native: bool
    ) -> None:
        self._calls = require("minisweagent.models.utils.actions_toolcall", EXTRA)
        self._texts = require("minisweagent.models.utils.actions_text", EXTRA)
        self._error = require("minisweagent.exceptions", EXTRA).FormatError
        self._config, self._ask, self._note, self._native = config, ask, note, native

    def query(self, messages: list[dict[str, Any]], **_: Any) -> dict[str, Any]:
        given = [{k: v for k, v in message.items() if k != "extra"} for message in messages]
        output = self._ask(given, [self._calls.BASH_TOOL] if self._native else [])
        try:
            actions = self._actions(output)
        except self._error as error:
            self._note(error.messages[0]["content"])
            raise
        calls = {"tool_calls": [call.to_openai() for call in output.tool_calls]}
        return {
            "role": "assistant",
            "content": output.text or None,
            **(calls if self._native else {}),
            "extra": {"actions": actions, "cost": 0.0},
        }

    def _actions(self, output: LMOutput) -> list[dict[str, Any]]:
        """The commands that the model wrote; else the package's error, which it tells the model."""
        told = {
            "format_error_template": self._config.get("format_error_template", "{{ error }}"),
            "template_kwargs": {"finish_reason": output.finish_reason},
        }
        found: list[dict[str, Any]]
        if self._native:
            found = self._calls.parse_toolcall_actions(list(output.tool_calls), **told)
        else:
            regex = self._config.get("action_regex", _ACTION)
            found = self._texts.parse_regex_actions(output.text, action_regex=regex, **told)
        return found

    def format_message(self, **message: Any) -> dict[str, Any]:
        return message

    def format_observation_messages(
        self,
        message: dict[str, Any],
        outputs: list[dict[str, Any]],
        template_vars: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        shown = {
            "outputs": outputs,
            "observation_template": self._config["observation_template"],
            "template_vars": template_vars,
        }
        said: list[dict[str, Any]]
        if self._native:
            actions = message["extra"]["actions"]
            said = self._calls.format_toolcall_observation_messages(actions=actions, **shown)
        else:
            said = self._texts.format_observation_messages(**shown)
        return said

    def get_template_vars(self, **_: Any) -> dict[str, Any]:
        return {}

    def serialize(self) -> dict[str, Any]:
        return {}


class Environment:
    """The episode's sandbox, as the package's protocol has it."""

    config: Any = None

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self._submitted = require("minisweagent.exceptions", EXTRA).Submitted

    def execute(self, action: Mapping[str, Any], cwd: str = "") -> dict[str, Any]:
        output = self._execute(action.get("command"), action.get("tool_call_id"))
        first, _, submission = output["output"].lstrip().partition("\n")
        if first.strip() == _SUBMIT and output["returncode"] == 0:
            extra = {"exit_status": "Submitted", "submission": submission}
            raise self._submitted({"role": "exit", "content": submission, "extra": extra})
        return output

    def get_template_vars(self, **_: Any) -> dict[str, Any]:
        return dict(_SYSTEM)

    def serialize(self) -> dict[str, Any]:
        return {}


def run(config: Mapping[str, Any], model: Model, environment: Environment, task: str) -> Any:
    """Let the package's agent work on ``task``; returns ``exit_status`` and ``submission``. Blocks.

    The limits are the episode's: the agent has none.
    """
    agent = require("minisweagent.agents.default", EXTRA).DefaultAgent(
        model,
        environment,
        system_template=config["system_template"],
        instance_template=config["instance_template"],
        step_limit=0,
        cost_limit=0.0,
        wall_time_limit_seconds=0,
    )
    return agent.run(task)
