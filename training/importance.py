"""Learns which sentences of a conversation are asked about: helix_pipeline/domain/context/weights/importance.json.

The labels are LoCoMo's questions: each is worth one, shared among its evidence messages, and within a message among
the sentences by the words that they share with the question and its answer. Seeded; takes about a minute.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.linear_model import PoissonRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

sys.path.append(str(Path(__file__).parents[1] / "bench"))

from locomo import Question, conversations, questions

from helix_pipeline.domain.context import importance
from helix_pipeline.domain.context.cues import STOP_WORDS
from helix_pipeline.domain.context.features import Column, features, turns
from helix_pipeline.domain.context.importance import LEAVES, Model, Tree
from helix_pipeline.domain.context.text import Text, analyse
from helix_pipeline.domain.context.words import Words, stem

TARGET = Path(importance.__file__).parent / "weights" / "importance.json"

SEED = 20260601
PENALTY = 0.01
"""L2 penalty of the log-linear part."""

MIN_TIMES = 20
"""Times that a word must be said, and in every training conversation, to get a weight of its own."""

TREES, RATE, SHARE, MIN_LEAF, SMOOTHING = 60, 0.1, 0.3, 40, 5.0
"""Boosting: trees, learning rate, share of the columns at a split, rows in a leaf, and what is added to its weight."""

BOUNDS = (0.1, 99.9)
"""Percentiles of a feature in training that bound it later."""

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Example:
    """A conversation with what is asked about it: `asked` float64[sentences] sums to its questions with evidence."""

    messages: pa.Table
    questions: Sequence[Question]
    text: Text
    columns: dict[str, Column]
    asked: NDArray[np.float64]


def terms(text: str) -> set[str]:
    """Return the stems of the words that are no stop words."""
    return {stem(word) for word in _WORD.findall(text) if word.lower() not in STOP_WORDS}


def example(messages: pa.Table, asked: Sequence[Question]) -> Example:
    """Return a conversation with its features and its labels."""
    text = analyse(messages["content"].combine_chunks())
    columns = features(text, Words(text), turns(messages), {})
    label = np.zeros(len(text.sentences))
    for question in asked:
        for sentence, share in evidence_shares(messages, text, question):
            label[sentence] += share
    return Example(messages, asked, text, columns, label)


def evidence_shares(messages: pa.Table, text: Text, question: Question) -> list[tuple[slice, NDArray[np.float64]]]:
    """Return the sentences of each evidence message and what share of the question each of them answers."""
    answer, query = terms(question.answer), terms(question.question)
    places = {name: place for place, name in enumerate(messages["message_id"].to_pylist())}
    found = []
    for place in map(places.__getitem__, question.evidence):
        first, last = np.searchsorted(text.text_of, [place, place + 1]).tolist()
        said = map(terms, text.sentences[first:last].to_pylist())
        overlap = np.array([2 * len(one & answer) + len(one & query - answer) for one in said], float)
        share = overlap**2 + 0.02 * np.sqrt(text.tokens[first:last])
        if last > first:
            found.append((slice(first, last), share / share.sum() / len(question.evidence)))
    return found


def fit(examples: Sequence[Example]) -> Model:
    """Learn a model from conversations."""
    names = tuple(name for name in examples[0].columns if name != "known")
    rows = np.concatenate([np.stack([one.columns[name] for name in names]) for one in examples], axis=1)
    low, high = np.percentile(rows, BOUNDS, axis=1)
    label = np.concatenate([one.asked for one in examples])
    bounded = np.clip(rows, low[:, None], high[:, None]).T.astype(np.float32)
    weights, known, linear = _log_linear(bounded, label, examples)
    trees, boosted = _boosted(bounded, label)
    level = np.log(label.sum() / np.exp((linear + boosted) / 2).sum())
    return Model(names, _short(low), _short(high), _short(weights), known, tuple(trees), round(float(level), 4))


def _log_linear(
    bounded: NDArray[np.float32], label: NDArray[np.float64], examples: Sequence[Example]
) -> tuple[NDArray[np.float64], dict[str, float], NDArray[np.float64]]:
    """Return the weights of the features' square roots and of words, and each row's value without the intercept."""
    scaler = StandardScaler().fit(np.sqrt(bounded))
    counts, words = _counts(examples)
    model = PoissonRegressor(alpha=PENALTY, max_iter=1000).fit(
        np.hstack([scaler.transform(np.sqrt(bounded)), 3 * counts]), label
    )
    weights = model.coef_[: bounded.shape[1]] / scaler.scale_
    of_words = 3 * model.coef_[bounded.shape[1] :]
    known = {word: round(float(weight), 3) for word, weight in zip(words, of_words, strict=True)}
    return weights, known, np.sqrt(bounded) @ weights + counts @ of_words


def _counts(examples: Sequence[Example]) -> tuple[NDArray[np.float64], list[str]]:
    """Return how often each sentence has each word of those that every conversation has, and these words."""
    said = [[[stem(word) for word in _WORD.findall(one)] for one in ex.text.sentences.to_pylist()] for ex in examples]
    times = [Counter(word for one in sentences for word in one) for sentences in said]
    total = sum(times, Counter())
    everywhere = {word for word in total if all(word in one for one in times)}
    words = sorted(word for word in everywhere - STOP_WORDS if total[word] >= MIN_TIMES)
    place = {word: number for number, word in enumerate(words)}
    rows = [one for sentences in said for one in sentences]
    counts = np.zeros((len(rows), len(words)))
    for row, one in enumerate(rows):
        for word in one:
            if word in place:
                counts[row, place[word]] += 1
    return counts, words


def _boosted(bounded: NDArray[np.float32], label: NDArray[np.float64]) -> tuple[list[Tree], NDArray[np.float64]]:
    """Return trees by Newton boosting (Friedman 2001) of a Poisson loss, and each row's sum over them."""
    random = np.random.RandomState(SEED)
    total = np.full(len(label), np.log(label.mean()))
    start = total[0]
    trees = []
    for _ in range(TREES):
        rate = np.exp(total)
        tree = DecisionTreeRegressor(
            max_leaf_nodes=LEAVES, min_samples_leaf=MIN_LEAF, max_features=SHARE, random_state=random
        )
        tree.fit(bounded, label / rate - 1, sample_weight=rate)
        leaf = tree.apply(bounded)
        excess, weight = (np.bincount(leaf, of, tree.tree_.node_count) for of in (label - rate, rate))
        values = RATE * excess / (weight + SMOOTHING)
        total += values[leaf]
        trees.append(_quick(tree, values))
    return trees, total - start


def _quick(tree: DecisionTreeRegressor, values: NDArray[np.float64]) -> Tree:
    """Return a tree of scikit-learn in the form of QuickScorer."""
    nodes, leaves, tests = tree.tree_, [], []

    def walk(node: int) -> int:
        """Return the leaves under a node, as bits."""
        if nodes.children_left[node] < 0:
            leaves.append(round(float(values[node]), 4))
            return 1 << (len(leaves) - 1)
        left = walk(nodes.children_left[node])
        tests.append((int(nodes.feature[node]), round(float(nodes.threshold[node]), 4), left))
        return left | walk(nodes.children_right[node])

    walk(0)
    return Tree(tuple(tests), tuple(leaves))


def _short(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)


def examples() -> dict[str, Example]:
    """Return LoCoMo's conversations with their labels, by id."""
    asked = questions()
    return {name: example(messages, asked[name]) for name, messages in conversations().items()}


def main() -> None:
    """Learn from all conversations and write the weights."""
    model = asdict(fit(list(examples().values())))
    model["trees"] = [[tree["tests"], tree["values"]] for tree in model["trees"]]
    TARGET.write_text(json.dumps(model, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
