"""The forward pass of a Llama in float32.

Tokens come in as one flat row of any mixture of sequences; which token may look at which is the
business of a ``KVCache`` (see ``kv_cache.py``), so scoring and batched decoding share every line
of arithmetic here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from attrs import frozen

from olmo_eval_providers.embedded.config import LlamaConfig, read_config
from olmo_eval_providers.embedded.weights import FloatArray, IntArray, load_weights
from olmo_eval_providers.local.weight_shapes import (
    EMBEDDINGS,
    HEAD,
    Shape,
    check_checkpoint,
    layer_shapes,
    weights_mismatch,
)


class KVCache(Protocol):
    """Keeps keys and values and lets tokens attend to them.

    ``query`` is (tokens, heads, head_dim); ``key`` and ``value`` are (tokens, kv_heads,
    head_dim); the result is (tokens, heads * head_dim).
    """

    def attend(
        self, layer: int, query: FloatArray, key: FloatArray, value: FloatArray
    ) -> FloatArray: ...


@frozen(eq=False)
class Layer:
    """Matrices of one layer, transposed so that activations multiply from the left.

    Shapes: ``qkv`` (hidden, (heads + 2 kv_heads) * head_dim), ``out`` (heads * head_dim, hidden),
    ``gate_up`` (hidden, 2 intermediate), ``down`` (intermediate, hidden).
    """

    attention_norm: FloatArray
    qkv: FloatArray
    out: FloatArray
    mlp_norm: FloatArray
    gate_up: FloatArray
    down: FloatArray


def rms_norm(x: FloatArray, weight: FloatArray, eps: float) -> FloatArray:
    """x / rms(x) * weight, over the last axis (Zhang and Sennrich 2019)."""
    squares: FloatArray = np.einsum("nd,nd->n", x, x)[:, None]
    mean_square: FloatArray = squares / np.float32(x.shape[-1])
    scale: FloatArray = np.float32(1.0) / np.sqrt(mean_square + np.float32(eps))
    return x * scale * weight


def silu(x: FloatArray) -> FloatArray:
    """x * sigmoid(x), written with tanh, which cannot overflow."""
    sigmoid: FloatArray = np.float32(0.5) * (np.tanh(x * np.float32(0.5)) + np.float32(1.0))
    return x * sigmoid


def log_softmax(logits: FloatArray) -> FloatArray:
    """Natural-log probabilities over the last axis."""
    shifted: FloatArray = logits - logits.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted


class Llama:
    """A loaded model. Stateless: everything that a sequence leaves behind is in its KV cache."""

    def __init__(self, config: LlamaConfig, weights: Mapping[str, FloatArray]) -> None:
        self.config = config
        self._weights = weights
        self._embeddings = weights[EMBEDDINGS]
        self._head = weights[EMBEDDINGS if config.tied_embeddings else HEAD].T
        self._norm = weights["model.norm.weight"]
        self._layers = [self._layer(index) for index in range(config.num_layers)]
        self._cos, self._sin = _rotations(config)

    @classmethod
    def load(cls, folder: Path) -> Llama:
        """The model in a folder of Hugging Face format.

        Raises:
            ProviderError: a missing or unreadable file, or an unsupported architecture.
        """
        config = read_config(folder)
        check_checkpoint(folder)
        weights = load_weights(folder)
        _check_weights(folder, config, weights)
        return cls(config, weights)

    def _layer(self, index: int) -> Layer:
        def weight(name: str) -> FloatArray:
            return self._weights[f"model.layers.{index}.{name}.weight"]

        def stacked(*names: str) -> FloatArray:
            return np.ascontiguousarray(np.concatenate([weight(name) for name in names]).T)

        return Layer(
            attention_norm=weight("input_layernorm"),
            qkv=stacked(*(f"self_attn.{name}_proj" for name in "qkv")),
            out=stacked("self_attn.o_proj"),
            mlp_norm=weight("post_attention_layernorm"),
            gate_up=stacked("mlp.gate_proj", "mlp.up_proj"),
            down=stacked("mlp.down_proj"),
        )

    def hidden(self, tokens: IntArray, positions: IntArray, kv_cache: KVCache) -> FloatArray:
        """Final hidden states (tokens, hidden) of a flat row of tokens at their positions."""
        eps = self.config.rms_norm_eps
        x: FloatArray = self._embeddings[tokens]
        cos, sin = self._cos[positions, None], self._sin[positions, None]
        for index, layer in enumerate(self._layers):
            query, key, value = self._project(layer, rms_norm(x, layer.attention_norm, eps))
            attended = kv_cache.attend(
                index, _rotate(query, cos, sin), _rotate(key, cos, sin), value
            )
            x = x + attended @ layer.out
            gate_up = rms_norm(x, layer.mlp_norm, eps) @ layer.gate_up
            width = gate_up.shape[1] // 2
            gated: FloatArray = silu(gate_up[:, :width]) * gate_up[:, width:]
            x = x + gated @ layer.down
        return rms_norm(x, self._norm, eps)

    def logits(self, hidden: FloatArray) -> FloatArray:
        """Next-token logits (tokens, vocabulary) of final hidden states."""
        return hidden @ self._head

    def _project(self, layer: Layer, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        c = self.config
        joint = (x @ layer.qkv).reshape(len(x), -1, c.head_dim)
        query, key, value = np.split(joint, [c.num_heads, c.num_heads + c.num_kv_heads], axis=1)
        return query, key, value


def _shapes(config: LlamaConfig) -> dict[str, Shape]:
    """The shape of every weight of a Llama, by its name in the checkpoint."""
    hidden = config.hidden_size
    queries, keys = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    layer = layer_shapes(hidden, config.intermediate_size, queries, keys)
    shapes: dict[str, Shape] = {
        f"model.layers.{index}.{name}.weight": shape
        for index in range(config.num_layers)
        for name, shape in layer.items()
    }
    shapes |= {EMBEDDINGS: (config.vocab_size, hidden), "model.norm.weight": (hidden,)}
    return shapes if config.tied_embeddings else {**shapes, HEAD: (config.vocab_size, hidden)}


def _check_weights(folder: Path, config: LlamaConfig, weights: Mapping[str, FloatArray]) -> None:
    """Raises ProviderError unless ``weights`` are all those of ``config``, and no others."""
    expected = _shapes(config)
    unused = weights.keys() - expected.keys()
    if config.tied_embeddings and HEAD in unused:  # a second copy of what is shared does no harm
        unused -= {HEAD} if np.array_equal(weights[HEAD], weights[EMBEDDINGS]) else set()
    found = {name: weights[name].shape for name in expected.keys() & weights.keys()}
    error = weights_mismatch(
        str(folder),
        missing=expected.keys() - weights.keys(),
        unused=unused,
        reshaped={n: (found[n], expected[n]) for n in found if found[n] != expected[n]},
    )
    if error is not None:
        raise error


def _rotations(config: LlamaConfig) -> tuple[FloatArray, FloatArray]:
    """Cosines and sines (positions, head_dim / 2) of rotary embeddings (Su et al. 2021)."""
    exponents = np.arange(0, config.head_dim, 2, dtype=np.float32) / config.head_dim
    frequencies = np.float32(1.0) / np.float32(config.rope_theta) ** exponents
    angles = np.outer(np.arange(config.max_length, dtype=np.float32), frequencies)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def _rotate(x: FloatArray, cos: FloatArray, sin: FloatArray) -> FloatArray:
    """Rotate (tokens, heads, head_dim); dimension i pairs with i + head_dim / 2."""
    half = x.shape[-1] // 2
    first, second = x[..., :half], x[..., half:]
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
