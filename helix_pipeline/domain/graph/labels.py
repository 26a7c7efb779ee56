"""How an entity is called and what it is: a label, and how the labels that messages give to it become one.

Labels join in any order and grouping to the same label. Name, type and aliases stay the same when one is joined again;
sub-types are counted, so that each mention must be counted once.
"""

from collections import Counter
from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple

import msgspec

from helix_pipeline.domain.entities.resolution.display import preferred

MOST_ALIASES = 32
LONGEST_NAME = 256
LONGEST_ID = 512
"""Characters. What is longer is no name; a key of the graph's indexes has 8 KB at most."""


class Label(NamedTuple):
    """Name and type of an entity, the sub-types that mentions gave it with their numbers, by text, and its aliases.

    Aliases are up to `MOST_ALIASES` names that texts use, the shortest first.
    """

    name: str
    type: str
    subtypes: tuple[tuple[str, int], ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def subtype(self) -> str:
        """The most frequent sub-type, of equals the first by text; empty where there is none."""
        return max(self.subtypes, key=lambda counted: counted[1], default=("", 0))[0]


def joined(labels: Iterable[Label]) -> Label:
    """Return the one label of an entity that was labelled so; there must be one at least."""
    return reduce(_join, labels)


def bounded(aliases: Iterable[str]) -> tuple[str, ...]:
    """Return the aliases that are kept: the smallest by length, then by text."""
    return tuple(sorted(set(aliases), key=_order)[:MOST_ALIASES])


def packed(name: str, type: str, subtype: str) -> str:
    """Return a label without aliases as text."""
    return msgspec.json.encode([name, type, subtype]).decode()


def unpacked(text: str, surface: str, mentions: int) -> Label:
    """Return the label that `packed` made, of an entity that was called `surface` so many times."""
    name, type, subtype = _DECODER.decode(text)
    return Label(name, type, ((subtype, mentions),) if subtype else (), (surface,))


def fits(id: str, name: str, surface: str) -> bool:
    """Say whether these can be kept: not empty, and within bounds."""
    return 0 < len(id) <= LONGEST_ID and all(0 < len(text) <= LONGEST_NAME for text in (name, surface))


def _join(a: Label, b: Label) -> Label:
    name, type = preferred(a.name, b.name), min(a.type, b.type)
    return Label(name, type, _added(a.subtypes + b.subtypes), bounded(a.aliases + b.aliases))


def _added(subtypes: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    total: Counter[str] = Counter()
    for subtype, mentions in subtypes:
        total[subtype] += mentions
    return tuple(sorted(total.items()))


def _order(alias: str) -> tuple[int, str]:
    return len(alias), alias


_DECODER = msgspec.json.Decoder(tuple[str, str, str])
