"""Salient facts of a text: names, numbers, dates, decisions, preferences and commitments, as columns over sentences.

They are found by form and by cue words, without a model: a name is a word that is written with a capital letter where
no sentence begins, and hardly ever without; a decision, preference or commitment is a sentence with a word for it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from helix_pipeline.domain.context.cues import CUES
from helix_pipeline.domain.context.text import Text
from helix_pipeline.domain.context.words import Words

KINDS = ("entity", "number", "date", "decision", "preference", "commitment")
ENTITY, NUMBER, DATE, DECISION, PREFERENCE, COMMITMENT = range(len(KINDS))

_DATE_WORDS = CUES["month"] - {"may", "march"} | CUES["weekday"] | {"yesterday", "today", "tomorrow", "tonight"}
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""Of the hash of words side by side, modulo 2^64."""

_SAYING = {kind: CUES[KINDS[kind]] for kind in (DECISION, PREFERENCE, COMMITMENT)}


@dataclass(frozen=True)
class Facts:
    """Facts that sentences state: one row for each, by sentence.

    `sentence` is where, `kind` a number in `KINDS`, `term` what: for names, numbers and dates the same number for the
    same word, for the others one of its own. All int64[facts].
    """

    sentence: NDArray[np.int64]
    kind: NDArray[np.int64]
    term: NDArray[np.int64]

    def states(self, kind: int, sentences: int) -> NDArray[np.bool_]:
        """Return which of so many sentences state a fact of a kind."""
        return np.bincount(self.sentence[self.kind == kind], minlength=sentences) > 0


def facts(text: Text, words: Words) -> Facts:
    """Return the facts that the sentences of a text state, each once a sentence."""
    sentence, size = text.piece_sentence, len(words.lower)
    dates = words.among(_DATE_WORDS)[text.piece]
    masks = {ENTITY: words.named, NUMBER: words.is_number[text.piece], DATE: dates}
    rows = [_distinct(sentence[mask], kind, words.form[text.piece[mask]]) for kind, mask in masks.items()]
    for kind, cue in _SAYING.items():
        said = np.unique(sentence[words.among(cue)[text.piece]])
        rows.append(np.stack([said, np.full_like(said, kind), size + said]))
    found = np.concatenate(rows, axis=1)
    return Facts(*found[:, np.argsort(found[0], kind="stable")])


def _distinct(sentence: NDArray[np.int64], kind: int, term: NDArray[np.int64]) -> NDArray[np.int64]:
    size = int(term.max(initial=0)) + 1
    pairs = np.unique(sentence * size + term)
    return np.stack([pairs // size, np.full_like(pairs, kind), pairs % size])


def names(text: Text, words: Words, weight: NDArray[np.float64], limit: int) -> list[str]:
    """Return the names that weigh most, most first: words side by side are one name.

    `weight` float64[sentences] is what each mention adds, by its sentence.
    """
    places = np.flatnonzero(words.named)
    if not len(places):
        return []
    sentence, piece = text.piece_sentence[places], text.piece[places]
    starts = np.flatnonzero((np.diff(places, prepend=-2) > 1) | (np.diff(sentence, prepend=-1) > 0))
    ends = np.append(starts[1:], len(places))
    inside = np.arange(len(places)) - np.repeat(starts, ends - starts)
    keys = np.add.reduceat((piece + 1).astype(np.uint64) * _FACTOR**inside, starts)
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    total = np.bincount(number, weight[sentence[starts]])
    best = first[np.lexsort((first, -total))[:limit]]
    spelled = [[text.vocabulary[one] for one in piece[starts[run] : ends[run]]] for run in best]
    return [" ".join(parts).replace(" '", "'") for parts in spelled]
