"""What an external eval is given: the model, its endpoint, arguments, a folder, a voice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from olmo_eval.common.types import EnvironmentSpec, LMOutput, LMRequest, SamplingParams
from olmo_eval.errors import UsageError


class ModelEndpoint(Protocol):
    """The model as a server on loopback that speaks OpenAI's protocol, while the run goes on.

    A program must show ``api_key`` as its bearer token and ask for ``model``.
    """

    base_url: str
    api_key: str
    model: str

    def environment(self) -> dict[str, str]:
        """The variables in which most programs look for such a server."""
        ...


class ProgressReport(Protocol):
    """Where an eval says how far it is."""

    def say(self, text: str) -> None: ...

    def reached(self, done: int, total: int | None) -> None: ...


class Environment(Protocol):
    """A sandbox of the harness, for this eval alone."""

    async def exec(
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = None,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> Any:
        """Run a program; an ``ExecResult`` of ``olmo_eval.sandbox``."""
        ...

    async def exec_with_endpoint(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        auxiliary: str | None = None,
    ) -> Any:
        """Run a program that finds the model's endpoint in its variables, whatever network the
        sandbox has: at ``OPENAI_BASE_URL`` for the key ``OPENAI_API_KEY``, as ``OPENAI_MODEL``.
        Inside there must be ``python3``.
        """
        ...

    async def write(self, path: str, data: bytes) -> None: ...

    async def read(self, path: str) -> bytes: ...


class ExternalContext:
    """What the workbench gives an external eval: the model, its arguments, a folder to work in.

    - ``provider``: the model under test; ask it through ``generate`` and ``loglikelihood``;
    - ``arguments``: what ``-a`` set, and the defaults of the rest;
    - ``folder``: an empty folder whose content is kept with the run.

    Whatever is asked of the model, here or at its ``endpoint``, is recorded with the run.
    """

    def __init__(
        self,
        provider: Any,
        arguments: Mapping[str, Any],
        folder: Path,
        *,
        serve: Callable[[str | None], ModelEndpoint] | None = None,
        progress: ProgressReport | None = None,
        furnish: Callable[[EnvironmentSpec | None], Awaitable[Environment]] | None = None,
        clean: Callable[[str], str] = str,
    ) -> None:
        self.provider = provider
        self.arguments = arguments
        self.folder = folder
        self._serve = serve
        self._progress = progress
        self._furnish = furnish
        self._clean = clean

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        """Ask the model under test, under the run's harness: its prompt, tools, retries, limits.

        Any number of requests may be made at once; as many are in flight as the provider takes.
        """
        outputs: list[LMOutput] = await self.provider.generate(request, params)
        return outputs

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        """The log-likelihoods of a request's continuations, or of a whole text."""
        outputs: list[LMOutput] = await self.provider.loglikelihood(request)
        return outputs

    async def agenerate(
        self, requests: Sequence[LMRequest], sampling_params: SamplingParams | None = None
    ) -> list[list[LMOutput]]:
        """``generate`` for each of several requests."""
        params = sampling_params or SamplingParams()
        return list(await asyncio.gather(*(self.generate(one, params) for one in requests)))

    async def alogprobs(self, requests: Sequence[LMRequest]) -> list[list[LMOutput]]:
        """``loglikelihood`` for each of several requests."""
        return list(await asyncio.gather(*map(self.loglikelihood, requests)))

    # -- the model as a server

    def endpoint(self, auxiliary: str | None = None) -> ModelEndpoint:
        """The model for programs that ask a server; the same one each time, until the run ends.

        It answers as ``generate`` and ``loglikelihood`` do, whatever the provider is: under the
        harness, with its retries and its limit of requests at once. ``auxiliary`` names another
        model of the harness: a judge, a simulated user.

        Raises:
            MissingDependencyError: aiohttp is not installed. UsageError: the harness has no such
                model.
        """
        if self._serve is None:
            raise UsageError("this context has no endpoint: it was not made by a run")
        return self._serve(auxiliary)

    @property
    def base_url(self) -> str:
        """Address of the ``endpoint``, which is started by this."""
        return self.endpoint().base_url

    @property
    def api_key(self) -> str:
        """Key of the ``endpoint``."""
        return self.endpoint().api_key

    @property
    def model_name(self) -> str:
        """The model's name, as the provider knows it; the endpoint takes it as well."""
        return str(self.provider.config.model)

    async def sandbox(self, spec: EnvironmentSpec | None = None) -> Environment:
        """An environment of the harness's sandboxes, closed when the run ends.

        ``spec`` says what must be in it; it counts among what the eval ``requires``.

        Raises:
            SandboxError: the harness has none that can be such.
        """
        if self._furnish is None:
            raise UsageError("this context has no sandboxes: it was not made by a run")
        return await self._furnish(spec)

    @property
    def max_concurrency(self) -> int:
        """Requests that are worth making at once; more wait for their turn."""
        return int(self.provider.max_concurrency)

    # -- telling how it goes

    def progress(self, done: int, total: int | None = None) -> None:
        """Show that ``done`` of ``total`` instances are finished."""
        if self._progress is not None:
            self._progress.reached(done, total)

    def clean(self, text: str) -> str:
        """``text`` without the secrets of the run: for logs that the eval writes."""
        return self._clean(text)

    def message(self, text: str) -> None:
        """Show a line to the person who waits."""
        if self._progress is not None:
            self._progress.say(text)
