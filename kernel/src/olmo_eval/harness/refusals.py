"""Why a run is impossible, said before anything is loaded."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping

from attrs import frozen

from olmo_eval import plugins
from olmo_eval.agents.needs import AGENT, names_judge, names_model, names_tool, of_sandboxes
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.agents.selection import ToolChoice, find_tools, make_scaffold
from olmo_eval.common.sequences import items
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.common.types import Capability, EnvironmentSpec, SamplingParams
from olmo_eval.errors import OlmoEvalError
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.judges.judge import JudgeConfig
from olmo_eval.providers.models import choose_provider
from olmo_eval.providers.provider import Provider, ProviderConfig
from olmo_eval.sandbox.config import SandboxConfig
from olmo_eval.sandbox.furnish import unmakeable, withheld
from olmo_eval.sandbox.pool import unsafe_message

_CANNOT = {
    Capability.GENERATE: "continue a prompt",
    Capability.CHAT: "chat",
    Capability.TOOLS: "call tools",
    Capability.LOGLIKELIHOOD: "measure log-likelihoods",
    Capability.ROLLING: "measure the log-likelihood of whole texts",
}
_GENERATES = {Capability.GENERATE, Capability.CHAT}


@frozen
class EpisodeNeeds:
    """What the episodes of one task ask of a harness, as its first instance says.

    - ``capabilities``: what it and its own tools require, and what its environment has to offer;
    - ``environment``: what the environment is made of;
    - ``kept``: how many environments of one instance are there at once when an agent's work is
      scored where it was done; 0 where no scorer looks at that.
    """

    task: str
    capabilities: frozenset[str] = frozenset()
    environment: EnvironmentSpec | None = None
    kept: int = 0


def refusals(
    config: HarnessConfig,
    needs: Collection[Capability],
    scoring_needs: Collection[str] = (),
    sampling: Collection[SamplingParams] = (),
    episodes: Collection[EpisodeNeeds] = (),
) -> list[str]:
    """Every reason why ``config`` cannot do what is asked, each with the way out; [] if it can.

    ``needs`` are the capabilities that the tasks' requests ask for, ``scoring_needs`` what the
    scorers ``require``: ``"judge"``, ``"judge:NAME"``, ``"model:NAME"`` or a sandbox capability,
    ``sampling`` how the tasks want text to be generated, ``episodes`` what they are worked on in.
    """
    tools, reasons = _tools(config)
    scaffold, wrong = _scaffold(config)
    reasons += wrong
    asked = _asked(config, tools, scaffold, scoring_needs, episodes)
    needed = frozenset(needs) | _harness_needs(config, needs)
    if scaffold is not None and not scaffold.needs_tool_calls:
        needed -= {Capability.TOOLS}
    reasons += _provider(config.provider, needed, sampling)
    reasons += _judges(config, asked)
    reasons += _models(config, asked)
    reasons += _counted_on(config, tools, asked)
    reasons += _agent(config, asked)
    in_sandbox = of_sandboxes(asked.keys())
    reasons += _sandboxes(config, {need: asked[need] for need in in_sandbox})
    reasons += _environments(config, in_sandbox, episodes)
    reasons += _secrets((*config.required_secrets, *config.provider.required_secrets))
    return list(dict.fromkeys(reasons))


def sandboxes_in_use(
    config: HarnessConfig,
    scoring_needs: Collection[str] = (),
    episodes: Collection[EpisodeNeeds] = (),
) -> list[SandboxConfig]:
    """The sandboxes of ``config`` that offer something that tools, the scaffold, scorers or
    episodes ask for; the arguments are those of ``refusals``."""
    tools, _ = _tools(config)
    scaffold, _ = _scaffold(config)
    asked = of_sandboxes(_asked(config, tools, scaffold, scoring_needs, episodes).keys())
    return [sandbox for sandbox in config.sandboxes if asked & {*sandbox.capabilities}]


def _asked(
    config: HarnessConfig,
    tools: Mapping[str, str | None],
    scaffold: Scaffold | None,
    scoring_needs: Collection[str],
    episodes: Collection[EpisodeNeeds],
) -> dict[str, str]:
    """What is asked for, and by whom."""
    asked = dict.fromkeys(scoring_needs, "a scorer")
    for tool_name, requires in tools.items():
        if requires:
            asked.setdefault(requires, f"tool {tool_name!r}")
    for need in sorted(items(scaffold.requires)) if scaffold else ():
        asked.setdefault(need, f"scaffold {config.scaffold!r}")
    for episode in episodes:
        for need in sorted(episode.capabilities):
            asked.setdefault(need, f"task {episode.task!r}")
    return asked


def _said(error: OlmoEvalError) -> str:
    return f"{error.message}: {error.hint}" if error.hint else error.message


def _tools(config: HarnessConfig) -> tuple[dict[str, str | None], list[str]]:
    """What each tool requires, by name, and what is wrong with the tools."""
    try:
        found = find_tools(config.tools)
    except OlmoEvalError as error:
        return {}, [_said(error)]
    reasons = [
        f"tool {name!r}: {reason}"
        for name, tool in found.items()
        for reason in _secrets(tool.secrets)
    ]
    return {name: tool.requires for name, tool in found.items()}, reasons


def _scaffold(config: HarnessConfig) -> tuple[Scaffold | None, list[str]]:
    """The scaffold, and what is wrong with it."""
    if config.scaffold is None:
        return None, []
    try:
        return make_scaffold(config.scaffold, config.scaffold_kwargs), []
    except OlmoEvalError as error:
        return None, [_said(error)]


def _harness_needs(config: HarnessConfig, needs: Collection[Capability]) -> set[Capability]:
    """What the harness itself asks of the provider, where there is text to generate at all."""
    if not _GENERATES & set(needs):
        return set()
    offered = bool(config.tools) and config.tool_choice != "none"
    chats = offered or config.system_prompt is not None or config.scaffold is not None
    return ({Capability.CHAT} if chats else set()) | ({Capability.TOOLS} if offered else set())


def _provider(
    config: ProviderConfig,
    needs: Collection[Capability],
    sampling: Collection[SamplingParams] = (),
) -> list[str]:
    registry = plugins.manager().registry("providers")
    try:
        chosen, _ = choose_provider(config)
        cls: type[Provider] = registry.get(str(chosen.kind))
        able = cls.capabilities_for(chosen)
        reasons = cls.refusals(chosen, sampling)
    except OlmoEvalError as error:
        return [_said(error)]
    for lacking in sorted(set(needs) - able):
        others = ", ".join(_providers_with(lacking, besides=str(chosen.kind)))
        way_out = f"use --provider {others}" if others else "no installed provider can"
        reasons.append(f"provider {chosen.kind!r} cannot {_CANNOT[lacking]}: {way_out}")
    return reasons


def _providers_with(capability: Capability, *, besides: str) -> Iterator[str]:
    registry = plugins.manager().registry("providers")
    for name in registry.names():
        if name in (besides, "mock"):
            continue
        try:
            able = capability in registry.get(name).capabilities_for(ProviderConfig(kind=name))
        except OlmoEvalError:
            continue  # one that cannot be imported is no way out
        if able:
            yield name


def _judges(config: HarnessConfig, wanted: Mapping[str, str]) -> list[str]:
    """``wanted`` says who needs what."""
    asked = sorted(filter(names_judge, wanted))
    judges = config.graders
    reasons = []
    for need in asked:
        name = need.partition(":")[2]
        if name and name not in judges:
            known = did_you_mean(name, judges, otherwise="add it to the harness's judges")
            reasons.append(f"{wanted[need]} needs the judge {name!r}: {known}")
        elif not judges:
            reasons.append(
                f"{wanted[need]} needs a judge and the harness has none: "
                "name its model with -o auxiliary_providers.judge.model=MODEL"
            )
    if not asked:
        return reasons
    for name, judge in judges.items():
        reasons += _judge(config, name, judge)
    return reasons


def _judge(config: HarnessConfig, name: str, judge: JudgeConfig) -> list[str]:
    try:
        plugins.manager().registry("judges").entry(judge.kind)
    except OlmoEvalError as error:
        return [_said(error)]
    provider = config.auxiliary_providers.get(judge.provider)
    if provider is None:
        return [
            f"judge {name!r} asks the auxiliary provider {judge.provider!r}, which the harness "
            f"lacks: add auxiliary_providers.{judge.provider}"
        ]
    return [f"judge {name!r}: {reason}" for reason in _auxiliary(judge.provider, provider)]


def _auxiliary(name: str, provider: ProviderConfig) -> list[str]:
    """Why the auxiliary provider ``name`` cannot chat, its settings called as they are set."""
    reasons = [*_provider(provider, {Capability.CHAT}), *_secrets(provider.required_secrets)]
    return [reason.replace("-o provider.", f"-o auxiliary_providers.{name}.") for reason in reasons]


def _models(config: HarnessConfig, wanted: Mapping[str, str]) -> list[str]:
    reasons = []
    for need in sorted(filter(names_model, wanted)):
        name = need.partition(":")[2]
        provider = config.auxiliary_providers.get(name)
        if provider is None:
            reasons.append(
                f"{wanted[need]} needs the model {name!r} and the harness has none: "
                f"name it with -o auxiliary_providers.{name}.model=MODEL"
            )
            continue
        found = _auxiliary(name, provider)
        reasons += [f"auxiliary provider {name!r}: {reason}" for reason in found]
    return reasons


def _counted_on(
    config: HarnessConfig, tools: Collection[str], wanted: Mapping[str, str]
) -> list[str]:
    """Tools that somebody counts on, and the harness does not offer or does not call."""
    offered = {*tools, *_named(config)} if config.tool_choice != "none" else set()
    reasons = []
    for need in sorted(filter(names_tool, wanted)):
        names = need.partition(":")[2].split("|")
        missing = f"{wanted[need]} needs the tool {' or '.join(map(repr, names))} and the harness"
        if not offered & {*names}:
            reasons.append(f"{missing} does not offer it: {_harness_way_out(names)}")
        elif config.scaffold is None:
            reasons.append(f"{missing} has no scaffold to call it: -o scaffold=tool_loop")
    return reasons


def _agent(config: HarnessConfig, wanted: Mapping[str, str]) -> list[str]:
    """Who needs a model that acts, where the harness has none."""
    if AGENT not in wanted or config.scaffold is not None:
        return []
    able = _harnesses_with({"bash"})
    way_out = f"use --harness {' or '.join(able)}" if able else "-o scaffold=tool_loop"
    return [f"{wanted[AGENT]} needs an agent and the harness has no scaffold: {way_out}"]


def _harness_way_out(names: Collection[str]) -> str:
    """The harnesses that offer one of these tools and call it; else how to add one."""
    able = _harnesses_with({*names})
    named = f"--harness {' or '.join(able)}, or " if able else ""
    return f"use {named}--harness default -o scaffold=tool_loop -o tools=[{next(iter(names))}]"


def _harnesses_with(tools: set[str]) -> list[str]:
    """The harnesses that offer one of these tools and call it."""
    presets = plugins.manager().registry("harnesses")
    return [name for name in presets.names() if _offers(name, tools)]


def _offers(harness: str, names: set[str]) -> bool:
    try:
        preset: HarnessConfig = plugins.manager().registry("harnesses").get(harness)
    except OlmoEvalError:
        return False  # one that cannot be imported is no way out
    return preset.scaffold is not None and bool(names & _named(preset))


def _named(config: HarnessConfig) -> set[str]:
    """The names that a harness gives its tools, whether or not they can be had."""
    try:
        choices = [(tool, ToolChoice.of(tool)) for tool in config.tools]
    except OlmoEvalError:
        return set()  # told elsewhere
    return {tool.name if choice is None else choice.name for tool, choice in choices}


def _sandboxes(config: HarnessConfig, wanted: Mapping[str, str]) -> list[str]:
    reasons = []
    for capability, who in sorted(wanted.items()):
        offering = [s for s in config.sandboxes if capability in s.capabilities]
        if not offering:
            reasons.append(
                f"{who} needs a sandbox with {capability!r} and no sandbox of the harness offers "
                f"it: {_sandbox_way_out(capability, config)}"
            )
        for sandbox in offering:
            reasons += _sandbox(sandbox, config.sandboxes.index(sandbox))
    return reasons


def _environments(
    config: HarnessConfig, wanted: frozenset[str], episodes: Collection[EpisodeNeeds]
) -> list[str]:
    """Environments that the sandboxes which would be used cannot make, or not as often."""
    reasons = []
    used = [(i, s) for i, s in enumerate(config.sandboxes) if wanted & {*s.capabilities}]
    for episode in episodes:
        for index, sandbox in used:
            problem = _unmakeable(sandbox, episode.environment)
            if problem:
                reasons.append(f"task {episode.task!r}: {problem}")
            reasons += [
                f"task {episode.task!r}: {lacking}: -o sandboxes.{index}.{setting}"
                for lacking, setting in withheld(sandbox, episode.environment or EnvironmentSpec())
            ]
            most = sandbox.instances
            if config.scaffold is not None and most is not None and episode.kept > most:
                reasons.append(
                    f"task {episode.task!r} keeps {episode.kept} sandboxes of one instance until "
                    f"it is scored, and there may be {most}: "
                    f"-o sandboxes.{index}.instances={episode.kept}"
                )
    return reasons


def _unmakeable(sandbox: SandboxConfig, spec: EnvironmentSpec | None) -> str:
    """Why ``sandbox`` cannot make ``spec``, with the way out; "" where it can."""
    registry = plugins.manager().registry("sandboxes")
    spec = sandbox.environment_spec(spec)
    try:
        kind = registry.get(sandbox.backend)
    except OlmoEvalError:
        return ""  # told elsewhere
    problem = "" if spec is None else unmakeable(kind, sandbox.backend, spec)
    if not problem or spec is None:
        return ""
    able = [name for name in registry.names() if _makes(name, spec)]
    way_out = f"use the sandbox backend {' or '.join(able)}" if able else "no installed backend can"
    return f"{problem}: {way_out}"


def _sandbox_way_out(capability: str, config: HarnessConfig) -> str:
    """How to add a sandbox: with one that isolates, where one is installed."""
    registry = plugins.manager().registry("sandboxes")
    names = sorted(registry.names(), key=lambda name: (not _isolates(name), not _automatic(name)))
    if not names:
        return "pip install olmo-eval-sandboxes"
    if not config.sandboxes and capability in SandboxConfig().capabilities:
        return f"add --sandbox {names[0]}"
    setting: dict[str, object] = {"mode": names[0], "capabilities": [capability]}
    if not _isolates(names[0]):
        setting["unsafe_local"] = True
    return f"add --harness default -o 'sandboxes=[{json.dumps(setting)}]'"


def _makes(name: str, spec: EnvironmentSpec) -> bool:
    try:
        return not unmakeable(plugins.manager().registry("sandboxes").get(name), name, spec)
    except OlmoEvalError:
        return False  # one that cannot be imported is no way out


def _automatic(name: str) -> bool:
    try:
        return bool(plugins.manager().registry("sandboxes").get(name).automatic)
    except OlmoEvalError:
        return False


def _isolates(name: str) -> bool:
    try:
        return bool(plugins.manager().registry("sandboxes").get(name).isolates)
    except OlmoEvalError:
        return False  # one that cannot be imported is no way out


def _sandbox(sandbox: SandboxConfig, index: int) -> list[str]:
    try:
        kind = plugins.manager().registry("sandboxes").get(sandbox.backend)
    except OlmoEvalError as error:
        return [_said(error)]
    reasons = [*kind.refusals(sandbox), *_secrets(sandbox.required_secrets)]
    if sandbox.unsafe_local or kind.isolated(sandbox):
        return reasons
    return [
        f"{unsafe_message(sandbox)}: use a container backend, or accept that with "
        f"-o sandboxes.{index}.unsafe_local=true",
        *reasons,
    ]


def _secrets(named: Collection[str]) -> list[str]:
    missing = [name for name in dict.fromkeys(named) if not os.environ.get(name)]
    if not missing:
        return []
    return [f"the environment lacks {', '.join(missing)}: export them before the run"]
