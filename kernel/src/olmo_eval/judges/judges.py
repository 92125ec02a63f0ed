"""The judges of a harness, made when first asked for, asking auxiliary providers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial

from attrs import evolve

from olmo_eval import plugins
from olmo_eval.common.types import LMOutput, LMRequest, SamplingParams
from olmo_eval.errors import ProviderError, UsageError
from olmo_eval.faults import reason
from olmo_eval.judges.calls import JudgeCall, keep
from olmo_eval.judges.judge import Judge, JudgeConfig, JudgeError
from olmo_eval.providers.auxiliary import AuxiliaryProviders


class Judges:
    """The judges of one run at work."""

    def __init__(self, configs: Mapping[str, JudgeConfig], auxiliary: AuxiliaryProviders) -> None:
        self._configs = configs
        self._auxiliary = auxiliary
        self._made: dict[str, Judge] = {}

    def get(self, name: str | None = None) -> Judge:
        """The judge called ``name``; without a name the one called ``judge``, or the only one.

        Raises:
            UsageError: there is no such judge, or no registered judge of its kind.
        """
        known = self._configs
        if name is None and (len(known) == 1 or "judge" in known):
            name = "judge" if "judge" in known else next(iter(known))
        if name is None or name not in known:
            which = f"no judge {name!r}" if name else "several judges" if known else "no judge"
            raise UsageError(
                f"the harness has {which}",
                hint=f"name one of: {', '.join(known)}" if known else "add one to its judges",
            )
        if name not in self._made:
            self._made[name] = self._make(name, known[name])
        return self._made[name]

    def _make(self, name: str, config: JudgeConfig) -> Judge:
        cls: type[Judge] = plugins.manager().registry("judges").get(config.kind)
        with plugins.asking(f"judge {name!r}", cls.__module__):
            try:
                return cls(partial(self._ask, config.provider), **config.kwargs)
            except TypeError as error:
                raise UsageError(f"judge {name!r}: {error}") from error

    def asking(self, provider: str) -> Judge:
        """A judge with no question of its own: ``generate`` asks the auxiliary provider.

        Raises:
            UsageError: the harness has no such provider.
        """
        self._auxiliary.config(provider)
        return Judge(partial(self._ask, provider))

    async def _ask(self, name: str, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        call = JudgeCall.asking(name, self._auxiliary.config(name).model, request, params)
        began = time.perf_counter()
        try:
            provider, slots = await self._auxiliary.get(name)
            async with slots:
                began = time.perf_counter()
                outputs = await provider.generate(request, params)
        except (ProviderError, OSError, TimeoutError) as error:
            said = error.message if isinstance(error, ProviderError) else reason(error)
            keep(evolve(call, error=said, seconds=round(time.perf_counter() - began, 4)))
            message = f"auxiliary provider {name!r}: {said}"
            raise JudgeError(message, hint=getattr(error, "hint", None)) from error
        seconds = time.perf_counter() - began
        for output in outputs:
            keep(call.answered(output, seconds))
        return outputs
