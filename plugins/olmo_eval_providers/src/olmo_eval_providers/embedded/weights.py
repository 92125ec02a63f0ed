"""Weights from safetensors files, as float32 arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from olmo_eval.errors import ProviderError
from olmo_eval_providers.local.weight_shapes import weight_files

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

_DTYPES: dict[str, Any] = {"F16": np.float16, "F32": np.float32, "F64": np.float64}


def load_weights(folder: Path) -> dict[str, FloatArray]:
    """Every tensor of the folder by name, in float32.

    Raises:
        ProviderError: no weights, an unreadable file, or a number format numpy cannot hold.
    """
    files = weight_files(folder)
    if not files:
        raise ProviderError(
            f"{folder} has no *.safetensors file",
            hint="save the model with save_pretrained(..., safe_serialization=True)",
        )
    weights: dict[str, FloatArray] = {}
    for path in files:
        weights.update(_tensors(path))
    return weights


def _tensors(path: Path) -> Iterator[tuple[str, FloatArray]]:
    import safetensors

    deserialize: Callable[[bytes], list[tuple[str, dict[str, Any]]]] = safetensors.deserialize
    try:
        tensors = deserialize(path.read_bytes())
    except (OSError, safetensors.SafetensorError) as error:
        raise ProviderError(
            f"{path} is not a readable safetensors file: {error}", hint="copy the checkpoint again"
        ) from error
    for name, tensor in tensors:
        yield name, _float32(tensor["data"], tensor["dtype"], path).reshape(tensor["shape"])


def _float32(data: bytes, dtype: str, path: Path) -> FloatArray:
    if dtype == "BF16":
        # bfloat16 is the upper half of a float32.
        widened = np.frombuffer(data, np.uint16).astype(np.uint32) << 16
        return widened.view(np.float32)
    if dtype not in _DTYPES:
        raise ProviderError(f"{path}: weights of type {dtype} are not supported")
    return np.frombuffer(data, _DTYPES[dtype]).astype(np.float32)
