"""The engine: jobs in, finished jobs out, one slice of work at a time.

Everything here runs in whichever one thread calls ``work``; nothing else touches the engine's
state while it runs. A slice is short, so requests that arrive meanwhile join the next one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import define, field

from olmo_eval.common.types import LMRequest, SamplingParams
from olmo_eval.providers.tokenization import Scored, to_score
from olmo_eval.providers.tokenizer import ModelTokenizer
from olmo_eval_providers.embedded.decoding import Decoder
from olmo_eval_providers.embedded.model import Llama
from olmo_eval_providers.embedded.prefix_cache import PrefixCache
from olmo_eval_providers.embedded.scoring import score_pairs
from olmo_eval_providers.embedded.threads import single_thread
from olmo_eval_providers.local.outputs import Likelihood
from olmo_eval_providers.local.sampling import Sample, samples_of
from olmo_eval_providers.prompts import fitted_prompt, usable_context

# Long enough to spread the cost of handing work to a thread, short enough to notice newcomers.
_SLICE_SECONDS = 0.05


@define(eq=False)
class Job:
    """A request in the engine: ``done`` when its results are there, or its ``error`` is."""

    done: bool = False
    error: Exception | None = None


@define(eq=False)
class ScoreJob(Job):
    """Log-likelihoods to be measured."""

    pairs: list[Scored] = field(factory=list)
    results: list[Likelihood] = field(factory=list)


@define(eq=False)
class GenerateJob(Job):
    """Samples to be generated."""

    samples: list[Sample] = field(factory=list)


class Engine:
    """One loaded model that scores and generates for any number of requests at once."""

    def __init__(
        self,
        model: Llama,
        tokenizer: ModelTokenizer,
        *,
        max_length: int | None = None,
        slots: int = 32,
        cache_bytes: int = 64 * 2**20,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.max_length = min(max_length or model.config.max_length, model.config.max_length)
        self._prefixes = PrefixCache(model, cache_bytes)
        self._decoder = Decoder(self._prefixes, slots)
        self._single_thread = single_thread()
        self._scoring: list[ScoreJob] = []
        self._generating: list[GenerateJob] = []

    @classmethod
    def load(cls, folder: Path, tokenizer: Path | None = None, **options: int | None) -> Engine:
        """The engine of a model folder; ``tokenizer`` is another folder's, where given.

        Raises:
            ProviderError: the folder cannot be run, and why.
        """
        model = Llama.load(folder)
        return cls(model, ModelTokenizer(tokenizer or folder), **options)  # type: ignore[arg-type]

    # -- requests to jobs

    def score_job(self, request: LMRequest) -> ScoreJob:
        """A job that scores each continuation after its context, or a whole text; the results of
        that are its windows', in order."""
        length = usable_context(self.max_length, request.max_length)
        return ScoreJob(pairs=to_score(self.tokenizer, request, length))

    def generate_job(
        self,
        prompt: list[int],
        params: SamplingParams,
        seeds: Sequence[int] = (0,),
        limit: int | None = None,
    ) -> GenerateJob:
        """A job that continues ``prompt`` (token ids) once for each of ``seeds``."""
        fitted = fitted_prompt(
            self.tokenizer, prompt, usable_context(self.max_length, limit), params.max_tokens
        )
        eos_ids = self.model.config.eos_ids
        return GenerateJob(samples=samples_of(fitted, params, seeds, self.tokenizer, eos_ids))

    # -- work

    def submit(self, job: Job) -> None:
        """Queue a job; ``work`` until it is done."""
        if isinstance(job, ScoreJob):
            self._scoring.append(job)
        elif isinstance(job, GenerateJob):
            self._generating.append(job)
            for sample in job.samples:
                self._decoder.add(sample)

    def discard(self, job: Job) -> None:
        """Forget a job that nobody waits for any more."""
        if isinstance(job, ScoreJob) and job in self._scoring:
            self._scoring.remove(job)
        elif isinstance(job, GenerateJob) and job in self._generating:
            self._generating.remove(job)
            self._decoder.discard(job.samples)

    def work(self) -> None:
        """One slice: score, then decode, each until it is done or its time is up."""
        # what is not finite is found where it matters: at a token's logits
        with self._single_thread(), np.errstate(invalid="ignore", over="ignore"):
            self._score()
            self._decode()

    def _score(self) -> None:
        # In token order, neighbours share the longest beginnings.
        self._scoring.sort(key=lambda job: job.pairs[0].context if job.pairs else ())
        until = time.monotonic() + _SLICE_SECONDS
        while self._scoring and time.monotonic() < until:
            job = self._scoring.pop(0)
            try:
                job.results = score_pairs(self._prefixes, job.pairs)
            except Exception as error:  # handed to whoever waits for this job
                job.error = error
            job.done = True

    def _decode(self) -> None:
        until = time.monotonic() + _SLICE_SECONDS
        try:
            while self._decoder.busy and time.monotonic() < until:
                self._decoder.step()
        except Exception as error:  # handed to everyone who waits for a sample
            for job in self._generating:
                job.error, job.done = error, True
                self._decoder.discard(job.samples)
        for job in self._generating:
            job.done = job.done or all(sample.finish_reason for sample in job.samples)
            job.error = job.error or next((s.error for s in job.samples if s.error), None)
        self._generating = [job for job in self._generating if not job.done]
