"""How well names fit a query, and how several rankings become one."""

import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from math import log1p
from typing import TypeVar

from rapidfuzz.distance import OSA

EXACT, ALIAS, BEGINS, WORD_BEGINS = 1.0, 0.95, 0.8, 0.65
ALIKE = 0.6
"""The most that a name fits which a text index found by its words alone, with typing errors."""

POPULARITY = 0.2
"""The share of the score that depends on how often an entity is mentioned: it orders names that fit about as well."""

UNASKED = 0.3
"""The share by which a name is less alike of which hardly a word was asked for."""

RANK_OFFSET = 60
"""Of reciprocal-rank fusion: how little the first ranks stand out."""

MOST_WORDS = 8
LONGEST_WORD = 64
"""Words of a query, and characters of each, that are looked for; a longer word is no name."""

_Id = TypeVar("_Id", bound=Hashable)
EMOJI = "\u2600-\u27bf\U0001f000-\U0001faff"
"""Characters that names may have instead of letters."""

_WORD = re.compile(rf"\w+|[{EMOJI}]+")


def words(text: str) -> list[str]:
    """Return the words of a query or a name as they are compared: letters and digits, NFKC, lower case."""
    return [word[:LONGEST_WORD] for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower())[:MOST_WORDS]]


def edits(word: str) -> int:
    """Return how many typing errors a word may have: one in 4 letters, two in 8."""
    return min(len(word) // 4, 2)


def alike(query: str, names: Iterable[str]) -> float:
    """Return how alike the most alike of some names is to a query, in [0, 1].

    That is the mean over the words of the query of how alike the most alike word of the name is, less where the name
    has more words. A word is alike in the share of it that is given, where it is the last one and only begun, and less
    by the share of its letters that typing errors changed (optimal string alignment distance).
    """
    asked = words(query)
    return max((_alike(asked, words(name)) for name in names), default=0.0) if asked else 0.0


def fit(query: str, name: str, aliases: Sequence[str], alike: float) -> tuple[float, str]:
    """Return how well an entity's names fit a query, in [0, 1], and the name that fits best; case is ignored.

    A name that is the query fits best, then one that begins with it, then one with a word that does; `alike`, in
    [0, 1], is what a text index says of the others.
    """
    asked = query.casefold().strip()
    kinds = [(_likeness(asked, name.casefold(), EXACT), name)]
    kinds += [(_likeness(asked, alias.casefold(), ALIAS), alias) for alias in aliases]
    return max([*kinds, (ALIKE * alike, name)], key=lambda kind: kind[0])


def score(fitting: float, mentions: int, most: int) -> float:
    """Return the score of an entity by how well it fits and how often it is mentioned; `most` is of all found."""
    return fitting * (1 - POPULARITY + POPULARITY * log1p(mentions) / log1p(max(most, mentions, 1)))


def fused(rankings: Iterable[Sequence[_Id]]) -> dict[_Id, float]:
    """Return the score of each thing in one or more rankings by reciprocal-rank fusion, best first.

    Cormack, Clarke and Buettcher (SIGIR 2009): the sum of 1 / (60 + rank). Scores are scaled to (0, 1], 1 being first
    everywhere; of equal scores the earlier ranking decides.
    """
    lists = list(rankings)
    scores: dict[_Id, float] = {}
    for ranking in lists:
        for rank, one in enumerate(ranking):
            scores[one] = scores.get(one, 0.0) + (RANK_OFFSET + 1) / (RANK_OFFSET + 1 + rank) / len(lists)
    return dict(sorted(scores.items(), key=lambda item: -item[1]))


def _alike(asked: list[str], name: list[str]) -> float:
    found = [
        max((_same(one, word, place + 1 == len(asked)) for word in name), default=0.0)
        for place, one in enumerate(asked)
    ]
    given = min(len(asked) / max(len(name), 1), 1.0)
    return sum(found) / len(asked) * (1 - UNASKED * (1 - given))


def _same(asked: str, word: str, completed: bool) -> float:
    begun = len(asked) / len(word) if word == asked or (completed and word.startswith(asked)) else 0.0
    errors = OSA.distance(asked, word, score_cutoff=edits(asked)) if edits(asked) else 1
    return max(begun, 1 - errors / len(asked) if errors <= edits(asked) else 0.0)


def _likeness(asked: str, name: str, exact: float) -> float:
    if name == asked:
        return exact
    if name.startswith(asked):
        return BEGINS
    return WORD_BEGINS if any(word.startswith(asked) for word in name.split()) else 0.0
