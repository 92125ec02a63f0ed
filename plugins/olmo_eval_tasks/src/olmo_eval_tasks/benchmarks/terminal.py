"""Tasks at a terminal: an instruction, an environment, and tests of what the agent leaves there.

- Data: folders in Harbor's format (``task.toml``) or in the first one of Terminal-Bench
  (``task.yaml``): ``-o data_source=DIR`` names the folder that they lie in, or one of them.
  ``terminal_tiny`` are a few of our own, which come with the package and need no image but one
  with ``bash`` and ``python3``.
- Prompt: the instruction as a user message, nothing else.
- Environment: what the Dockerfile says, on top of the image that it names, or ``docker_image`` as
  it is. Commands are root's unless the task says otherwise (``[agent] user``, ``USER``); root has
  to be allowed: ``-o sandboxes.0.root=true``. There is a network only where the sandbox has one.
- Metric: the mean reward. The tests are put in when the agent has stopped, and run in the
  environment that it left, so an agent that tampers with what the tests rely on may deceive them.

A task that needs what is not to be had here (several containers, services that an image starts by
itself, GPUs, several steps, tests in an environment of their own) ends as ``infra_failed``, with
the reason. The published limits of time for agents are in the metadata; those that hold are the
harness's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve

from olmo_eval.agents.episode import Episode
from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.data.source import SourceKind
from olmo_eval.errors import DataError
from olmo_eval.evals.tasks.common import Card, Task, TaskConfig, register
from olmo_eval.sandbox import SandboxError
from olmo_eval_tasks.scorers.reward import RewardScorer
from olmo_eval_tasks.terminal import harbor, terminal_bench
from olmo_eval_tasks.terminal.instance import TerminalInstance
from olmo_eval_tasks.terminal.scripts import emptied, ran

#: what a task's folder holds -> who reads it
READERS = {harbor.CONFIG: harbor.read, terminal_bench.CONFIG: terminal_bench.read}
TINY = Path(__file__).parent.parent / "tiny" / "terminal"


@register("terminal")
class Terminal(Task):
    """The terminal tasks in the folder that ``-o data_source=DIR`` names."""

    formatter = ChatFormatter()
    sampling_params = SamplingParams(max_tokens=4096)
    metrics = (AccuracyMetric(scorer=RewardScorer),)
    requires = frozenset({"agent"})
    card = Card(
        citation="Terminal-Bench and Harbor, whose formats it reads",
        url="https://harborframework.com",
        defects=("What it measures is what it is given.",),
    )

    #: whether environments are made on top of the image that a task names, or of the sandbox's own
    keeps_image: ClassVar[bool] = True

    def __init__(self, config: TaskConfig) -> None:
        source = config.data_source
        if source is not None:
            config = evolve(config, data_source=_folders(source))
        super().__init__(config)

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        """A task of one folder; None of a folder that holds none."""
        for name, read in READERS.items():
            if name in doc["files"]:
                return read(
                    doc["name"], doc["files"], doc["executable"], keeps_image=self.keeps_image
                )
        return None

    async def setup(self, episode: Episode) -> None:
        """Refuse a task that cannot be done here.

        Raises:
            SandboxError: saying why.
        """
        instance = episode.instance
        if isinstance(instance, TerminalInstance) and instance.unsupported:
            raise SandboxError(f"{instance.id}: {instance.unsupported}")

    async def solve(self, episode: Episode) -> str | None:
        """Run the task's own solution."""
        solution = getattr(episode.instance, "solution", None)
        if solution is None:
            return None
        sandbox = await episode.sandbox("bash")
        await emptied(sandbox, solution.folder)
        result = await ran(sandbox, solution)
        return f"{solution.path} ended with {result.exit_code}: {result.stderr[-500:]}".strip()

    def oracle(self, instance: Instance) -> str | None:
        return None  # no text is an answer

    def extract_answer(self, output: LMOutput) -> str:
        return output.text


@register("terminal_tiny")
class TerminalTiny(Terminal):
    """A few short tasks with files, text and programs, at a terminal."""

    data_source = DataSource(path=str(TINY), source_type="folders")
    keeps_image = False
    expected_instances = 5
    card = Card(licence="Apache-2.0")


def _folders(source: DataSource) -> DataSource:
    """``source`` as folders of tasks; a task's own folder is the only one of those beside it.

    Raises:
        DataError: it is not on this machine.
    """
    if source.kind is SourceKind.REMOTE:
        raise DataError(f"{source.path}: tasks at a terminal are read from a folder here")
    path = Path(source.path).expanduser()
    one = next((name for name in READERS if (path / name).is_file()), None)
    if one is not None:
        path = path.resolve()
        source = evolve(source, path=str(path.parent), data_files=(path.name,))
    return evolve(source, source_type="folders")
