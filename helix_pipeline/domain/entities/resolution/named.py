"""The entities of a corpus as the search for merges reads them: their words, their forms, and what is known of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter

import pyarrow as pa

from helix_pipeline.domain.entities.gazetteer import Entry
from helix_pipeline.domain.entities.resolution.known import known_entities
from helix_pipeline.domain.entities.resolution.normal import clean, fold
from helix_pipeline.domain.entities.types import LOCATION, PERSON, in_graph

NAMES = pa.schema(
    [
        pa.field("entity_id", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("subtype", pa.string(), nullable=False),
        pa.field("mentions", pa.int64(), nullable=False),
        pa.field("surfaces", pa.list_(pa.string()), nullable=False),
    ]
)
"""One row for each distinct entity: `mentions` in the corpus, and the `surfaces` that stood for it."""

MAX_SURFACES = 8
"""Surfaces of an entity that are looked at: the first by code points, so that their order changes nothing."""

_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Named:
    """An entity of the corpus. `forms` are its names in normal form with their words apart, `name`'s first.

    `numbers` are the digits of the name; `is_known` says that a list names the entity.
    """

    id: str
    name: str
    type: str
    mentions: int
    forms: tuple[str, ...]
    numbers: tuple[str, ...]
    is_known: bool

    @property
    def words(self) -> list[str]:
        """Return the words of the name in normal form; a name of symbols alone is one."""
        return [word for word in self.forms[0].split("-") if word] or [self.forms[0]]

    @property
    def family(self) -> str:
        """Return what an entity of this type may be one with: persons and places only with their like."""
        return self.type if self.type in (PERSON, LOCATION) else "THING"

    @property
    def precedence(self) -> tuple[bool, bool, int, str]:
        """Return an order of which the first of a group is the one that the others merge into.

        It is the known one, of persons one with a full name, then the most mentioned.
        """
        words = self.words if self.type == PERSON else ()
        is_full = len(words) > 1 and all(len(word) > 1 for word in words)
        return not self.is_known, not is_full, -self.mentions, self.id


def corpus(names: pa.Table) -> list[Named]:
    """Return the entities of a table of `NAMES` that a graph may have, in order of their ids."""
    columns = (names[name].to_pylist() for name in NAMES.names)
    found = (
        _named(id, name, type, mentions, surfaces)
        for id, name, type, subtype, mentions, surfaces in zip(*columns, strict=True)
        if in_graph(type, subtype)
    )
    return sorted(found, key=attrgetter("id"))


def _named(id: str, name: str, type: str, mentions: int, surfaces: Sequence[str]) -> Named:
    entries = _listed().get(id, ())
    listed = (form for entry in entries for _, form in entry.forms)
    forms = dict.fromkeys(fold(clean(form), joined=False) for form in (name, *listed))
    for surface in sorted(set(surfaces) - {name})[:MAX_SURFACES]:
        forms[fold(clean(surface), joined=False)] = None
    return Named(id, name, type, mentions, tuple(forms), tuple(_DIGITS.findall(name)), bool(entries))


@cache
def _listed() -> Mapping[str, tuple[Entry, ...]]:
    """Return the entries of the lists by id; an entity may have one in each."""
    found: dict[str, tuple[Entry, ...]] = {}
    for entry in known_entities():
        found[entry.id] = (*found.get(entry.id, ()), entry)
    return found
