"""Which sentences of a conversation will be asked about, when nobody has asked yet.

A model that was learned from questions about long conversations (`make train-importance`; weights/MODEL_CARD.md says
from which, and how well it does) gives each sentence the number of questions to expect: the geometric
mean of a log-linear model of its features and of small boosted trees, both with a Poisson loss.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helix_pipeline.domain.context.features import Column, Turns, features
from helix_pipeline.domain.context.text import Text
from helix_pipeline.domain.context.words import Words

Floats = NDArray[np.float64]

LEAVES = 8
"""Leaves of a tree at most: one bit each in a byte."""


@dataclass(frozen=True)
class Tree:
    """A regression tree in the form of QuickScorer (Lucchese et al., SIGIR 2015).

    `tests` are (column, threshold, leaves): where the column is over the threshold, the leaves, as bits of a byte, are
    out of reach. A row's leaf is the first that is not. `values` are those of the leaves, from the left.
    """

    tests: tuple[tuple[int, float, int], ...]
    values: tuple[float, ...]

    def add_to(self, total: NDArray[np.float32], columns: NDArray[np.float32]) -> None:
        """Add each row's value to `total` float32[rows]; `columns` float32[columns, rows]."""
        out_of_reach = np.zeros(len(total), np.uint8)
        for column, threshold, leaves in self.tests:
            over = columns[column] > np.float32(threshold)
            out_of_reach |= over.view(np.uint8) * np.uint8(leaves)
        first = [(~bits & (bits + 1)).bit_length() - 1 for bits in range(1 << LEAVES)]
        padded = np.array([*self.values, *[0.0] * (LEAVES + 1 - len(self.values))], np.float32)
        total += padded[first][out_of_reach]


@dataclass(frozen=True)
class Model:
    """Weights of the importance of a sentence.

    `columns` names the features, `lowest` and `highest` bound them to what was seen in training. The log-linear part
    sees the square root of each, times `weights`; `known` weighs words by their stem. `level` is the logarithm of what
    makes the sum right over the training conversations.
    """

    columns: tuple[str, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    weights: tuple[float, ...]
    known: dict[str, float]
    trees: tuple[Tree, ...]
    level: float

    @classmethod
    def parse(cls, text: str) -> "Model":
        """Read a model as `json` writes it."""
        fields: dict[str, Any] = json.loads(text)
        fields["trees"] = [Tree(tuple(map(tuple, tests)), tuple(values)) for tests, values in fields["trees"]]
        tuples: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in fields.items()}
        return cls(**tuples)

    def expected(self, columns: dict[str, Column]) -> Floats:
        """Return the number of questions to expect about each sentence, float64[sentences], over 0."""
        bounded = self.bounded(columns)
        linear = np.array(self.weights, np.float32) @ np.sqrt(bounded) + columns["known"]
        boosted = np.zeros_like(linear)
        for tree in self.trees:
            tree.add_to(boosted, bounded)
        return np.exp((linear + boosted).astype(np.float64) / 2 + self.level)

    def bounded(self, columns: dict[str, Column]) -> NDArray[np.float32]:
        """Return the features within the bounds of the training, float32[columns, sentences]."""
        rows = np.stack([columns[name] for name in self.columns])
        return np.clip(rows, np.array(self.lowest, np.float32)[:, None], np.array(self.highest, np.float32)[:, None])


@cache
def shipped() -> Model:
    """Return the model that comes with the package."""
    return Model.parse(files(__package__).joinpath("weights", "importance.json").read_text(encoding="utf-8"))


def importance(text: Text, words: Words, dialogue: Turns, model: Model | None = None) -> Floats:
    """Return how many questions to expect about each sentence, float64[sentences]; of white space alone, none."""
    if not len(text.sentences):
        return np.zeros(0)
    model = model or shipped()
    columns = features(text, words, dialogue, model.known)
    return np.where(columns["words"] > 0, model.expected(columns), 0.0)
