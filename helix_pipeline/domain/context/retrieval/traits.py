"""What a message is like in itself, whatever is asked: answers tell, name, count and date; they do not ask."""

from collections.abc import Mapping

import numpy as np
from scipy import sparse

from helix_pipeline.domain.context.cues import CUES
from helix_pipeline.domain.context.retrieval.dialogue import Column, Dialogue
from helix_pipeline.domain.context.text import Text
from helix_pipeline.domain.context.words import Words

EARLY = 2
"""Messages at the beginning of a session, in which people greet and tell their news."""

_CUES = {
    "first_person": CUES["first_person"],
    "second_person": CUES["second_person"],
    "preference": CUES["preference"],
    "past": CUES["past"],
    "number": CUES["number_word"],
    "time": CUES["relative_time"] | CUES["month"] | CUES["weekday"],
}
_COUNTED = ("words", "names", "past", "first_person")
_PRESENT = ("asks", "first_person", "second_person", "preference", "number", "time")


def traits(text: Text, words: Words, said: Dialogue) -> dict[str, Column]:
    """Return the columns by name, float32[messages]: `log_…` of a count, the others 0 or 1."""
    counts = _cue_counts(text, words, said)
    columns = {f"log_{name}": np.log1p(counts[name]) for name in _COUNTED}
    columns |= {name: counts[name] > 0 for name in _PRESENT}
    columns["early"] = said.place_in_session < EARLY
    return {name: column.astype(np.float32) for name, column in columns.items()}


def _cue_counts(text: Text, words: Words, said: Dialogue) -> Mapping[str, Column]:
    """Return how often each message has a piece of each kind."""
    size = len(said.speaker)
    flags = {name: words.among(cue) for name, cue in _CUES.items()}
    flags["number"] |= words.is_number
    flags |= {"words": words.is_word, "asks": np.array(["?" in piece for piece in words.lower], bool)}
    message = text.text_of[text.piece_sentence]
    bounds = np.searchsorted(message, np.arange(size + 1))
    ones = np.ones(len(message), np.float32)
    pieces = sparse.csr_matrix((ones, text.piece, bounds), shape=(size, len(words.lower)))
    counts = pieces @ np.stack([*flags.values()], axis=1).astype(np.float32)
    names = words.named & ~words.among(said.name_words)[text.piece]
    return dict(zip(flags, counts.T, strict=True)) | {"names": np.bincount(message[names], minlength=size)}
