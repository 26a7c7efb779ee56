"""What can be seen of a sentence in its conversation without understanding it: what importance is learned on.

Counts of cue words, names, numbers and marks; inverse document frequencies, and how new a word is or whether it is
taken up again; the sentence's place in its message, the message's in its session, and what stands before and after.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse

from helix_pipeline.domain.context.conversation import speakers
from helix_pipeline.domain.context.cues import CUES, STOP_WORDS
from helix_pipeline.domain.context.retrieval.terms import terms
from helix_pipeline.domain.context.text import Text
from helix_pipeline.domain.context.words import Words

Column = NDArray[np.float32]

SESSION_GAP = np.timedelta64(4, "h")
"""Silence after which a new session begins, where messages carry none."""

NEAR, FAR = 3, 20
"""Messages within which a word is taken up, and after which it comes back."""

_MARKS = {"question": "?", "exclamation": "!", "comma": ",", "quote": '"', "bracket": "[", "dash": "-"}
_SHARES = ("reaction", "first_person", "second_person", "past", "relative_time")


@dataclass(frozen=True)
class Turns:
    """Messages as turns of a dialogue: `speaker` int64[messages], `begins` a session bool[messages], names as words."""

    speaker: NDArray[np.int64]
    begins: NDArray[np.bool_]
    names: frozenset[str]


def turns(messages: pa.Table) -> Turns:
    """Return who speaks in each message of a `CONVERSATION`, and where sessions begin."""
    said_by = pc.fill_null(speakers(messages), "").combine_chunks().dictionary_encode()
    names = frozenset(word for name in said_by.dictionary.to_pylist() for word in name.lower().split())
    session = pc.fill_null(messages["session"], "").combine_chunks().dictionary_encode().indices.to_numpy()
    at = messages["timestamp"].to_numpy().astype("datetime64[us]")
    silence = np.diff(at) > SESSION_GAP
    begins = np.concatenate([np.ones(min(1, len(at)), bool), (np.diff(session) != 0) | silence])
    return Turns(said_by.indices.to_numpy().astype(np.int64), begins, names)


def features(text: Text, words: Words, dialogue: Turns, known: dict[str, float]) -> dict[str, Column]:
    """Return the columns of each sentence by name, float32[sentences].

    `known` weighs words by their stem, as learned from conversations; the column `known` sums it.
    """
    counted = _counted(text)
    columns = _cue_columns(counted, words, dialogue.names, known)
    columns |= _name_columns(text, words, columns["addressed"])
    columns |= _novelty_columns(text, words, len(dialogue.speaker))
    pieces = np.maximum(1, np.diff(counted.indptr))
    columns |= {f"{name}_share": columns[name] / pieces for name in _SHARES}
    columns |= _place_columns(text, columns["words"])
    return columns | _context_columns(text, columns, dialogue)


def _counted(text: Text) -> sparse.csr_matrix:
    """Return how often each sentence has each piece of the vocabulary."""
    size = len(text.sentences)
    bounds = np.searchsorted(text.piece_sentence, np.arange(size + 1))
    ones = np.ones(len(text.piece), np.float32)
    return sparse.csr_matrix((ones, text.piece, bounds), shape=(size, len(text.vocabulary)))


def _cue_columns(
    counted: sparse.csr_matrix, words: Words, names: frozenset[str], known: dict[str, float]
) -> dict[str, Column]:
    flags = {name: words.among(cue) for name, cue in CUES.items()}
    flags |= {name: np.array([mark in one for one in words.lower], bool) for name, mark in _MARKS.items()}
    flags |= {"words": words.is_word, "number": words.is_number, "addressed": _called(words, names)}
    weights = np.fromiter((known.get(one, 0.0) for one in words.stems), np.float32, len(words.lower))
    table = np.stack([*flags.values(), weights]).astype(np.float32).T
    return dict(zip([*flags, "known"], np.ascontiguousarray((counted @ table).T), strict=True))


def _called(words: Words, names: frozenset[str]) -> NDArray[np.bool_]:
    """Return which pieces call a speaker, by the name or a beginning of it of three letters or more."""
    short = {name[:length] for name in names for length in range(3, len(name) + 1)} | names
    return words.among(short - STOP_WORDS)


def _name_columns(text: Text, words: Words, addressed: Column) -> dict[str, Column]:
    size = len(text.sentences)
    named = np.bincount(text.piece_sentence[words.named], minlength=size).astype(np.float32)
    return {"name": np.maximum(0, named - addressed)}


def _novelty_columns(text: Text, words: Words, messages: int) -> dict[str, Column]:
    """Return sums of inverse document frequencies: of all terms, of new ones, and of those that come again."""
    term = terms(words).of_piece[text.piece]
    is_term = term >= 0
    term, sentence = term[is_term], text.piece_sentence[is_term]
    message = text.text_of[sentence]
    before, after = _distances(term, message)
    frequency = np.bincount(term[before > 0], minlength=int(term.max(initial=-1)) + 1)
    rarity = np.log((1 + messages) / np.maximum(1, frequency))[term]
    never = np.iinfo(np.int64).max
    parts = {
        "rarity": np.ones(len(term), bool),
        "new": before == never,
        "said_just_now": (before > 0) & (before <= NEAR),
        "said_long_ago": (before > FAR) & (before < never),
        "taken_up": (after > 0) & (after <= NEAR),
        "comes_back": (after > FAR) & (after < never),
        "said_once": (before == never) & (after == never),
    }
    size = len(text.sentences)
    sums: dict[str, NDArray[Any]] = {name: np.bincount(sentence, rarity * part, size) for name, part in parts.items()}
    sums["terms"] = np.bincount(sentence, minlength=size)
    sums["mean_rarity"] = sums["rarity"] / np.maximum(1, sums["terms"])
    return {name: column.astype(np.float32) for name, column in sums.items()}


def _distances(term: NDArray[np.int64], message: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return in how many messages each term was said before and is said again; the largest number for never."""
    size = len(term)
    never = np.iinfo(np.int64).max
    terms = int(term.max(initial=-1)) + 1
    by_term = sparse.csr_matrix((np.arange(size), term, np.arange(size + 1)), shape=(size, terms)).tocsc()
    order = by_term.data.astype(np.int64)
    same = np.diff(term[order]) == 0
    gaps = np.where(same, np.diff(message[order]), never)
    before, after = np.full(size, never), np.full(size, never)
    before[order[1:]], after[order[:-1]] = gaps, gaps
    return before, after


def _place_columns(text: Text, words: Column) -> dict[str, Column]:
    of = text.text_of
    starts = np.searchsorted(of, of)
    ends = np.searchsorted(of, of, side="right")
    here = np.arange(len(of))
    of_message = np.bincount(of, words)[of] if len(of) else words
    columns = {"place": here - starts, "places_left": ends - 1 - here, "sentences": ends - starts}
    columns |= {"log_words": np.log1p(words), "message_words": np.log1p(of_message)}
    return {name: column.astype(np.float32) for name, column in columns.items()}


def _context_columns(text: Text, columns: dict[str, Column], dialogue: Turns) -> dict[str, Column]:
    """Return what stands around: whether it answers a question, how the next speaker reacts, where in the session."""
    of, size = text.text_of, len(dialogue.speaker)
    asks = np.bincount(of, columns["question"], size) > 0
    length = np.log1p(np.bincount(of, columns["words"], size))
    reaction = np.bincount(of, columns["reaction"], size) / np.maximum(1, np.bincount(of, columns["terms"], size))
    turned = np.diff(dialogue.speaker, prepend=-1) != 0
    session = np.cumsum(dialogue.begins) - 1
    since = np.arange(size) - np.flatnonzero(dialogue.begins)[session] if size else session
    span = np.bincount(session)[session] if size else session
    by_message = {
        "answers": _before(asks) & turned & ~dialogue.begins,
        "is_asked_about": _after(asks),
        "words_before": _before(length),
        "words_after": _after(length),
        "reaction_before": _before(reaction),
        "reaction_after": _after(reaction),
        "session_place": np.minimum(since, 10),
        "session_share": since / np.maximum(1, span),
    }
    after_question = _before(columns["question"] > 0)
    return {name: column[of].astype(np.float32) for name, column in by_message.items()} | {
        "after_question": after_question.astype(np.float32)
    }


def _before(column: NDArray[Any]) -> NDArray[Any]:
    """Return each row's value of the row before it, 0 for the first."""
    return np.concatenate([np.zeros_like(column[:1]), column[:-1]])


def _after(column: NDArray[Any]) -> NDArray[Any]:
    """Return each row's value of the row after it, 0 for the last."""
    return np.concatenate([column[1:], np.zeros_like(column[:1])])
