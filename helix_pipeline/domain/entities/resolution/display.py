"""Which of its spellings an entity that no list knows is shown by."""

from collections.abc import Iterable

from helix_pipeline.domain.entities.resolution.normal import fold

_LONGEST_ACRONYM = 5


def preferred(first: str, second: str) -> str:
    """Return the spelling to show of two, as `displayed` chooses; associative and commutative."""
    return displayed((first, second))


def displayed(names: Iterable[str]) -> str:
    """Return the spelling to show: one with capitals within (`GraphQL`), then a capitalised one, capitals, lower case.

    Capitals alone come second where they may be an acronym (`GPU`). Of equals, the shorter and then the first by code
    points wins: the smallest in one total order, whatever the order of the names. Raises ValueError for none.
    """
    return min(names, key=_order)


def _order(name: str) -> tuple[int, int, str]:
    return _rank(name), len(name), name


def _rank(name: str) -> int:
    letters = [character for character in name if character.isalpha()]
    if not any(letter.isupper() for letter in letters):
        return 4
    if all(letter.isupper() for letter in letters):
        return 1 if len(fold(name)) <= _LONGEST_ACRONYM else 3
    capitals_within = any(word[1:] != word[1:].lower() for word in name.split())
    return 0 if capitals_within else 2
