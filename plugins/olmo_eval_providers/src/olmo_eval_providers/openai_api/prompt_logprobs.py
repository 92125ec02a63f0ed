"""Log-probabilities of a prompt from a completions endpoint, where it gives them.

Two forms are in use. vLLM's ``prompt_logprobs`` answers with the probability of each prompt token
and its rank; the older ``echo`` with ``logprobs`` returns the prompt as if it had been generated.
Many servers accept either field and ignore it, so an answer counts only if it covers
every token of the prompt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from attrs import evolve, frozen

from olmo_eval.errors import ProviderError, TransientError
from olmo_eval_providers.openai_api.client import OpenAIClient
from olmo_eval_providers.openai_api.leaves import logprob, text

Prompt = str | Sequence[int]

_PROBE_TEXTS = ("The sky is blue today", "Water is wet")


class PromptLogprobForm(StrEnum):
    """How prompt log-probabilities are requested."""

    PROMPT_LOGPROBS = "prompt_logprobs"
    ECHO = "echo"


@frozen
class PromptToken:
    """One token of a prompt: its text, natural-log probability, and whether it is the most
    probable one. The first token of a prompt has no probability."""

    text: str
    logprob: float | None
    greedy: bool


@frozen
class PromptLogprobSupport:
    """What a completions endpoint returns about its prompts.

    - ``form``: how to request them; None where it has none, ``reason`` lists what was tried;
    - ``batches``: whether one call may carry several prompts;
    """

    form: PromptLogprobForm | None
    reason: str = ""
    batches: bool = False


async def prompt_logprob_support(client: OpenAIClient, model: str) -> PromptLogprobSupport:
    """Find out by asking: two short prompts in one call, then one.

    Raises:
        TransientError: the server is not there.
    """
    tried = []
    for form in PromptLogprobForm:
        for batch in (_PROBE_TEXTS, _PROBE_TEXTS[:1]):
            try:
                found = await _post(client, model, batch, form)
            except TransientError as error:
                if error.message.startswith("cannot reach"):
                    raise
                tried.append(f"{form}: {error.message}")
            except ProviderError as error:
                tried.append(f"{form}: {error.message}")
            else:
                if all(_covers(prompt, got) for prompt, got in zip(batch, found, strict=True)):
                    return PromptLogprobSupport(form, batches=len(batch) > 1)
                tried.append(f"{form}: no log-probabilities of the prompt in the answer")
    return PromptLogprobSupport(None, "; ".join(dict.fromkeys(tried)))


def _covers(prompt: str, tokens: Sequence[PromptToken]) -> bool:
    """Whether ``tokens`` cover ``prompt`` with real probabilities.

    The first token has none, and its text may be missing; a start token may stand before it.
    """
    known = [t.logprob for t in tokens[1:]]
    if not known or any(p is None or p > 1e-6 for p in known):
        return False
    return spells(tokens, prompt)


def spells(tokens: Sequence[PromptToken], prompt: str) -> bool:
    """Whether tokens are those of ``prompt``, spaces apart. Of a text that is not ASCII nobody can
    tell: a token may hold a part of a character."""
    if not prompt.isascii():
        return bool(tokens)
    covered = "".join("".join(t.text for t in tokens).split())
    expected = "".join(prompt.split())
    if covered.endswith(expected):
        return True
    return bool(tokens) and tokens[0].text == "" and expected.endswith(covered)


async def prompt_tokens(
    client: OpenAIClient, model: str, prompts: Sequence[Prompt], support: PromptLogprobSupport
) -> list[list[PromptToken]]:
    """The tokens of each prompt with their log-probabilities, in order.

    Raises:
        ProviderError: the endpoint returns none, or refuses these prompts.
        TransientError: as ``OpenAIClient.post``; or an answer without what was requested, or with
            the tokens of another text.
    """
    if support.form is None:
        raise ProviderError(f"{client.base_url} gives no prompt log-probabilities")
    if support.batches or len(prompts) == 1:
        return await _post(client, model, prompts, support.form)
    alone = evolve(support, batches=True)
    answers = await asyncio.gather(*(prompt_tokens(client, model, [p], alone) for p in prompts))
    return [answer[0] for answer in answers]


async def _post(
    client: OpenAIClient, model: str, prompts: Sequence[Prompt], form: PromptLogprobForm
) -> list[list[PromptToken]]:
    sent: Any = list(prompts) if len(prompts) > 1 else prompts[0]
    body: dict[str, Any] = {"model": model, "prompt": sent, "temperature": 0.0}
    if form is PromptLogprobForm.PROMPT_LOGPROBS:
        body.update(max_tokens=1, prompt_logprobs=0)
    else:
        body.update(max_tokens=0, echo=True, logprobs=1)
    answer = await client.post("/completions", body)
    choices = answer.get("choices") if isinstance(answer, Mapping) else None
    if not isinstance(choices, list) or len(choices) != len(prompts):
        raise TransientError(f"{client.base_url} did not answer every prompt of a batch")
    read = _from_prompt_logprobs if form is PromptLogprobForm.PROMPT_LOGPROBS else _from_echo
    try:
        found = [read(c) for c in sorted(choices, key=lambda c: c.get("index") or 0)]
    except (AttributeError, IndexError, KeyError, StopIteration, TypeError, ValueError) as error:
        raise TransientError(f"{client.base_url} sent malformed log-probabilities") from error
    if not all(found):
        raise TransientError(f"{client.base_url} sent no log-probabilities of the prompt")
    for prompt, tokens in zip(prompts, found, strict=True):
        if isinstance(prompt, str) and not spells(tokens, prompt):
            raise TransientError(f"{client.base_url} sent log-probabilities of another text")
    return found


def _from_prompt_logprobs(choice: Mapping[str, Any]) -> list[PromptToken]:
    tokens = []
    for place in choice.get("prompt_logprobs") or ():
        if place is None:
            tokens.append(PromptToken("", None, False))
            continue
        # the prompt's own token comes first; a more probable one may follow
        entry = next(iter(place.values()))
        greedy = entry.get("rank") == 1
        said = text(entry.get("decoded_token"))
        tokens.append(PromptToken(said, logprob(entry["logprob"]), greedy))
    return tokens


def _from_echo(choice: Mapping[str, Any]) -> list[PromptToken]:
    logprobs = choice.get("logprobs") or {}
    texts, values = logprobs.get("tokens") or [], logprobs.get("token_logprobs") or []
    tops = logprobs.get("top_logprobs") or [None] * len(texts)
    return [
        PromptToken(text(token), logprob(value), _is_top(value, top))
        for token, value, top in zip(texts, values, tops, strict=True)
    ]


def _is_top(value: float | None, top: Mapping[str, float] | None) -> bool:
    return value is not None and bool(top) and value >= max(top.values())  # type: ignore[union-attr]
