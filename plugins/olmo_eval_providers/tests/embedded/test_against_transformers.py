"""The engine against transformers in float32: the reference that other engines are held to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from olmo_eval.common.types import LMRequest, RequestType, SamplingParams
from olmo_eval_providers.embedded.engine import Engine
from olmo_eval_providers.embedded.kv_cache import SharedPrefixKVCache, empty_kv

torch = pytest.importorskip("torch", reason="the comparison needs torch and transformers")
transformers = pytest.importorskip("transformers", reason="the comparison needs transformers")

pytestmark = pytest.mark.engine

TEXTS = [
    "Question: What is 34 + 25?\nAnswer: 59",
    "Passage: At dawn a red cart brought rope to the mill.\nQuestion: What colour was it?\nAnswer:",
    "Grüße aus Köln, 東京 🙂",
    "One cold morning a cart left Lurox with 34 crates of rope. " * 20,
]


@pytest.fixture(scope="module")
def reference(checkpoint: Path) -> Any:
    torch.set_num_threads(1)
    loaded = transformers.LlamaForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    return loaded.eval()


@pytest.fixture(scope="module")
def reference_tokenizer(checkpoint: Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(checkpoint)


def reference_logits(reference: Any, tokens: list[int]) -> Any:
    with torch.no_grad():
        return reference(torch.tensor([tokens])).logits[0].numpy()


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_are_the_same(
    make_engine: Callable[..., Engine], reference_tokenizer: Any, text: str
) -> None:
    tokenizer = make_engine().tokenizer
    tokens = tokenizer.encode(text)
    assert tokens == reference_tokenizer(text).input_ids
    assert tokens == [tokenizer.bos_id, *text.encode()]
    assert tokenizer.decode(tokens) == text


def test_chat_is_rendered_the_same(
    make_engine: Callable[..., Engine], reference_tokenizer: Any
) -> None:
    chat: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 1 + 1?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "What is 34 + 25?"},
    ]
    expected = reference_tokenizer.apply_chat_template(
        chat, tokenize=False, add_generation_prompt=True
    )
    assert (
        make_engine().tokenizer.render_chat(LMRequest(RequestType.CHAT, messages=tuple(chat)))
        == expected
    )


@pytest.mark.parametrize("text", TEXTS)
def test_logits(make_engine: Callable[..., Engine], reference: Any, text: str) -> None:
    engine = make_engine()
    tokens = engine.tokenizer.encode(text)
    memory = SharedPrefixKVCache(engine.model.config, empty_kv(engine.model.config), 1, len(tokens))
    hidden = engine.model.hidden(np.array(tokens), np.arange(len(tokens)), memory)
    difference = engine.model.logits(hidden) - reference_logits(reference, tokens)
    assert np.abs(difference).max() <= 1e-4


def test_log_likelihoods(
    make_engine: Callable[..., Engine], finish: Callable[..., None], reference: Any
) -> None:
    engine = make_engine()
    shots = "Question: What is 23 + 45?\nAnswer: 68\n\n" * 10
    contexts = [f"{shots}Question: What is {n} + 25?\nAnswer:" for n in range(10, 30)]
    choices = (" 59", " 7", " 104 or so", " slate")
    jobs = [
        engine.score_job(
            LMRequest(RequestType.LOGLIKELIHOOD, prompt=context, continuations=choices)
        )
        for context in contexts
    ]
    finish(engine, *jobs)
    for context, job in zip(contexts, jobs, strict=True):
        for choice, result in zip(choices, job.results, strict=True):
            tokens = engine.tokenizer.encode(context + choice)
            logits = torch.from_numpy(reference_logits(reference, tokens)).double()
            logprobs = logits.log_softmax(-1)
            own = range(len(tokens) - len(choice), len(tokens))
            expected = sum(logprobs[at - 1, tokens[at]].item() for at in own)
            greedy = all(int(logits[at - 1].argmax()) == tokens[at] for at in own)
            assert result.total == pytest.approx(expected, abs=1e-3)
            assert result.is_greedy == greedy


def test_greedy_text(
    make_engine: Callable[..., Engine], finish: Callable[..., None], reference: Any
) -> None:
    engine = make_engine(slots=5)
    prompts = [engine.tokenizer.encode(text[:60]) for text in TEXTS]
    prompts += [engine.tokenizer.encode(f"Question: What is {n} + 7?\nAnswer:") for n in (15, 80)]
    jobs = [engine.generate_job(prompt, SamplingParams(max_tokens=48)) for prompt in prompts]
    finish(engine, *jobs)
    eos_ids = engine.model.config.eos_ids
    for prompt, job in zip(prompts, jobs, strict=True):
        made = reference.generate(torch.tensor([prompt]), max_new_tokens=48, do_sample=False)
        made_tokens = made[0, len(prompt) :].tolist()
        assert job.samples[0].tokens == [t for t in made_tokens if t not in eos_ids]
