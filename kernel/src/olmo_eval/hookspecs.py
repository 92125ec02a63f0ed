"""Everything a plugin can supply, on one page: one hook a kind.

A plugin is a module named by an entry point of the group ``olmo_eval``; its functions marked
``@olmo_eval.hookimpl`` are called with a ``register`` function::

    @olmo_eval.hookimpl
    def register_providers(register):
        register("parrot", "acme_evals.parrot:Parrot")   # imported when first used

``register(name, target)`` takes the object itself or an import string ``"package.module:Object"``.
For tasks a bare ``"package.module"`` may stand for a module that registers the name with
``@register(name)`` when it is imported.

A module that says ``OLMO_EVAL_API = 1`` is loaded by an olmo-eval that keeps version 1 of this
promise, and refused by any other before its hooks are called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pluggy

if TYPE_CHECKING:
    from olmo_eval.agents.scaffold import Scaffold
    from olmo_eval.agents.tools import Tool
    from olmo_eval.agents.toolset import Toolset
    from olmo_eval.commands import CommandGroup
    from olmo_eval.common.formatters import Formatter
    from olmo_eval.common.metrics import Metric
    from olmo_eval.common.scorers import Scorer
    from olmo_eval.common.types import Response
    from olmo_eval.doctor import Check
    from olmo_eval.evals.external import ExternalEval
    from olmo_eval.evals.suites import Suite
    from olmo_eval.evals.tasks.common import Task
    from olmo_eval.harness.config import HarnessConfig
    from olmo_eval.interchange.exporter import Exporter
    from olmo_eval.interchange.importer import Importer
    from olmo_eval.judges.judge import Judge
    from olmo_eval.providers.models import ModelConfig
    from olmo_eval.providers.provider import Provider, ProviderConfig
    from olmo_eval.results.compare import Comparison
    from olmo_eval.results.summary import Score
    from olmo_eval.results.verify import Verification
    from olmo_eval.runner.executor import Executor
    from olmo_eval.sandbox import SandboxBackend

#: the version of what this page promises, larger after every change that breaks plugins, and the
#: oldest version whose plugins still work
API, OLDEST_API = 1, 1

hookspec = pluggy.HookspecMarker("olmo_eval")
hookimpl = pluggy.HookimplMarker("olmo_eval")

T = TypeVar("T", contravariant=True)


class Register(Protocol[T]):
    """Names one thing; ``target`` is the thing or where to import it from.

    ``summary`` is the line that listings show, where the thing's docstring does not say it;
    ``access`` is ``"gated"``, ``"private"`` or ``"package"`` where data has to be got otherwise.
    """

    def __call__(
        self, name: str, target: T | str, /, *, summary: str = "", access: str = ""
    ) -> None: ...


@hookspec
def register_tasks(register: Register[type[Task]]) -> None:
    """Benchmark tasks: ``register("acme_riddles", "acme_evals.riddles")``."""


@hookspec
def register_suites(register: Register[Suite]) -> None:
    """Suites: ``register("acme", Suite(name="acme", tasks=("acme_riddles", "gsm8k")))``."""


@hookspec
def register_variants(register: Register[Mapping[str, Any]]) -> None:
    """Variants of anybody's task: ``register("gsm8k:acme", {"num_fewshot": 4})``.

    The name is the task's, a colon and the variant's; the settings are those of
    ``register_variant``. The variant belongs to the distribution that registers it.
    """


@hookspec
def register_scorers(register: Register[type[Scorer]]) -> None:
    """Scorers: ``register("acme_rhyme", RhymeScorer)``."""


@hookspec
def register_metrics(register: Register[type[Metric]]) -> None:
    """Metrics that ``-o metrics=[...]`` may name: ``register("acme_median", MedianMetric)``."""


@hookspec
def register_formatters(register: Register[type[Formatter]]) -> None:
    """Formatters that ``-o formatter=...`` may name: ``register("acme_letter", Letter)``."""


@hookspec
def register_tools(register: Register[Tool | type[Toolset]]) -> None:
    """Tools, as made by ``@tool``: ``register("calculator", "acme_evals.tools:calculator")``; and
    subclasses of ``Toolset``, whose tools are made from settings."""


@hookspec
def register_scaffolds(register: Register[type[Scaffold]]) -> None:
    """Multi-turn loops: ``register("plan_and_act", PlanAndAct)``."""


@hookspec
def register_providers(register: Register[type[Provider]]) -> None:
    """Inference providers: ``register("parrot", "acme_evals.parrot:Parrot")``."""


@hookspec
def register_sandboxes(register: Register[type[SandboxBackend]]) -> None:
    """Sandbox backends: ``register("firecracker", "acme_evals.vm:FirecrackerBackend")``."""


@hookspec
def register_judges(register: Register[type[Judge]]) -> None:
    """Graders: ``register("rubric", "acme_evals.judges:RubricJudge")``."""


@hookspec
def register_harnesses(register: Register[HarnessConfig]) -> None:
    """Harness presets: ``register("careful", HarnessConfig(name="careful", max_turns=3))``."""


@hookspec
def register_models(register: Register[ModelConfig]) -> None:
    """Model presets: ``register("acme-7b", ModelConfig(model="acme/acme-7b"))``."""


@hookspec
def register_external_evals(register: Register[type[ExternalEval]]) -> None:
    """Benchmarks with their own runner: ``register("coins", "acme_evals.bench:CoinFlip")``."""


@hookspec
def register_executors(register: Register[type[Executor]]) -> None:
    """Where runs execute: ``register("slurm", "acme_evals.slurm:SlurmExecutor")``."""


@hookspec
def register_importers(register: Register[type[Importer]]) -> None:
    """What reads logs of other programs: ``register("acme_log", "acme_evals.logs:AcmeLog")``."""


@hookspec
def register_exporters(register: Register[type[Exporter]]) -> None:
    """What writes transcripts for other programs: ``register("acme_chat", AcmeChat)``."""


@hookspec
def register_commands(cli: CommandGroup) -> None:
    """Commands of ``olmo-eval``, as to a click group: ``cli.add_command(greet)``; imported when
    called: ``cli.add_lazy_command("greet", "acme_evals.cli:greet", "Say hello.")``."""


@hookspec
def register_checks(register: Register[Check]) -> None:
    """What ``olmo-eval doctor`` looks at: ``register("gpu", "acme_evals.checks:gpu")``."""


@hookspec(firstresult=True)
def choose_provider(config: ProviderConfig) -> tuple[str, str] | None:
    """The provider for a model that names none, and why; None leaves the choice to others.

    ``return ("parrot", "it is the only engine here") if config.model == "polly" else None``
    """


@hookspec(firstresult=True)
def comparison_page(comparison: Comparison) -> str | None:
    """Two compared runs as one HTML page that needs nothing else, for `olmo-eval compare --html`;
    None leaves it to others.

    ``return acme_evals.pages.of(comparison)``
    """


@hookspec(firstresult=True)
def verify_page(page: bytes, location: str) -> Verification | None:
    """What `olmo-eval verify` finds out of a page that ``comparison_page`` made: whether it was
    changed since, and whether its numbers follow from what it carries. None leaves it to others.

    ``return acme_evals.pages.checked(page, location)``
    """


@hookspec
def run_started(run: Mapping[str, Any]) -> None:
    """A run begins; ``run`` is the content of its ``run.json``."""


@hookspec
def instance_scored(run_id: str, task: str, response: Response) -> None:
    """An instance is finished and safe in the journal. Called in the event loop: be quick."""


@hookspec
def task_finished(run_id: str, task: str, metrics: Mapping[str, float | None]) -> None:
    """Every instance of a task is finished, others may not be; ``metrics`` maps
    ``metric:scorer`` to the score over those that have one."""


@hookspec
def run_finished(run: Mapping[str, Any], scores: Sequence[Score], location: str) -> None:
    """A run that was started has ended; ``run["status"]`` says how: complete, incomplete (some
    instances have no score), diverged, interrupted or failed. Its tables are written in the first
    three: then ``scores`` are the rows of ``metrics.parquet``, with their intervals, and otherwise
    there are none. ``location`` is where the run is, a path or URL that ``open_run`` takes; at a
    URL the tables may still be on their way."""
