"""Train the tiny model and write its checkpoints; about seven CPU-minutes on one thread.

    python examples/tiny_model/train.py [--out DIR] [--steps 1000] [--keep 200 400 600 1000]

Needs torch, transformers and tokenizers; nothing else in this repository does.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import corpus
import tokenizer as byte_tokenizer
import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

MAX_LENGTH = 2048
TOKENS_PER_STEP = 5120
# Mostly short sequences, which train fastest; the long ones teach every position up to MAX_LENGTH,
# so that prompts with many shots still work.
LENGTHS = (160, 160, 320, 160, 160, 1024, 160, 320, 160, 160, 160, 2048)
PEAK_RATE = 3e-3
WARMUP_STEPS = 40
# The default of 0.02 suits wide models; at width 128 it slows the first hundreds of steps.
INITIAL_DEVIATION = 0.07
BACKGROUND_WEIGHT = 0.15  # of text that is chance, against 1 for what can be known
# What describes the architecture, out of all that a configuration object holds.
CONFIG_KEYS = (
    "model_type",
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "max_position_embeddings",
    "rope_parameters",
    "rms_norm_eps",
    "hidden_act",
    "attention_bias",
    "mlp_bias",
    "tie_word_embeddings",
    "initializer_range",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
)


def model_config() -> LlamaConfig:
    return LlamaConfig(
        vocab_size=byte_tokenizer.VOCAB_SIZE,
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=MAX_LENGTH,
        rms_norm_eps=1e-5,
        initializer_range=INITIAL_DEVIATION,
        tie_word_embeddings=True,
        bos_token_id=byte_tokenizer.BOS_ID,
        eos_token_id=byte_tokenizer.EOS_ID,
        pad_token_id=byte_tokenizer.PAD_ID,
    )


def weighted_tokens(document: str) -> Iterator[tuple[int, float]]:
    """Each token of one document with its weight in the loss."""
    weight = BACKGROUND_WEIGHT
    yield byte_tokenizer.BOS_ID, weight
    for byte in document.encode():
        if byte == ord(corpus.KNOWN):
            weight = 1.0
        elif byte == ord(corpus.UNKNOWN):
            weight = BACKGROUND_WEIGHT
        else:
            yield byte, weight
    yield byte_tokenizer.EOS_ID, weight


def sequences(seed: int, length: int) -> Iterator[list[tuple[int, float]]]:
    """Sequences of `length` + 1 tokens: whole documents from a `<bos>` on, the last one cut off."""
    documents = corpus.documents(seed, length)
    while True:
        row: list[tuple[int, float]] = []
        while len(row) <= length:
            row += weighted_tokens(next(documents))
        yield row[: length + 1]


def weighted_loss(model: LlamaForCausalLM, rows: list[list[tuple[int, float]]]) -> torch.Tensor:
    """Cross-entropy a token in nats, known text weighing more than the rest."""
    batch = torch.tensor(rows)
    tokens, weights = batch[..., 0].long(), batch[:, 1:, 1]
    logits = model(tokens[:, :-1], use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(logits.mT, tokens[:, 1:], reduction="none")
    return (losses * weights).sum() / weights.sum()


def learning_rate(step: int, steps: int) -> float:
    """Linear warm-up, then half a cosine down to a twentieth of the peak."""
    if step < WARMUP_STEPS:
        return PEAK_RATE * (step + 1) / WARMUP_STEPS
    progress = (step - WARMUP_STEPS) / max(1, steps - WARMUP_STEPS)
    return PEAK_RATE * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))


def save_checkpoint(model: LlamaForCausalLM, folder: Path) -> None:
    """A plain Hugging Face folder in half precision; the tied output matrix is stored once."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: tensor.detach().to(torch.float16).contiguous()
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = {"architectures": ["LlamaForCausalLM"], "dtype": "float16"}
    config |= {key: getattr(model.config, key) for key in CONFIG_KEYS}
    write_json(folder / "config.json", config)
    special = ("bos_token_id", "eos_token_id", "pad_token_id")
    write_json(folder / "generation_config.json", {key: config[key] for key in special})
    byte_tokenizer.save(folder, MAX_LENGTH)


def write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def train(out: Path, steps: int, keep: set[int], seed: int) -> None:
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    model = LlamaForCausalLM(model_config())
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.05)
    streams = {length: sequences(seed + length, length) for length in set(LENGTHS)}
    started = time.process_time()
    for step in range(steps):
        length = LENGTHS[step % len(LENGTHS)]
        rows = [next(streams[length]) for _ in range(max(1, TOKENS_PER_STEP // length))]
        loss = weighted_loss(model, rows)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if (step + 1) % 50 == 0:
            spent = time.process_time() - started
            print(f"step {step + 1}: loss {loss.item():.3f}, {spent:.0f} CPU-seconds", flush=True)
        if step + 1 in keep:
            save_checkpoint(model, out / f"step{step + 1}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default_out = Path(__file__).parent / "checkpoints"
    parser.add_argument("--out", type=Path, default=default_out)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--keep", type=int, nargs="+", default=[200, 400, 600, 1000])
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    train(options.out, options.steps, set(options.keep), options.seed)


if __name__ == "__main__":
    main()
