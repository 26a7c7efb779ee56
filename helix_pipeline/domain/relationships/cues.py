"""The cues: phrases that state a relation, which way round, and how surely. Read from cues.tsv, and found."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib import resources
from itertools import chain, product, takewhile

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from helix_pipeline.domain.relationships.sentences import Token

USES, ALTERNATIVE, PART, WRITTEN, DEPENDS, CAUSED, PREFERS, DECIDED = RELATIONS = (
    "uses",
    "alternative_to",
    "part_of",
    "written_in",
    "depends_on",
    "caused_by",
    "prefers",
    "decided",
)
"""The relations that texts can state."""


class Form(Enum):
    """How the words around a cue are arranged: `A` is the subject of the relation, `B` its object."""

    FORWARD = "A cue B"
    BACKWARD = "B cue A"
    BETWEEN = "A cue B, without a verb"
    MOVE = "who cue from B to B"
    REPLACE = "who cue B with B"
    MAKE = "who cue A in B"
    COMPARE = "who cue B better than C"
    LISTED = "cue B include A"
    FAVOURITE = "whose cue is B"


@dataclass(frozen=True, slots=True)
class Cue:
    """A phrase as words. `ended`: it says that the relation is over; `past`: that it may be.

    `participle`: it may follow a form of `be`, or a noun phrase, as in `a linter written in Rust`.
    """

    words: tuple[str, ...]
    relation: str
    form: Form
    confidence: float
    ended: bool = False
    past: bool = False
    participle: bool = False

    @property
    def phrase(self) -> str:
        """Return the cue as it is read."""
        return " ".join(self.words)


_SPACE = "~"


def _cues() -> Iterator[Cue]:
    table = resources.files(__package__).joinpath("cues.tsv").read_text(encoding="utf-8")
    for line in table.splitlines():
        if not line.startswith("#"):
            relation, form, confidence, kind, phrases = line.split("\t")
            flags = kind == "ended", kind == "past", kind == "participle"
            for words in chain.from_iterable(map(_words, phrases.split("|"))):
                yield Cue(words, relation, Form[form.upper()], float(confidence), *flags)


def _words(phrase: str) -> Iterator[tuple[str, ...]]:
    return product(*(word.split("/") for word in phrase.split()))


def _by_first_word() -> dict[str, tuple[Cue, ...]]:
    found: dict[str, list[Cue]] = {}
    for cue in _cues():
        found.setdefault(cue.words[0], []).append(cue)
    return {word: tuple(sorted(cues, key=lambda cue: -len(cue.words))) for word, cues in found.items()}


CUES = _by_first_word()
"""The cues by their first word, longer ones first."""

_OPENINGS = {" ".join(takewhile(_SPACE.__ne__, cue.words)) for cues in CUES.values() for cue in cues}
_AUTOMATON = AhoCorasick(_OPENINGS, matchkind=MatchKind.Standard, implementation=Implementation.DFA)


def has_cue(lowered: str) -> bool:
    """Tell whether a text in lower case may have a cue: a fast test of what is worth reading."""
    length = len(lowered)
    return any(
        (not start or not lowered[start - 1].isalnum()) and (end == length or not lowered[end].isalnum())
        for _, start, end in _AUTOMATON.find_matches_as_indexes(lowered, overlapping=True)
    )


def matching(tokens: Sequence[Token], at: int) -> Iterator[tuple[Cue, int]]:
    """Yield the cues that begin at a token, longest first, with the place after their last word."""
    for cue in CUES.get(tokens[at].word, ()):
        if (end := _end(cue.words, tokens, at)) is not None:
            yield cue, end


def _end(words: tuple[str, ...], tokens: Sequence[Token], at: int) -> int | None:
    for word in words:
        if word == _SPACE:
            at += at < len(tokens) and bool(_ADVERB.fullmatch(tokens[at].word))
        elif at < len(tokens) and tokens[at].word == word:
            at += 1
        else:
            return None
    return at


_ADVERB = re.compile(r"\w+ly|internally|extensively|more|mostly|also|both|a lot")
