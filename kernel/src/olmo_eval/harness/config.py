"""What a harness is made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve, field, frozen
from attrs.validators import in_, optional

from olmo_eval.agents.limits import Limits
from olmo_eval.common import bounds
from olmo_eval.common.convert import structure
from olmo_eval.common.sequences import items, texts
from olmo_eval.errors import UsageError
from olmo_eval.judges.judge import JudgeConfig
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.sandbox.config import SandboxConfig


@frozen
class HarnessConfig:
    """How a task is run: by which model, with which tools, loop, limits, sandboxes, judges.

    - ``tools``: registered tool names, or tools; ``tool_choice``: auto, none or required;
    - ``scaffold``: the multi-turn loop; None asks once;
    - ``max_turns``, ``max_total_tokens``, ``timeout`` (seconds), ``max_tool_calls``,
      ``max_episode_cost`` (US dollars), ``max_user_turns`` (the question is the first): limits of
      one sample of one instance;
    - ``max_concurrency``: instances in flight; None takes the provider's;
    - ``scoring_timeout``: seconds a scorer may take for one output, an extraction or the metrics
      for one instance; None takes each scorer's own ``time_limit``;
    - ``auxiliary_providers``: further models by name, started only when needed;
    - ``required_secrets``: environment variables that must be set.
    """

    plain_data: ClassVar[bool] = True

    name: str = "default"
    provider: ProviderConfig = field(factory=ProviderConfig)
    system_prompt: str | None = None
    tools: tuple[Any, ...] = field(default=(), converter=items)
    tool_choice: str = field(default="auto", validator=in_(("auto", "none", "required")))
    scaffold: str | None = None
    scaffold_kwargs: Mapping[str, Any] = field(factory=dict)
    max_turns: int | None = field(default=None, validator=optional(bounds.count(1)))
    max_total_tokens: int | None = field(default=None, validator=optional(bounds.count(1)))
    timeout: float | None = field(default=None, validator=optional(bounds.number(above=0)))
    max_tool_calls: int | None = field(default=None, validator=optional(bounds.count(1)))
    max_episode_cost: float | None = field(default=None, validator=optional(bounds.number(above=0)))
    max_user_turns: int | None = field(default=None, validator=optional(bounds.count(1)))
    max_concurrency: int | None = field(
        default=None, validator=optional(bounds.count(1, bounds.MOST_IN_FLIGHT))
    )
    scoring_concurrency: int | None = field(
        default=None, validator=optional(bounds.count(1, bounds.MOST_IN_FLIGHT))
    )
    scoring_timeout: float | None = field(default=None, validator=optional(bounds.number(above=0)))
    sandboxes: tuple[SandboxConfig, ...] = field(default=(), converter=items)
    auxiliary_providers: Mapping[str, ProviderConfig] = field(factory=dict)
    judges: Mapping[str, JudgeConfig] = field(factory=dict)
    required_secrets: tuple[str, ...] = field(default=(), converter=texts)

    @property
    def limits(self) -> Limits:
        """The limits of one sample of one instance."""
        return Limits(
            turns=self.max_turns,
            tokens=self.max_total_tokens,
            seconds=self.timeout,
            tool_calls=self.max_tool_calls,
            cost=self.max_episode_cost,
            user_turns=self.max_user_turns,
        )

    @property
    def graders(self) -> dict[str, JudgeConfig]:
        """The judges: an auxiliary provider called ``judge`` makes one by itself."""
        if not self.judges and "judge" in self.auxiliary_providers:
            return {"judge": JudgeConfig()}
        return dict(self.judges)

    def with_provider(self, provider: ProviderConfig) -> HarnessConfig:
        return evolve(self, provider=provider)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, where: str = "harness") -> HarnessConfig:
        """A harness from JSON-like data, unknown keys refused with their path.

        Raises:
            UsageError: naming the place, such as ``harness.sandboxes[0].memory``.
        """
        if not isinstance(data, Mapping):
            raise UsageError(f"{where}: expected a mapping of settings, got {data!r}")
        fixed = dict(data)
        if "tool_names" in fixed:
            names = _listed(fixed.pop("tool_names"), f"{where}.tool_names")
            fixed["tools"] = (*_listed(fixed.get("tools"), f"{where}.tools"), *names)
        return structure(fixed, cls, where=where)


def _listed(value: Any, where: str) -> tuple[Any, ...]:
    try:
        return items(value)
    except TypeError as error:
        raise UsageError(f"{where}: {error}") from error


#: levels and values, aliases expanded, beyond which a file is no harness but an attack or a slip
_DEPTH, _VALUES = 40, 100_000


def _check_shape(text: str) -> None:
    """Refuse YAML that unfolds without end: an alias inside what it names, nesting, doubling.

    Raises:
        ValueError: saying which. yaml.YAMLError: it is no YAML.
    """
    import yaml

    open_: list[tuple[str | None, int]] = []  # anchors and sizes of what is not yet closed
    sizes: dict[str, int] = {}
    total = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        size = 1
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in open_):
                raise ValueError(f"the alias *{event.anchor} stands inside what it names")
            size = sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, total))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            sizes[anchor or ""] = total - before
        total += size
        if len(open_) > _DEPTH or total > _VALUES:
            raise ValueError("it is nested too deep, or unfolds into too many values")


def load_harness(path: str | Path) -> HarnessConfig:
    """Read a harness from a YAML (or JSON) file.

    Raises:
        UsageError: the file is missing or malformed; the message names file, line or key.
    """
    import yaml

    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"harness file {path}: {error}") from error
    try:
        _check_shape(text)
        data = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        place = " ".join(str(error).split())
        raise UsageError(f"harness file {path} is not valid YAML: {place}") from error
    return HarnessConfig.from_dict(data if data is not None else {}, where=f"{path}: harness")
