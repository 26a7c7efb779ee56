"""What speaks for a message as evidence for a question: the columns that the ranking weighs.

Three likenesses, each of the message, its neighbours and its session: BM25; the question's words one by one, each
beside the nearest word of the message; and the vectors of the whole texts. Then the speaker and the dates that the
question names, an answer that follows the message which repeats the question, and what the message is like in itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from helix_pipeline.domain.context.retrieval.dates import nearness
from helix_pipeline.domain.context.retrieval.dialogue import AROUND, Column
from helix_pipeline.domain.context.retrieval.embedding import Vectors, static_embedding, unit
from helix_pipeline.domain.context.retrieval.lexical import unseen_rarity
from helix_pipeline.domain.context.retrieval.terms import terms
from helix_pipeline.domain.context.text import analyse
from helix_pipeline.domain.context.words import Words

if TYPE_CHECKING:
    from helix_pipeline.domain.context.retrieval.index import Index

NEAR_WORDS = 0.3
"""Cosine from which two words are taken for related; below it chance speaks."""


MOST_TERMS = 64
"""Terms of a question that count, the rarest: a longer one, such as a pasted text, must not take longer."""


@dataclass(frozen=True)
class Question:
    """A question in the terms of an index: the `numbers` of its terms, -1 where no message has one, int64[terms],
    their `rarity` and `vectors`, and all its `words` as written."""

    numbers: NDArray[np.int64]
    rarity: NDArray[np.float64]
    vectors: Vectors
    words: frozenset[str]

    @property
    def weight(self) -> float:
        """The rarities of all terms together, 1 where there is no term."""
        return float(self.rarity.sum()) or 1.0


def question(index: "Index", query: str) -> Question:
    """Return a query in the terms of an index, without stop words and the speakers' names."""
    text = analyse(pa.array([query], pa.string()))
    found = terms(Words(text), index.dialogue.name_words)
    numbers = np.array([index.terms.get(stem, -1) for stem in found.stems], np.int64)
    known = numbers >= 0
    rarity = np.full(len(numbers), unseen_rarity(len(index)))
    rarity[known] = index.rarity[numbers[known]]
    kept = np.sort(np.argsort(-rarity, kind="stable")[:MOST_TERMS])
    vectors = static_embedding().words([found.words[place] for place in kept])
    return Question(numbers[kept], rarity[kept], vectors, frozenset(text.vocabulary))


def signals(index: "Index", query: str, vector: Vectors | None = None) -> dict[str, Column]:
    """Return the columns by name, float32[messages] each. `vector` is the query's, of the model of `index.embedded`."""
    asked, said = question(index, query), index.dialogue
    words = _words(index, asked)
    likenesses = {"bm25": _bm25(index, asked), "words": words, "meaning": _meaning(index, asked, vector)}
    columns = dict(_around(index, likenesses))
    speaker = said.named(asked.words)
    near = nearness(query, said.days, said.labels).astype(np.float32)
    columns |= {
        "session_bm25": _session_bm25(index, asked),
        "speaker": speaker,
        "speaker_words": speaker * words,
        "reply": columns["words_before"] * said.before(index.traits["asks"]),
        "date": near,
        "date_words": near * words,
    }
    return columns | index.traits


def _around(index: "Index", likenesses: dict[str, Column]) -> Iterator[tuple[str, Column]]:
    for name, values in likenesses.items():
        yield from zip((name + end for end in AROUND), index.dialogue.around(values), strict=True)


def _bm25(index: "Index", asked: Question) -> Column:
    """Return BM25 as a share of the question's weight."""
    known = asked.numbers[asked.numbers >= 0]
    weights = np.asarray(index.weights[:, known].sum(axis=1)).ravel()
    return np.asarray(weights / asked.weight, np.float32)


def _session_bm25(index: "Index", asked: Question) -> Column:
    """Return BM25 of the message's session, as a share of the best session's."""
    known = asked.numbers[asked.numbers >= 0]
    weights = np.asarray(index.session_weights[:, known].sum(axis=1)).ravel()
    best = weights.max(initial=0) or 1
    return np.asarray(weights / best, np.float32)[index.dialogue.session]


def _words(index: "Index", asked: Question) -> Column:
    """Return the mean over the question's terms, by rarity, of the likeness of the nearest term of the message."""
    total = np.zeros(len(index), np.float32)
    for number, weight, likeness in zip(asked.numbers, asked.rarity, _likenesses(index, asked), strict=True):
        if number >= 0:
            likeness[number] = 1
        related = np.flatnonzero(likeness > 0)
        related = related[np.argsort(likeness[related], kind="stable")]
        said = index.counts[:, related]
        best = np.zeros(len(index), np.float32)
        best[said.indices] = np.repeat(likeness[related], np.diff(said.indptr))
        total += np.float32(weight) * best
    return np.asarray(total / asked.weight, np.float32)


def _likenesses(index: "Index", asked: Question) -> Vectors:
    """Return how like each term of the question is to each of the index, in [0, 1], float32[asked, terms]."""
    cosines: Vectors = unit(asked.vectors) @ index.directions.T
    return np.asarray(np.maximum(cosines - NEAR_WORDS, 0) / (1 - NEAR_WORDS), np.float32)


def _meaning(index: "Index", asked: Question, vector: Vectors | None) -> Column:
    """Return the cosine of message and question; a sentence model's is brought to the static one's scale."""
    direction = unit(asked.vectors.sum(axis=0))
    sums = index.counts @ (index.lengths * (index.directions @ direction))
    static = sums / np.where(index.message_lengths > 0, index.message_lengths, 1)
    if index.embedded is None or vector is None:
        return np.asarray(static, np.float32)
    cosines = index.embedded @ unit(vector)
    spread = float(cosines.std()) or 1.0
    return np.asarray((cosines - cosines.mean()) / spread * static.std() + static.mean(), np.float32)
