"""``reward``: what the tests of a terminal task say of the environment that an agent left."""

from __future__ import annotations

import json
import math
import re
from typing import Any, ClassVar

from attrs import field, frozen, validators

from olmo_eval.agents.episode import Episode
from olmo_eval.common.scorers import AsyncScorer
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.sandbox import ExecResult, Sandbox
from olmo_eval_tasks.scorers.status import Status, evidence
from olmo_eval_tasks.terminal.instance import TerminalInstance
from olmo_eval_tasks.terminal.scripts import emptied, ran

#: where Harbor's tests write
LOGS = "/logs/verifier"
_SUMMARY = re.compile(r"=+ short test summary info =+", re.IGNORECASE)
_LINE = re.compile(r"^(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b", re.MULTILINE)
_GOOD = frozenset({"PASSED", "SKIPPED", "XFAIL"})


@frozen
class RewardScorer(AsyncScorer):
    """The reward that the tests of a ``TerminalInstance`` give, from 0 to 1.

    The tests are put into the environment when the agent has stopped, and run there. They say
    their reward in ``/logs/verifier/reward.json`` (an object with ``reward``, or with one number)
    or ``reward.txt``, or print pytest's summary, in which all tests must have passed. Tests that
    end without either, or run out of time, give 0: the agent decides what they find.
    """

    name: str = "reward"
    max_output_len: int = field(default=4000, validator=validators.ge(0))

    requires = frozenset({"bash"})
    inspects_environment: ClassVar[bool] = True
    judges_work: ClassVar[bool] = True

    async def score_async(self, instance: Instance, output: LMOutput, episode: Episode) -> float:
        """The reward; how the tests ended is recorded as ``verifier``.

        Raises:
            ValueError: the tests wrote something that is no reward.
        """
        if not isinstance(instance, TerminalInstance):
            raise TypeError("the scorer 'reward' is for tasks at a terminal")
        sandbox = await episode.sandbox("bash")
        if not await emptied(sandbox, LOGS, instance.tests.folder):
            episode.record("verifier", {"status": "failed", "why": "its folders cannot be emptied"})
            return 0.0
        result = await ran(sandbox, instance.tests)
        if instance.prints == "pytest":
            reward, rewards = float(all_passed(result.stdout)), None
        else:
            reward, rewards = await self._reward(sandbox)
        status = Status.PASSED if reward >= 1.0 else None
        kept = evidence(result, self.max_output_len, status)
        episode.record("verifier", {**kept, "reward": reward, **_others(rewards, result)})
        return reward

    async def _reward(self, sandbox: Sandbox) -> tuple[float, dict[str, Any] | None]:
        """The reward, and everything that the tests wrote about it; None where they did not."""
        for name in ("reward.json", "reward.txt"):
            try:
                text = (await sandbox.read(f"{LOGS}/{name}")).decode("utf-8", "replace")
            except OSError:
                continue
            return reward_in(text, name)
        return 0.0, None


def _others(rewards: dict[str, Any] | None, result: ExecResult) -> dict[str, Any]:
    if rewards is None:
        return {"why": "the tests took too long"} if result.timed_out else {}
    return {"rewards": rewards} if len(rewards) > 1 else {}


def reward_in(text: str, name: str) -> tuple[float, dict[str, Any]]:
    """The reward in the content of the file ``name``, and all that stand there by name.

    Raises:
        ValueError: it is none, or lies outside of 0 and 1.
    """
    found: Any = json.loads(text) if name.endswith(".json") else text.strip()
    rewards = found if isinstance(found, dict) else {"reward": found}
    if "reward" not in rewards and len(rewards) != 1:
        raise ValueError(f"{name} holds {len(rewards)} rewards, and none is called reward")
    value = rewards.get("reward", next(iter(rewards.values())))
    try:
        reward = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} holds {value!r:.80}, which is no number") from None
    if not (math.isfinite(reward) and 0 <= reward <= 1):
        raise ValueError(f"{name} holds {reward}: a reward lies between 0 and 1")
    return reward, dict(rewards)


def all_passed(printed: str) -> bool:
    """Whether pytest's summary (``-rA``) says that every test passed, and that there was one."""
    parts = _SUMMARY.split(printed, maxsplit=1)
    found = _LINE.findall(parts[1]) if len(parts) > 1 else []
    return "PASSED" in found and set(found) <= _GOOD
