"""A conversation prepared for questions: built once, then each question is a few products of sparse columns."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from helix_pipeline.domain.context.retrieval import lexical
from helix_pipeline.domain.context.retrieval.dialogue import Column, Dialogue, dialogue
from helix_pipeline.domain.context.retrieval.embedding import Vectors, static_embedding, unit
from helix_pipeline.domain.context.retrieval.ranking import shipped_ranking
from helix_pipeline.domain.context.retrieval.signals import signals
from helix_pipeline.domain.context.retrieval.terms import Terms, terms
from helix_pipeline.domain.context.retrieval.traits import traits
from helix_pipeline.domain.context.text import Text
from helix_pipeline.domain.context.words import Words

_CHUNK = 4096
"""Messages whose vectors are held at a time while their lengths are taken."""


@dataclass(frozen=True)
class Index:
    """What a question is compared with. Read-only, picklable, safe to share between threads.

    `terms` numbers the stems; `counts` says how often each message has each, `weights` and `session_weights` are their
    BM25 weights in messages and in sessions: csc matrices, float32. `rarity` is float64[terms]. `directions` are the
    terms' vectors of length 1, `lengths` their lengths, `message_lengths` those of the messages' vectors. `traits` are
    what each message is like without a question, by name. `embedded` are the messages' vectors of a sentence model, of
    length 1, or None.
    """

    dialogue: Dialogue
    terms: dict[str, int]
    counts: sparse.csc_matrix
    weights: sparse.csc_matrix
    session_weights: sparse.csc_matrix
    rarity: NDArray[np.float64]
    directions: Vectors
    lengths: Column
    message_lengths: Column
    traits: dict[str, Column]
    embedded: Vectors | None = None

    def __len__(self) -> int:
        """Return how many messages there are."""
        return len(self.dialogue.speaker)

    def scores(self, query: str, vector: Vectors | None = None) -> NDArray[np.float64]:
        """Return for each message the estimated probability that it is evidence for the query, float64[messages].

        In [0, 1], comparable between questions and conversations. `vector` is the query's, float32[size], of the model
        that `embedded` is from; where either is missing the static embedding stands in.
        """
        if not len(self):
            return np.zeros(0)
        return shipped_ranking().probabilities(signals(self, query, vector))


def build(messages: pa.Table, text: Text, embedded: Vectors | None = None) -> Index:
    """Prepare a `CONVERSATION`; `text` is the analysis of its contents.

    `embedded` are vectors of the messages, float32[messages, size], where a sentence model is to be used instead of the
    static embedding to compare whole texts.
    """
    said, words = dialogue(messages), Words(text)
    found = terms(words, said.name_words)
    counts = _counts(text, found, len(messages))
    vectors = static_embedding().words(found.words)
    rarity = lexical.rarity(counts)
    return Index(
        said,
        dict(zip(found.stems, range(len(found.stems)), strict=True)),
        counts,
        lexical.bm25(counts),
        lexical.bm25(_by_session(counts, said)),
        rarity,
        unit(vectors),
        np.linalg.norm(vectors, axis=1),
        _message_lengths(counts, vectors),
        traits(text, words, said) | {"log_rarity": np.log1p(counts @ rarity).astype(np.float32)},
        None if embedded is None else unit(embedded),
    )


def _counts(text: Text, found: Terms, messages: int) -> sparse.csc_matrix:
    term = found.of_piece[text.piece]
    is_term = term >= 0
    message = text.text_of[text.piece_sentence[is_term]]
    ones = np.ones(len(message), np.float32)
    return sparse.csr_matrix((ones, (message, term[is_term])), (messages, len(found.stems))).tocsc()


def _by_session(counts: sparse.csc_matrix, said: Dialogue) -> sparse.csc_matrix:
    size = len(said.session)
    sessions = int(said.session.max(initial=-1)) + 1
    members = (np.ones(size, np.float32), (said.session, np.arange(size)))
    return (sparse.csr_matrix(members, (sessions, size)) @ counts).tocsc()


def _message_lengths(counts: sparse.csc_matrix, vectors: Vectors) -> Column:
    """Return the length of each message's vector, the sum of its terms' vectors."""
    rows = counts.tocsr()
    starts = range(0, rows.shape[0], _CHUNK)
    sums = (rows[start : start + _CHUNK] @ vectors for start in starts)
    squares = [np.einsum("ij,ij->i", some, some) for some in sums]
    return np.asarray(np.sqrt(np.concatenate([*squares, np.zeros(0)])), np.float32)
