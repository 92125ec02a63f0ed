"""The thread that owns the model: it takes whatever is in flight and works it off in batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field

from olmo_eval.common.types import LMOutput, LMRequest, SamplingParams
from olmo_eval.errors import OlmoEvalError, ProviderError
from olmo_eval.providers.tokenization import Scored, to_score
from olmo_eval_providers.hf.decoding import Decoder
from olmo_eval_providers.hf.kv_cache import PrefixCache
from olmo_eval_providers.hf.loading import LoadedModel
from olmo_eval_providers.hf.memory import budget, is_out_of_memory
from olmo_eval_providers.hf.options import Options
from olmo_eval_providers.hf.padded_scoring import PaddedScorer
from olmo_eval_providers.hf.scoring import Scorer
from olmo_eval_providers.hf.sharing_check import sharing_works
from olmo_eval_providers.local.outputs import generation_output, likelihood_outputs
from olmo_eval_providers.local.sampling import Sample, samples_of
from olmo_eval_providers.prompts import fitted_prompt, usable_context
from olmo_eval_providers.sample_seeds import sample_seeds

#: seconds to wait for more requests of a burst before a batch begins
_BURST_WAIT = 0.002


@define(eq=False)
class Job:
    """One request on its way. ``done`` is called once, from the worker's thread, with the
    outputs or with what went wrong; ``cancelled`` says that nobody waits any more."""

    request: LMRequest
    params: SamplingParams | None
    done: Callable[[list[LMOutput] | BaseException], None]
    cancelled: bool = False
    samples: list[Sample] = field(factory=list)


class Engine:
    """Answers jobs with ``loaded``."""

    def __init__(self, loaded: LoadedModel, options: Options) -> None:
        self.loaded = loaded
        self.limits = budget(loaded, options.batch_tokens, options.slots)
        self.prefixes = PrefixCache(loaded, options.prefix_bytes)
        with loaded.torch.inference_mode():
            self.shares = options.share_prefixes and sharing_works(loaded, self.limits)
        self.prefixes.store.clear()
        self.scorer: Scorer | PaddedScorer = (
            Scorer(loaded, self.limits, self.prefixes)
            if self.shares
            else PaddedScorer(loaded, self.limits)
        )
        self.decoder = Decoder(loaded, self.limits, self.prefixes, self.shares)
        self._jobs: list[Job] = []
        self._owners: dict[int, Job] = {}
        self._arrived = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="hf-engine", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        with self._arrived:
            self._jobs.append(job)
            self._arrived.notify()

    def close(self) -> None:
        """Stop after the forward pass under way; jobs left over fail."""
        with self._arrived:
            self._closed = True
            self._arrived.notify()
        self._thread.join()

    # -- the thread

    def _serve(self) -> None:
        with self.loaded.torch.inference_mode():
            while not self._closed:
                jobs = [job for job in self._take() if not job.cancelled]
                self._score([job for job in jobs if job.params is None])
                self._begin([job for job in jobs if job.params is not None])
                if self.decoder.busy:
                    self._step()
        left = [*self._jobs, *self._owners.values()]
        for job in dict.fromkeys(left):
            job.done(ProviderError("the hf provider was closed"))

    def _take(self) -> list[Job]:
        """Everything in flight; waits only where there is nothing to do."""
        with self._arrived:
            idle = not self.decoder.busy
            while idle and not self._jobs and not self._closed:
                self._arrived.wait()
        seen = 0
        while idle and len(self._jobs) > seen:  # a burst is still coming in
            seen = len(self._jobs)
            time.sleep(_BURST_WAIT)
        with self._arrived:
            jobs, self._jobs = self._jobs, []
        return jobs

    def _score(self, jobs: Sequence[Job]) -> None:
        ready: list[tuple[Job, list[Scored]]] = []
        encoded: dict[str, list[int]] = {}
        for job in jobs:
            try:
                ready.append((job, self._pairs(job.request, encoded)))
            except Exception as error:
                job.done(_as_provider_error(error))
        if not ready:
            return
        try:
            found = self.scorer.score([pair for _, pairs in ready for pair in pairs])
        except Exception as error:
            for job, _ in ready:
                job.done(_as_provider_error(error))
            return
        at, tokenizer = 0, self.loaded.tokenizer
        for job, pairs in ready:
            parts = found[at : at + len(pairs)]
            at += len(pairs)
            job.done(likelihood_outputs(tokenizer, job.request, parts))

    def _pairs(self, request: LMRequest, encoded: dict[str, list[int]]) -> list[Scored]:
        tokenizer = self.loaded.tokenizer

        def encode(text: str) -> list[int]:
            if text not in encoded:
                encoded[text] = tokenizer.encode(text)
            return encoded[text]

        return to_score(tokenizer, request, self.context_length(request), encode=encode)

    def context_length(self, request: LMRequest) -> int:
        """Positions of the model that ``request`` may use."""
        return usable_context(self.loaded.max_length, request.max_length)

    def _begin(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            try:
                job.samples = self._samples(job)
            except Exception as error:
                job.done(_as_provider_error(error))
                continue
            self._owners.update((id(sample), job) for sample in job.samples)
            self.decoder.add(job.samples)

    def _samples(self, job: Job) -> list[Sample]:
        request, params = job.request, job.params
        assert params is not None
        loaded = self.loaded
        fitted = fitted_prompt(
            loaded.tokenizer,
            loaded.tokenizer.prompt_ids(request),
            self.context_length(request),
            params.max_tokens,
        )
        seeds = sample_seeds(request, params)
        return samples_of(fitted, params, seeds, loaded.tokenizer, loaded.eos_ids)

    def _step(self) -> None:
        try:
            ended = self.decoder.step()
        except Exception as error:
            if is_out_of_memory(error):
                try:
                    self.limits.halve("generating", error)
                except ProviderError as hopeless:
                    error = hopeless
                else:
                    self.decoder.restart()
                    return
            unfinished = {self._owners.pop(id(sample)) for sample in self.decoder.clear()}
            for job in unfinished:
                job.done(_as_provider_error(error))
            return
        for sample in ended:
            job = self._owners.pop(id(sample))
            if not all(s.finish_reason for s in job.samples):
                continue
            failed = next((s.error for s in job.samples if s.error), None)
            if failed is not None:
                job.done(failed)
            else:
                tokenizer = self.loaded.tokenizer
                job.done(
                    [
                        generation_output(tokenizer, job.request, sample.generation())
                        for sample in job.samples
                    ]
                )


def _as_provider_error(error: BaseException) -> BaseException:
    """``error`` where it is meant for a person, else what went wrong in the engine."""
    if isinstance(error, OlmoEvalError):
        return error
    explained = ProviderError(f"transformers failed: {type(error).__name__}: {error}")
    explained.__cause__ = error
    return explained


def facts(engine: Engine) -> dict[str, Any]:
    """What the record should know of the engine."""
    loaded = engine.loaded
    return {
        "architecture": type(loaded.model).__name__,
        "context_length": loaded.max_length,
        "dtype": str(loaded.model.dtype).removeprefix("torch."),
        "device": str(loaded.device),
        "vocab_size": loaded.vocab_size,
        "prefix_sharing": engine.shares,
        "batch_tokens": engine.limits.batch_tokens,
        "slots": engine.limits.slots,
    }


def counters(engine: Engine) -> dict[str, float]:
    """What happened so far."""
    return {
        "halvings": engine.limits.halvings,
        "reused_prefix_tokens": engine.prefixes.cached_tokens,
    }
