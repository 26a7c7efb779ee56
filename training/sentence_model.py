"""all-MiniLM-L6-v2, a BERT of six layers, run forward in NumPy: enough to encode single word pieces.

Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding", NAACL 2019; the
sentence's vector is the mean over its pieces, as the model's card says. Saves a framework of two gigabytes.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.special import erf

Floats = NDArray[np.float32]

LAYERS, HEADS = 6, 12
EPSILON = 1e-12


class SentenceModel:
    """The weights of the model, and its word pieces in the order of their numbers."""

    def __init__(self, folder: Path) -> None:
        self._weights: Mapping[str, Floats] = load_file(folder / "model.safetensors")
        self.pieces = (folder / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")

    def encode(self, numbers: NDArray[np.int64]) -> Floats:
        """Return one vector for each row of piece numbers, texts of equal length: float32[texts, 384]."""
        weights, length = self._weights, numbers.shape[1]
        hidden = weights["embeddings.word_embeddings.weight"][numbers]
        hidden = hidden + weights["embeddings.position_embeddings.weight"][:length]
        hidden = self._normalised(hidden + weights["embeddings.token_type_embeddings.weight"][0], "embeddings")
        for layer in range(LAYERS):
            hidden = self._layer(hidden, f"encoder.layer.{layer}")
        return hidden.mean(axis=1)

    def _layer(self, hidden: Floats, name: str) -> Floats:
        attended = self._linear(self._attention(hidden, f"{name}.attention.self"), f"{name}.attention.output.dense")
        hidden = self._normalised(hidden + attended, f"{name}.attention.output")
        inner = self._linear(hidden, f"{name}.intermediate.dense")
        inner = (inner * 0.5 * (1 + erf(inner / np.float32(np.sqrt(2))))).astype(np.float32)
        return self._normalised(hidden + self._linear(inner, f"{name}.output.dense"), f"{name}.output")

    def _attention(self, hidden: Floats, name: str) -> Floats:
        texts, length, size = hidden.shape
        shape = (texts, length, HEADS, size // HEADS)
        query, key, value = (
            self._linear(hidden, f"{name}.{part}").reshape(shape).swapaxes(1, 2) for part in ("query", "key", "value")
        )
        fit = query @ key.swapaxes(2, 3) / np.float32(np.sqrt(size // HEADS))
        share = np.exp(fit - fit.max(axis=-1, keepdims=True))
        share /= share.sum(axis=-1, keepdims=True)
        return (share @ value).swapaxes(1, 2).reshape(texts, length, size)

    def _linear(self, values: Floats, name: str) -> Floats:
        return values @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _normalised(self, values: Floats, name: str) -> Floats:
        centred = values - values.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt(centred.var(axis=-1, keepdims=True) + np.float32(EPSILON))
        return scaled * self._weights[f"{name}.LayerNorm.weight"] + self._weights[f"{name}.LayerNorm.bias"]
