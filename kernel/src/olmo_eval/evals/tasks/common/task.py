"""What a task is: from rows to instances, from an instance to a request, from output to answer."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import attrs

from olmo_eval import plugins
from olmo_eval.common.metrics.accuracy import aggregate_samples
from olmo_eval.common.scorers import Scorer
from olmo_eval.common.settings import alike
from olmo_eval.common.types import (
    Instance,
    LMOutput,
    LMRequest,
    RequestType,
    Response,
    SampleScores,
    SamplingParams,
)
from olmo_eval.data import DataLoader
from olmo_eval.errors import DataError, UsageError
from olmo_eval.evals.tasks.common import boundary, hooks
from olmo_eval.evals.tasks.common.attributes import class_config
from olmo_eval.evals.tasks.common.card import Card
from olmo_eval.evals.tasks.common.config import TaskConfig, bound
from olmo_eval.evals.tasks.common.fewshot import FewShot
from olmo_eval.evals.tasks.common.offers import with_tools


class Task:
    """Base of all tasks.

    A task file sets class attributes (any field of ``TaskConfig``, or of ``SamplingParams``, which
    then changes only that sampling parameter) and says how a row becomes an instance; everything
    else has a default::

        @register("acme_riddles")
        class Riddles(Task):
            data_source = DataSource(path="acme/riddles", split="test")
            formatter = CompletionFormatter(template="Riddle: {question}\\nAnswer:")
            metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

            def process_doc(self, doc):
                return Instance(question=doc["riddle"], gold_answer=doc["answer"],
                                metadata={"id": doc["id"]})

    ``fewshot_split`` is where shots come from when ``fewshot_source`` is not set: a split of the
    task's own data source; without it the first of ``dev``, ``validation`` and ``train`` that is
    there and is not evaluated. Only where there is none, shots are drawn from the evaluated data,
    and never the question itself.

    ``card`` says where the benchmark comes from: citation, licence, how to get the data, and what
    is known to be wrong in it.

    What ``olmo-eval task check`` should know of a task, where its default does not fit:

    - ``expected_instances``: how many the published data has, one number or one a split;
    - ``oracle_ceiling``: what the right answers score, where some gold answers are wrong;
    - ``contradictions``: how many questions the published data asks twice with different right
      answers;
    - ``answer_in_context``: whether the answer stands in the question's own text by design, as
      in reading comprehension;
    - ``lenient_extraction``: whether extraction is meant to find a number however it is written
      (``$29.00``, ``1,000``, in a sentence); None: it is where it finds ``The answer is 29.``
    - ``checked_by``: the task of the same family whose check stands for this one's, as a short
      text's for a long one's; ``--all`` then leaves this one out, ``--all --thorough`` does not
    """

    fewshot_split: ClassVar[str | None] = None
    fewshot_sample: ClassVar[bool] = True
    #: raised whenever requests or extracted answers change though no setting did
    version: ClassVar[int] = 1
    card: ClassVar[Card] = Card()
    #: what its episodes need of a harness, besides what tools and scorers ask for: another model
    #: (``model:NAME``), a judge (``judge``), a sandbox capability, a tool (``tool:NAME``), an
    #: agent (``agent``)
    requires: ClassVar[frozenset[str]] = frozenset()

    expected_instances: ClassVar[int | Mapping[str, int] | None] = None
    oracle_ceiling: ClassVar[float] = 1.0
    contradictions: ClassVar[int] = 0
    answer_in_context: ClassVar[bool] = False
    lenient_extraction: ClassVar[bool | None] = None
    checked_by: ClassVar[str | None] = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        boundary.guard(cls)

    def __init__(self, config: TaskConfig) -> None:
        self.config = bound(config)
        self._refuse_lettered_unconditional()
        self._instances_cache: list[Instance] | None = None
        self._fewshot: FewShot | None = None

    def _refuse_lettered_unconditional(self) -> None:
        """A formatter that cannot ask for choices without their question leaves such a metric
        without its numbers: better said now than after the run."""
        formatter, metrics = self.config.formatter, self.config.metrics
        needy = [m.metric_name for m in metrics if m.needs_unconditional]
        own_requests = type(self).format_request is not Task.format_request
        if needy and formatter and not own_requests and not hasattr(formatter, "unconditional"):
            raise UsageError(
                f"task {self.config.name!r} has the metric {needy[0]}, which needs the text of "
                f"every choice scored alone, but {type(formatter).__name__} does not ask for that",
                hint="put the variant that letters the choices last, or leave it out",
            )

    @classmethod
    def default_config(cls, name: str) -> TaskConfig:
        """The configuration that the class attributes describe.

        Raises:
            UsageError: an attribute that no setting takes, or a misspelt one.
        """
        return class_config(cls, Task, name)

    # -- rows to instances

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        """An instance from one row of the data; None leaves the row out.

        ``index`` is the row's position in the data; implementations may take ``doc`` alone.
        """
        raise UsageError(
            f"task {self.config.name!r} does not say how a row becomes an instance",
            hint="define process_doc(self, doc) or the property instances",
        )

    def process_fewshot_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        """An instance from one row of the few-shot source; by default like any other row."""
        return self._process(doc, index)

    @property
    def instances(self) -> Iterator[Instance]:
        """Every instance of the data, in the data's order, streamed.

        Raises:
            DataError: the data cannot be read, or a row lacks what ``process_doc`` needs.
            PluginError: ``process_doc`` failed otherwise.
        """
        if hooks.overrides(self, "_load_instances_cached"):
            return iter(self._load_instances_cached())
        return iter(self._load_instances())

    def _load_instances_cached(self) -> Iterable[Instance]:
        """``_load_instances``, kept in memory: for tasks that go through their data again."""
        if self._instances_cache is None:
            self._instances_cache = list(self._load_instances())
        return self._instances_cache

    def _load_instances(self) -> Iterable[Instance]:
        """What ``instances`` gives: every row of the data through ``process_doc``."""
        for index, doc in enumerate(self._rows(self.config.get_data_source())):
            instance = self._guarded(self._process, doc, index, self.config.data_source)
            if instance is not None:
                yield instance

    def _rows(self, source: Any) -> Iterator[dict[str, Any]]:
        with self.card.saying_access():
            yield from DataLoader().load(source)

    def _process(self, doc: dict[str, Any], index: int) -> Instance | None:
        if hooks.takes_index(type(self)):
            return self.process_doc(doc, index)
        return self.process_doc(doc)

    def _guarded(
        self, process: Any, doc: dict[str, Any], index: int, source: object
    ) -> Instance | None:
        """The instance of one row of ``source``.

        Raises:
            DataError: the row lacks what ``process`` needs. PluginError: it failed otherwise.
        """
        try:
            made = process(doc, index)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            what = f"no field {error}" if isinstance(error, KeyError) else str(error)
            raise DataError(
                f"{self.config.name}: row {index + 1} of {source} does not fit the task: {what}",
                hint=f"its fields are: {', '.join(map(str, doc))}",
            ) from error
        except (Exception, SystemExit) as error:
            plugins.raise_fault(error, self._row(index, source), type(self).__module__)
            raise
        if made is not None and not isinstance(made, Instance):
            raise boundary.unexpected(made, (Instance, type(None)), self._row(index, source))
        return made

    def _row(self, index: int, source: object) -> str:
        return f"task {self.config.name!r}, row {index + 1} of {source},"

    # -- few-shot

    @property
    def fewshot(self) -> FewShot:
        """The chooser of few-shot examples, loaded at first use."""
        if self._fewshot is None:
            self._fewshot = FewShot.load(self)
        return self._fewshot

    def fewshot_for(self, instance: Instance) -> tuple[Instance, ...]:
        """The examples shown before ``instance``: exactly ``num_fewshot``, never itself."""
        if hooks.overrides(self, "get_fewshot"):
            return tuple(self.get_fewshot())
        if self.config.num_fewshot == 0:
            return ()
        return self.fewshot.shots_for(instance)

    def get_fewshot(self) -> tuple[Instance, ...]:
        """The examples shown before the instance whose request is being made, which is never among
        them; elsewhere, those shown before an instance that is not among them."""
        if not self.config.num_fewshot:
            return ()
        instance = hooks.asked.get()
        return self.fewshot.shots if instance is None else self.fewshot.shots_for(instance)

    def _build_fewshot(self) -> tuple[Instance, ...]:
        """The examples that ``get_fewshot`` gives: drawn as the settings say. Called once."""
        return FewShot.drawn(self).shots

    # -- instances to requests

    def format_request(self, instance: Instance) -> LMRequest:
        """What is asked of the model for ``instance``, few-shot examples included."""
        formatter = self.config.formatter
        if formatter is None:
            return LMRequest(RequestType.COMPLETION, prompt=instance.question)
        return formatter.format(instance, self.fewshot_for(instance))

    @property
    def request_type(self) -> RequestType:
        """How the task's formatter asks; a task without one asks for a completion."""
        formatter = self.config.formatter
        return RequestType.COMPLETION if formatter is None else formatter.request_type

    def get_sampling_params(self, instance: Instance) -> SamplingParams:
        return self.config.sampling_params

    def request_for(self, instance: Instance) -> LMRequest:
        """``format_request`` with the tools of the instance and the task's length cap.

        Raises:
            UsageError: it offers tools, and is not a chat.
        """
        token = hooks.asked.set(instance)
        try:
            request = self.format_request(instance)
        finally:
            hooks.asked.reset(token)
        if instance.tools or request.tools:
            request = with_tools(request, instance.tools or (), self.config.name)
        if self.config.max_length is not None and request.max_length is None:
            request = attrs.evolve(request, max_length=self.config.max_length)
        return request

    # -- conversations

    def next_message(self, instance: Instance, answers: Sequence[str]) -> str | None:
        """What the user says next, after ``answers``; None ends the conversation, by default at
        once.

        A task that overrides it asks several turns in one chat, whatever the harness. Its outputs
        are those of the last turn, and hold the answers of all turns in
        ``metadata["answers"]``. It depends on nothing but the instance and the answers.
        """
        return None

    async def user_message(self, episode: Any, answers: Sequence[str]) -> str | None:
        """``next_message`` for a user who lives in the episode: one played by another model (an
        ``olmo_eval.agents.SimulatedUser``), which the task names in ``requires``."""
        return self.next_message(episode.instance, answers)

    @cached_property
    def converses(self) -> bool:
        """Whether the task asks more than one turn.

        Raises:
            UsageError: ``user_message`` is not a coroutine.
        """
        return self._waits("user_message") or type(self).next_message is not Task.next_message

    # -- episodes

    @property
    def sandbox_capabilities(self) -> frozenset[str]:
        """The named environment (``sandbox_env``) that the task's sandboxes must be, if any."""
        named = self.config.sandbox_env
        return frozenset() if named is None else frozenset({named.capability})

    async def setup(self, episode: Any) -> None:
        """Prepare an episode (an ``olmo_eval.agents.episode.Episode``); by default nothing.

        It is called once an episode: before an agent's first turn, and before a scorer is given
        an episode of its own. ``await episode.sandbox("bash")`` is the environment to put files
        into; what the model must not see is a scorer's to put there. ``episode.state`` holds what
        tools and scorers share.
        """

    @cached_property
    def has_setup(self) -> bool:
        """Whether the task prepares its episodes.

        Raises:
            UsageError: ``setup`` is not a coroutine.
        """
        return self._waits("setup")

    def _waits(self, name: str) -> bool:
        """Whether the task has a coroutine of its own by that name, which an episode waits for."""
        own = getattr(type(self), name)
        if not inspect.iscoroutinefunction(own):
            raise UsageError(
                f"task {self.config.name!r}: an episode cannot wait for its {name}",
                hint=f"write async def {name}(self, ...), or call a method of your own otherwise",
            )
        return own is not getattr(Task, name)

    # -- outputs to answers

    def extract_answer(self, output: LMOutput) -> Any:
        """The answer in a generated text; None where there is none to be found.

        By default as the formatter reads it: the letter where ``MCQAChatFormatter`` asks for one,
        else the whole text without outer white space.
        """
        read = getattr(self.config.formatter, "extract_answer", None)
        return output.text.strip() if read is None else read(output.text)

    def extracted(self, output: LMOutput) -> LMOutput:
        """``output`` with its answer extracted, by ``answer_extractor`` if the task has one; what
        ended within a thought has none."""
        if output.reasoning and not output.text.strip():
            return output.with_answer(None)
        extractor = self.config.answer_extractor
        answer = extractor(output.text) if extractor else self.extract_answer(output)
        return output.with_answer(answer)

    def _extract_answers(self, responses: Sequence[Response]) -> Any:
        """Find the answers in the outputs of ``responses``; override it where an answer depends on
        more than its own text. The outputs may be changed in place."""
        for response in responses:
            response.outputs = tuple(map(self.extracted, response.outputs))
        return responses

    # -- answers to scores

    async def score_responses(self, responses: Sequence[Response]) -> Sequence[Response]:
        """The responses with the numbers of the task's scorers in their ``scores``.

        Override it to score in a way of your own; ``super()`` runs the scorers. It is given the
        responses as they arrive, their answers extracted, mostly one at a time.
        """
        score = hooks.scoring.get()
        if score is not None:
            return [await score(response) for response in responses]
        for response in responses:
            for scorer in self.scorers_once:
                numbers = [scorer.score(response.instance, o) for o in response.outputs]
                response.scores = {**response.scores, scorer.name: self.summed_up(numbers)}
        return responses

    def summed_up(self, numbers: Iterable[float]) -> SampleScores:
        """One scorer's numbers, a sample each, with their summary as the task's
        ``output_score_aggregation`` says."""
        how = self.config.output_score_aggregation
        return SampleScores(tuple(map(float, numbers)), lambda each: aggregate_samples(each, how))

    def compute_metrics(self, responses: Sequence[Response]) -> dict[str, dict[str, float]]:
        """The task's scores, by metric and scorer, from all its scored responses.

        Override it for scores that no metric computes by itself. Such a score stands without error
        and interval.
        """
        found: dict[str, dict[str, float]] = {}
        for metric in self.config.metrics:
            of_metric = found.setdefault(metric.metric_name, {})
            of_metric[metric.scorer.name] = metric.compute(responses)
        return found

    @cached_property
    def computes(self) -> bool:
        """Whether some score is computed from all responses at once."""
        own = hooks.overrides(self, "compute_metrics")
        return own or any(metric.computes for metric in self.config.metrics)

    def oracle(self, instance: Instance) -> str | None:
        """What a model that knows the answer would write; None where nobody can say.

        By default the answer as the few-shot examples show it. ``olmo-eval task check`` expects
        it to be extracted and to score 1.
        """
        gold = instance.gold_answer
        if isinstance(gold, list | tuple) and gold:
            instance = attrs.evolve(instance, gold_answer=gold[0])
        if not instance.gold_text.strip():
            return None
        formatter = self.config.formatter
        show = getattr(formatter, "answer", None) or getattr(formatter, "assistant", None)
        try:
            return instance.gold_text if show is None else str(show(instance))
        except KeyError:  # a worked solution that only the few-shot rows have
            return instance.gold_text

    async def solve(self, episode: Any) -> str | None:
        """Do in ``episode`` what an agent that knows the answer does, and return what it says in
        the end; None where nobody can say.

        By default nothing is done, and ``oracle`` is what is said. ``olmo-eval task check
        --sandbox NAME`` expects it to score 1, and an agent that does nothing to score 0.
        """
        return self.oracle(episode.instance)

    @cached_property
    def scorers_once(self) -> tuple[Scorer, ...]:
        """``scorers()``, computed once."""
        return self.scorers()

    def scorers(self) -> tuple[Scorer, ...]:
        """The scorers of the metrics, each once."""
        found: dict[str, Scorer] = {}
        for metric in self.config.metrics:
            known = found.setdefault(metric.scorer.name, metric.scorer)
            if not alike(known, metric.scorer):
                raise UsageError(
                    f"task {self.config.name!r} has two scorers named {metric.scorer.name!r} "
                    "with different settings"
                )
        return tuple(found.values())


boundary.guard(Task)


def instance_id(instance: Instance) -> str:
    """The identifier the data gives (``metadata["id"]``), else one made of the content."""
    return instance.id
