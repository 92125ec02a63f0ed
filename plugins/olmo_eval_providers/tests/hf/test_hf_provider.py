"""The hf provider against bare transformers, string by string."""

from __future__ import annotations

import asyncio
import json
import shutil

import pytest

from olmo_eval.common.types import LMRequest, RequestType, SamplingParams, ToolSchema
from olmo_eval.errors import ProviderError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.providers.tokenization import split_pair
from olmo_eval_providers.extras import importable
from olmo_eval_providers.hf.provider import HFProvider

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not importable("hf"), reason="torch and transformers are not installed"),
]

SHOTS = "Question: what had the cat at that hour?\nAnswer: a bath and a bed\n\n" * 3
KINDS = ["llama", "learned positions", "windowed", "alibi"]


def run(folder, act, **config):
    """Start a provider, await ``act(provider)``, close it."""

    async def main():
        provider = HFProvider(ProviderConfig(model=folder, **config))
        try:
            await provider.start()
            return await act(provider)
        finally:
            await provider.close()

    return asyncio.run(main())


def choices(count=12):
    """Few-shot questions with four continuations each."""
    return [
        LMRequest(
            RequestType.LOGLIKELIHOOD,
            prompt=f"{SHOTS}Question: what is {i} and {i * i}?\nAnswer:",
            continuations=(f" {i}", " a hat", " the other one", " ed" * (i % 3 + 1)),
        )
        for i in range(count)
    ]


def score_all(requests):
    async def act(provider):
        answers = await asyncio.gather(*(provider.loglikelihood(r) for r in requests))
        facts = {**provider.describe(), **provider.metrics()}
        return [output for outputs in answers for output in outputs], facts

    return act


def alone(folder, requests):
    """(log-likelihood, greedy) of each continuation by bare transformers, one at a time."""
    import torch
    from transformers import AutoModelForCausalLM

    from olmo_eval_providers.hf.loading import TransformersTokenizer, require

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = TransformersTokenizer.load(
        require("transformers", "hf"), ProviderConfig(model=folder)
    )
    found = []
    for request in requests:
        for context, text in zip(request.contexts(), request.continuations, strict=True):
            pair = split_pair(tokenizer, context, text)
            ids = torch.tensor([[*pair.context, *pair.target]])
            with torch.inference_mode():
                logprobs = model(ids).logits[0, len(pair.context) - 1 : -1].log_softmax(-1)
            target = torch.tensor(pair.target)
            value = logprobs.gather(1, target[:, None]).sum().item()
            found.append((value, bool((logprobs.argmax(-1) == target).all())))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_likelihoods_equal_those_of_each_string_alone(checkpoint, kind):
    requests = choices()
    outputs, facts = run(checkpoint(kind), score_all(requests))
    assert facts["prefix_sharing"] is (kind in ("llama", "learned positions"))
    for output, (value, greedy) in zip(outputs, alone(checkpoint(kind), requests), strict=True):
        assert output.sum_logprob == pytest.approx(value, abs=1e-4)
        assert output.is_greedy is greedy


@pytest.mark.parametrize(
    "settings", [{"batch_tokens": 16}, {"prefix_bytes": 1}, {"share_prefixes": False}], ids=str
)
def test_batching_changes_nothing(checkpoint, settings):
    requests = choices()
    outputs, _ = run(checkpoint(), score_all(requests), kwargs=settings)
    expected = [value for value, _ in alone(checkpoint(), requests)]
    assert [o.sum_logprob for o in outputs] == pytest.approx(expected, abs=1e-4)


def test_shared_tokens_are_encoded_once(checkpoint):
    outputs, facts = run(checkpoint(), score_all(choices(40)), kwargs={"batch_tokens": 256})
    assert facts["reused_prefix_tokens"] > len(SHOTS) // 2
    assert any(output.usage.cached_tokens for output in outputs)


@pytest.mark.parametrize("bos", [True, False])
def test_empty_contexts_and_trailing_spaces(checkpoint, bos):
    folder = checkpoint("llama", bos)
    requests = [
        LMRequest(RequestType.LOGLIKELIHOOD, prompt="", continuations=("the hat",)),
        LMRequest(RequestType.LOGLIKELIHOOD, prompt="It is ", continuations=("a hat",)),
        LMRequest(RequestType.LOGLIKELIHOOD, prompt="It is", continuations=(" a hat",)),
    ]
    outputs, _ = run(folder, score_all(requests))
    assert [o.sum_logprob for o in outputs] == pytest.approx(
        [value for value, _ in alone(folder, requests)], abs=1e-4
    )
    assert outputs[1].sum_logprob == pytest.approx(outputs[2].sum_logprob, abs=1e-5)


def test_rolling_scores_every_token_once(checkpoint):
    text = "the cat had a bath and a bed " * 12
    request = LMRequest(RequestType.ROLLING, prompt=text)
    (whole,), _ = run(checkpoint(), score_all([request]))
    (cut,), _ = run(checkpoint(), score_all([request]), max_model_len=100)
    (shown,) = run(checkpoint(), lambda p: p.inspect(request, SamplingParams()))
    assert whole.num_tokens == cut.num_tokens == len(shown.tokens) - 1
    assert cut.sum_logprob != whole.sum_logprob


def test_left_truncation_is_counted(checkpoint):
    request = LMRequest(RequestType.LOGLIKELIHOOD, prompt=SHOTS * 4, continuations=(" x",))
    (output,), _ = run(checkpoint(), score_all([request]), max_model_len=64)
    assert output.metadata["truncated_prompt_tokens"] > 0


def test_a_continuation_that_cannot_fit_fails_alone(checkpoint):
    bad = LMRequest(RequestType.LOGLIKELIHOOD, prompt="x", continuations=("y" * 200,))

    async def act(provider):
        jobs = [provider.loglikelihood(r) for r in (*choices(3), bad)]
        return await asyncio.gather(*jobs, return_exceptions=True)

    *good, failed = run(checkpoint(), act, max_model_len=64)
    assert isinstance(failed, ProviderError)
    assert all(len(outputs) == 4 for outputs in good)


# -- generation


def greedy_alone(folder, prompts, count):
    import torch
    from transformers import AutoModelForCausalLM

    from olmo_eval_providers.hf.loading import TransformersTokenizer, require

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = TransformersTokenizer.load(
        require("transformers", "hf"), ProviderConfig(model=folder)
    )
    texts = []
    for prompt in prompts:
        ids = tokenizer.encode(prompt)
        new = []
        while len(new) < count:
            with torch.inference_mode():
                token = int(model(torch.tensor([[*ids, *new]])).logits[0, -1].argmax())
            if token == 260:
                break
            new.append(token)
        texts.append(tokenizer.decode(new))
    return texts


PROMPTS = [SHOTS * (i % 2) + "the " + "cat and " * (i % 5) + str(i) for i in range(14)]


def generate_all(prompts, **params):
    async def act(provider):
        sampling = SamplingParams(**params)
        requests = [LMRequest(RequestType.COMPLETION, prompt=p) for p in prompts]
        return await asyncio.gather(*(provider.generate(r, sampling) for r in requests))

    return act


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slots", [4, 32])
def test_greedy_text_equals_that_of_each_prompt_alone(checkpoint, kind, slots):
    answers = run(checkpoint(kind), generate_all(PROMPTS, max_tokens=9), kwargs={"slots": slots})
    assert [a[0].text for a in answers] == greedy_alone(checkpoint(kind), PROMPTS, 9)


def test_stop_sequences_end_each_row_by_itself(checkpoint):
    full = run(checkpoint(), generate_all(PROMPTS, max_tokens=24))
    stop = next(c for (o,) in full for c in o.text[2:] if c.isascii())
    cut = run(checkpoint(), generate_all(PROMPTS, max_tokens=24, stop_sequences=(stop,)))
    for (before,), (after,) in zip(full, cut, strict=True):
        assert after.text == before.text.partition(stop)[0]
        assert (after.finish_reason == "stop") is (stop in before.text)
    assert min(o.usage.completion_tokens for (o,) in cut) < 24


def test_samples_depend_on_nothing_in_flight(checkpoint):
    params = {"max_tokens": 12, "temperature": 1.0, "top_p": 0.9, "num_samples": 3, "seed": 5}
    crowd = run(checkpoint(), generate_all(PROMPTS, **params))
    lonely = run(checkpoint(), generate_all(PROMPTS[:1], **params), kwargs={"slots": 1})
    assert [o.text for o in crowd[0]] == [o.text for o in lonely[0]]
    assert len({o.text for o in crowd[0]}) > 1
    other = run(checkpoint(), generate_all(PROMPTS[:1], **{**params, "seed": 6}))
    assert [o.text for o in other[0]] != [o.text for o in lonely[0]]


def test_chat_uses_the_template_and_tools(checkpoint):
    request = LMRequest(
        RequestType.CHAT,
        messages=({"role": "user", "content": "hi"},),
        tools=(ToolSchema("add", "adds"),),
    )

    async def act(provider):
        (output,) = await provider.generate(request, SamplingParams(max_tokens=4))
        return await provider.inspect(request, SamplingParams()), output

    (received,), output = run(checkpoint(), act)
    text = received.text
    assert text == "[add]<user>hi<assistant>"
    assert output.usage.prompt_tokens == len(text)


def test_out_of_memory_halves_and_goes_on(checkpoint):
    async def act(provider):
        engine = provider.engine
        model = engine.loaded.model
        original = model.forward

        def forward(input_ids=None, **kwargs):
            if input_ids.numel() > 40:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
            return original(input_ids=input_ids, **kwargs)

        model.forward = forward
        scored = await asyncio.gather(*(provider.loglikelihood(r) for r in choices()))
        texts = await generate_all([p[-30:] for p in PROMPTS], max_tokens=5)(provider)
        return scored, texts, provider.metrics()

    scored, texts, facts = run(checkpoint(), act)
    assert facts["halvings"] > 0
    values = [o.sum_logprob for outputs in scored for o in outputs]
    assert values == pytest.approx([v for v, _ in alone(checkpoint(), choices())], abs=1e-4)
    assert len(texts) == len(PROMPTS)


def test_a_folder_that_is_no_model_is_one_clear_error(tmp_path):
    with pytest.raises(ProviderError, match=r"has no config\.json"):
        run(str(tmp_path), score_all([]))


def changed(folder, target, **config):
    """A copy of a checkpoint with other settings in its config.json."""
    shutil.copytree(folder, target)
    settings = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps({**settings, **config}))
    return str(target)


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("llama", {"num_hidden_layers": 1}, "num_hidden_layers is 1, the weights have 2"),
        (
            "llama",
            {"intermediate_size": 48},
            r"is \(64, 96\), config.json gives \(64, 48\); 5 more",
        ),
        ("llama", {"attention_bias": True}, r"8 missing .*self_attn"),
        ("learned positions", {"n_layer": 1}, r"11 unused \(transformer\.h\.1\.attn"),
        ("learned positions", {"n_layer": 3}, r"12 missing \(transformer\.h\.2\.attn"),
        ("learned positions", {"vocab_size": 9}, r"1 of another shape \(transformer\.wte"),
    ],
)
def test_weights_that_are_not_those_of_the_config(checkpoint, tmp_path, kind, config, message):
    folder = changed(checkpoint(kind), tmp_path / "model", **config)
    with pytest.raises(ProviderError, match=message) as error:
        run(folder, score_all([]))
    assert folder in error.value.message


def test_buffers_of_older_checkpoints_do_no_harm(checkpoint, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file

    folder = changed(checkpoint(), tmp_path / "model")
    weights = load_file(f"{folder}/model.safetensors")
    buffer = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8)}
    save_file({**weights, **buffer}, f"{folder}/model.safetensors", {"format": "pt"})
    assert run(folder, score_all(choices(1)))[0] == run(checkpoint(), score_all(choices(1)))[0]
