"""How fast the hf provider is, as ratios to its rivals measured beside it on this machine.

    python benchmarks/hf_speed.py likelihood [--questions 500] [--peer-python PYTHON]
    python benchmarks/hf_speed.py generation [--prompts 128] [--peer-python PYTHON]

- ``likelihood``: the hf provider against lm-evaluation-harness at the best of several batch
  sizes, where ``--peer-python`` names an interpreter that has it, and otherwise against scoring
  every string alone in padded batches (``plain``). Four-choice questions behind five shots, with
  sentences as choices (cloze) and with letters; a random model of about 30 million parameters.
- ``generation``: the hf provider against the same peer, greedy, 32 tokens a prompt.

Every contestant answers the same questions; the answers are compared before a ratio is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from typing import Any

VOCABULARY, SHOT_WORDS, QUESTION_WORDS, SENTENCE_WORDS = 16_000, 50, 36, 6
LETTERS = (" A", " B", " C", " D")


def make_model(folder: str) -> None:
    """A random Llama of about 30 million parameters whose tokens are words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = ["<eos>", *"ABCD", *(f"w{i}" for i in range(VOCABULARY - 5))]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, "<eos>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<eos>", unk_token="<eos>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=512,
        intermediate_size=1408,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def questions(count: int, form: str) -> list[tuple[str, tuple[str, ...]]]:
    """(context, choices) pairs: five shared shots, then a question of its own."""
    draw = random.Random(1)

    def text(words: int) -> str:
        return " ".join(f"w{draw.randrange(VOCABULARY - 5)}" for _ in range(words))

    shots = " ".join(text(SHOT_WORDS) for _ in range(5))
    found = []
    for _ in range(count):
        context = f"{shots} {text(QUESTION_WORDS)}"
        sentences = tuple(" " + text(SENTENCE_WORDS) for _ in range(4))
        found.append((context, LETTERS if form == "letters" else sentences))
    return found


# -- contestants: each returns (seconds, answers) on the same work


def hf_provider(model: str) -> Any:
    from olmo_eval.providers.provider import ProviderConfig
    from olmo_eval_providers.hf.provider import HFProvider

    return HFProvider(ProviderConfig(model=model))


def hf_likelihood(model: str, work: Any, in_flight: int = 128) -> tuple[float, list[float]]:
    """The provider as the runner uses it: so many requests in flight, no more."""
    from olmo_eval.common.types import LMRequest, RequestType

    async def main() -> tuple[float, list[float]]:
        provider = hf_provider(model)
        await provider.start()
        room = asyncio.Semaphore(in_flight)

        async def one(context: str, choices: tuple[str, ...]) -> list[float]:
            request = LMRequest(RequestType.LOGLIKELIHOOD, prompt=context, continuations=choices)
            async with room:
                return [o.sum_logprob for o in await provider.loglikelihood(request)]

        began = time.perf_counter()
        answers = await asyncio.gather(*(one(*question) for question in work))
        seconds = time.perf_counter() - began
        await provider.close()
        return seconds, [value for values in answers for value in values]

    return asyncio.run(main())


def plain_likelihood(model: str, work: Any, batch: int) -> tuple[float, list[float]]:
    """Every string alone in bare torch: longest first, padded on the right."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    began = time.perf_counter()
    texts = [(tokenizer.encode(c), tokenizer.encode(c + t)) for c, ts in work for t in ts]
    order = sorted(range(len(texts)), key=lambda i: -len(texts[i][1]))
    answers = [0.0] * len(texts)
    with torch.inference_mode():
        for at in range(0, len(order), batch):
            rows = order[at : at + batch]
            width = max(len(texts[i][1]) for i in rows)
            ids = torch.tensor([texts[i][1] + [0] * (width - len(texts[i][1])) for i in rows])
            mask = torch.tensor(
                [[1] * len(texts[i][1]) + [0] * (width - len(texts[i][1])) for i in rows]
            )
            logits = network(ids, attention_mask=mask, use_cache=False).logits
            for row, i in enumerate(rows):
                head, whole = map(len, texts[i])
                logprobs = logits[row, head - 1 : whole - 1].log_softmax(-1)
                answers[i] = float(logprobs.gather(1, ids[row, head:whole, None]).sum())
    return time.perf_counter() - began, answers


def peer_model(model: str, batch: int) -> Any:
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=model, device="cpu", dtype="float32", batch_size=batch)


def peer_requests(kind: str, arguments: list[Any]) -> list[Any]:
    from lm_eval.api.instance import Instance

    return [Instance(kind, {}, a, i) for i, a in enumerate(arguments)]


def peer_likelihood(model: str, work: Any, batch: int) -> tuple[float, list[float]]:
    network = peer_model(model, batch)
    requests = peer_requests("loglikelihood", [(c, t) for c, ts in work for t in ts])
    began = time.perf_counter()
    answers = network.loglikelihood(requests, disable_tqdm=True)
    return time.perf_counter() - began, [float(value) for value, _ in answers]


def hf_generation(model: str, prompts: list[str]) -> tuple[float, list[str]]:
    from olmo_eval.common.types import LMRequest, RequestType, SamplingParams

    async def main() -> tuple[float, list[str]]:
        provider = hf_provider(model)
        await provider.start()
        requests = [LMRequest(RequestType.COMPLETION, prompt=p) for p in prompts]
        began = time.perf_counter()
        params = SamplingParams(max_tokens=32)
        answers = await asyncio.gather(*(provider.generate(r, params) for r in requests))
        seconds = time.perf_counter() - began
        await provider.close()
        return seconds, [output.text for (output,) in answers]

    return asyncio.run(main())


def peer_generation(model: str, prompts: list[str], batch: int) -> tuple[float, list[str]]:
    network = peer_model(model, batch)
    settings = {"until": ["<never>"], "max_gen_toks": 32, "do_sample": False}
    requests = peer_requests("generate_until", [(p, dict(settings)) for p in prompts])
    began = time.perf_counter()
    answers = network.generate_until(requests, disable_tqdm=True)
    return time.perf_counter() - began, list(answers)


# -- running them


def contest(name: str, model: str, size: int, form: str, batch: int) -> tuple[float, list[Any]]:
    """One contestant in this process."""
    if name.endswith("likelihood"):
        work: Any = questions(size, form)
    else:
        work = [context for context, _ in questions(size, form)]
    run = globals()[name]
    return run(model, work) if name.startswith("hf") else run(model, work, batch)


def in_its_own_process(python: str, *arguments: str) -> tuple[float, list[Any]]:
    out = subprocess.run(
        [python, __file__, "contest", *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    seconds, answers = json.loads(out.stdout.splitlines()[-1])
    return seconds, answers


def compare(
    kind: str, size: int, peer_python: str | None, batch_sizes: list[int], forms: list[str]
) -> None:
    """Print the hf provider's time, its rivals', and the ratios."""
    with tempfile.TemporaryDirectory() as model:
        make_model(model)
        for form in forms if kind == "likelihood" else ["cloze"]:
            ours, answers = in_its_own_process(
                sys.executable, f"hf_{kind}", model, str(size), form, "0"
            )
            print(f"{kind} {form}: hf provider {ours:.1f} s for {size}", flush=True)
            rivals = [("plain", sys.executable)] if kind == "likelihood" else []
            for rival, python in [("peer", peer_python)] if peer_python else rivals:
                runs = []
                for b in batch_sizes:
                    given = (f"{rival}_{kind}", model, str(size), form, str(b))
                    runs.append((*in_its_own_process(python, *given), b))
                seconds, theirs, batch = min(runs)
                print(
                    f"  {rival}: {seconds:.1f} s at its best batch size {batch} "
                    f"({', '.join(f'{b}: {s:.1f}' for s, _, b in runs)}); "
                    f"ratio {seconds / ours:.1f}; {agreement(answers, theirs)}",
                    flush=True,
                )


def agreement(ours: list[Any], theirs: list[Any]) -> str:
    if isinstance(ours[0], str):
        same = sum(a.split() == b.split() for a, b in zip(ours, theirs, strict=True))
        return f"{same} of {len(ours)} texts equal"
    worst = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))

    def chosen(values: list[float]) -> list[int]:
        return [max(range(4), key=values[i : i + 4].__getitem__) for i in range(0, len(values), 4)]

    same = sum(a == b for a, b in zip(chosen(ours), chosen(theirs), strict=True))
    return f"largest difference {worst:.1e}, {same} of {len(ours) // 4} choices equal"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for kind, size in (("likelihood", 500), ("generation", 128)):
        command = commands.add_parser(kind)
        command.add_argument(
            "--questions" if kind == "likelihood" else "--prompts",
            dest="size",
            type=int,
            default=size,
        )
        command.add_argument("--peer-python")
        command.add_argument("--forms", nargs="+", default=["cloze", "letters"])
        command.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 32])
    command = commands.add_parser("contest")
    command.add_argument("arguments", nargs=5)
    given = parser.parse_args()
    if given.command == "contest":
        name, model, size, form, batch = given.arguments
        print(json.dumps(contest(name, model, int(size), form, int(batch))))
    else:
        compare(given.command, given.size, given.peer_python, given.batch_sizes, given.forms)


if __name__ == "__main__":
    main()
