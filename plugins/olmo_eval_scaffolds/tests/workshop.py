"""A pack of tasks for agents: add up the numbers of a file, and leave the sum in another."""

from attrs import frozen

from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import AsyncScorer, ExactMatchScorer
from olmo_eval.common.types import EnvironmentSpec, Instance, NoteEvent
from olmo_eval.evals.tasks.common import Task, register

CHECK = "assert int(open('answer.txt').read()) == {gold}; print('passed')"


@frozen
class LeftScorer(AsyncScorer):
    """1 where the agent left the right sum, by a checker that it never saw."""

    name = "left"
    reads = "text"
    requires = frozenset({"python"})
    inspects_environment = True

    async def score_async(self, instance, output, episode):
        sandbox = await episode.sandbox("python")
        try:
            answer = (await sandbox.read("answer.txt")).decode()
        except FileNotFoundError:
            return 0.0
        await sandbox.write("check.py", CHECK.format(gold=instance.gold_answer).encode())
        result = await sandbox.exec(["python3", "-I", "check.py"])
        episode.record("left", {"answer": answer.strip(), "printed": result.stdout.strip()})
        return float(result.ok)


@frozen
class CleanScorer(AsyncScorer):
    """1 where its environment is as the question has it: nothing of the agent is there."""

    name = "clean"
    reads = "text"
    requires = frozenset({"bash"})

    async def score_async(self, instance, output, episode):
        listed = await (await episode.sandbox("bash")).exec(["ls"])
        return float(listed.stdout.split() == ["limit.txt", "numbers.txt", "ready"])


class Sums(Task):
    formatter = ChatFormatter()

    @property
    def instances(self):
        for n in (3, 4, 5):
            spec = EnvironmentSpec(
                files={"numbers.txt": "\n".join(map(str, range(n + 1)))}, setup=("touch ready",)
            )
            yield Instance(
                f"Add up the numbers in numbers.txt ({n})",
                gold_answer=sum(range(n + 1)),
                metadata={"id": f"sum-{n}"},
                environment=spec,
            )

    async def setup(self, episode):
        sandbox = await episode.sandbox("bash")
        await sandbox.write("limit.txt", episode.instance.id.encode())
        episode.record(NoteEvent("prepared"))


@register("left_sums")
class LeftSums(Sums):
    metrics = (AccuracyMetric(scorer=LeftScorer), AccuracyMetric(scorer=CleanScorer))


@register("clean_sums")
class CleanSums(Sums):
    metrics = (AccuracyMetric(scorer=CleanScorer), AccuracyMetric(scorer=ExactMatchScorer))


@register("imaged")
class Imaged(Sums):
    metrics = (AccuracyMetric(scorer=CleanScorer),)

    @property
    def instances(self):
        yield Instance("?", "!", environment=EnvironmentSpec(image="python:3.12"))


@register("packaged")
class Packaged(Sums):
    metrics = (AccuracyMetric(scorer=CleanScorer),)

    @property
    def instances(self):
        yield Instance("?", "!", environment=EnvironmentSpec(packages=("numpy",)))
