"""Names that are another's short form: acronyms, numeronyms, and persons by a part of their name.

All are candidates: a short form is taken for a name only where no other in the corpus has it (`merging`).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set

from helix_pipeline.domain.entities.resolution.groups import Edge, Pair
from helix_pipeline.domain.entities.resolution.named import Named
from helix_pipeline.domain.entities.types import CONCEPT, PERSON, PRODUCT, TECH

ACRONYM, NUMERONYM, STATED, PART = "acronym", "numeronym", "acronym stated in a text", "part of a name"

_ACRONYM = re.compile(r"[A-Z][A-Z0-9]{2,6}")
_NUMERONYM = re.compile(r"([a-z])(\d{1,2})([a-z])")
_FEWEST_LEFT_OUT = 4
_NEVER_A_LETTER = "and"
_SMALL_WORDS = frozenset({"a", "an", "as", "at", "by", "de", "for", "in", "of", "on", "or", "the", "to", "with"})
_UNSTATED, _STATED, _NUMBERED = 0.85, 0.98, 0.9
_LAST_NAME, _FIRST_NAME, _INITIAL = 0.85, 0.7, 0.9


def acronyms(names: Sequence[Named]) -> Iterator[Edge]:
    """Yield each unknown acronym of three letters or more with the names whose words begin with its letters."""
    by_initials = defaultdict(list)
    for place, named in enumerate(names):
        for letters in initials(named):
            by_initials[letters, _kind(named)].append(place)
    for place, named in enumerate(names):
        if not named.is_known and named.type != PERSON and _ACRONYM.fullmatch(named.name):
            for full in by_initials.get((named.name.casefold(), _kind(named)), ()):
                yield Edge(place, full, ACRONYM, _UNSTATED)


def _kind(named: Named) -> str:
    """Return the type that acronyms have in common with their names: of tools, products and concepts any."""
    return TECH if named.type in (PRODUCT, CONCEPT) else named.type


def stated_acronyms(names: Sequence[Named], stated: Iterable[Pair]) -> Iterator[Edge]:
    """Yield the pairs of ids that a text gives as `name (acronym)`, where the letters are the initials of the name."""
    places = {named.id: place for place, named in enumerate(names)}
    for short, full in stated:
        if short in places and full in places:
            acronym, expansion = names[places[short]], names[places[full]]
            if any(form.replace("-", "") in initials(expansion) for form in acronym.forms):
                yield Edge(places[short], places[full], STATED, _STATED)


def initials(named: Named) -> set[str]:
    """Return the first letters of the words of a name, with and without its small words; none for a single word."""
    words = [word for word in named.words if word != _NEVER_A_LETTER]
    large = [word for word in words if word not in _SMALL_WORDS]
    return {"".join(word[0] for word in some) for some in (words, large) if len(some) > 1}


def numeronyms(names: Sequence[Named]) -> Iterator[Edge]:
    """Yield names such as `i18n` with the words that begin and end like them and have as many letters between."""
    by_shape = defaultdict(list)
    for place, named in enumerate(names):
        word = named.forms[0]
        if len(word) >= _FEWEST_LEFT_OUT + 2 and word.isalpha():
            by_shape[word[0], len(word) - 2, word[-1], named.family].append(place)
    for place, named in enumerate(names):
        shape = _NUMERONYM.fullmatch(named.forms[0])
        if shape and not named.is_known and int(shape[2]) >= _FEWEST_LEFT_OUT:
            for full in by_shape.get((shape[1], int(shape[2]), shape[3], named.family), ()):
                yield Edge(place, full, NUMERONYM, _NUMBERED)


def parts_of_persons(names: Sequence[Named], together: Set[Pair] | None = None) -> Iterator[Edge]:
    """Yield persons named by a part with those whose full name has it: last or first name, initials, no middle name.

    With `together`, pairs of ids in either order, only those that are named in one conversation.
    """
    holders = defaultdict(list)
    for place, named in enumerate(names):
        if named.type == PERSON and len(named.words) > 1:
            holders[named.words[-1]].append(place)
            holders[named.words[0]].append(place)
    for place, named in enumerate(names):
        for other in holders.get(named.words[-1], ()) if named.type == PERSON else ():
            if together is None or {(named.id, names[other].id), (names[other].id, named.id)} & together:
                confidence = _part(named.words, names[other].words)
                if confidence:
                    yield Edge(place, other, PART, confidence)


def _part(short: list[str], full: list[str]) -> float:
    """Return how likely the short words stand for the full name, if no other name fits them."""
    if len(short) == 1:
        return {full[-1]: _LAST_NAME, full[0]: _FIRST_NAME}.get(short[0], 0.0)
    if len(short) < len(full) and full[-len(short) :] == short:
        return _INITIAL
    shortened = short != full and full[-1] == short[-1] and len(short) <= len(full)
    return _INITIAL if shortened and _abbreviates(short, full) else 0.0


def _abbreviates(short: list[str], full: list[str]) -> bool:
    """Say whether the words before the last are the full name's first or its initials, with a middle one or not."""
    if short[0] != full[0] and short[0] != full[0][0]:
        return False
    middle, whole = short[1:-1], full[1:-1]
    return not middle or [word[0] for word in middle] == [word[0] for word in whole]
