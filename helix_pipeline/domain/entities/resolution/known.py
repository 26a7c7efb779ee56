"""The entities that are known by name: those of the gazetteer, and more that are only resolved, never searched for."""

from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import NamedTuple

from helix_pipeline.domain.entities.gazetteer import Entry, parse
from helix_pipeline.domain.entities.gazetteer import load as load_gazetteer
from helix_pipeline.domain.entities.resolution.normal import clean, fold
from helix_pipeline.domain.entities.types import (
    CONCEPT,
    EVENT,
    LOCATION,
    ORGANIZATION,
    PERSON,
    PRODUCT,
    TECH,
)

MAY_STAND_FOR = {
    TECH: (TECH, PRODUCT, CONCEPT, ORGANIZATION),
    PRODUCT: (PRODUCT, TECH, ORGANIZATION, CONCEPT),
    CONCEPT: (CONCEPT, TECH, PRODUCT),
    ORGANIZATION: (ORGANIZATION, PRODUCT, TECH, EVENT),
    EVENT: (EVENT, ORGANIZATION),
    LOCATION: (LOCATION,),
    PERSON: (PERSON,),
}
"""The types that a known entity may have when a text's name has the type of the key, the nearest first.

Texts and recognisers call a tool a product and name the product for its maker (Docker), so there the list decides. A
person or a place is never the thing of the same name: Jackson, Phoenix."""


class Known(NamedTuple):
    """An entity of the list, found by its own name or by an alias."""

    entry: Entry
    by_name: bool


Index = Mapping[tuple[str, str], Known]
"""The known entity for a key and the type that a text gives."""


def key(name: str, type: str) -> str:
    """Return the normal form that names of this type are compared by: persons' words stay apart, others are joined."""
    return fold(name, joined=type != PERSON)


def known_entities() -> list[Entry]:
    """Return every known entity: the gazetteer's, then those of names.tsv. One listed in both has the forms of both."""
    more = resources.files(__package__).joinpath("names.tsv").read_text(encoding="utf-8")
    return [*load_gazetteer().entries.values(), *(entry for type in MAY_STAND_FOR for entry in _of_type(more, type))]


def _of_type(table: str, type: str) -> Iterator[Entry]:
    """Yield the entries of one type: CNN may be a network and a broadcaster, since a surface comes with its type."""
    lines = (line if line.split("\t")[1:2] == [type] else "" for line in table.splitlines())
    return parse("\n".join(lines))


def index(known: Iterable[Entry]) -> Index:
    """Return the entities by their keys. Of several for a key, the nearest type wins, then names over aliases."""
    ranked: dict[tuple[str, str], tuple[int, bool, Known]] = {}
    for entry in known:
        for place, (_, form) in enumerate(entry.forms):
            for type, nearest in MAY_STAND_FOR.items():
                if entry.type in nearest:
                    at = (key(clean(form), type), type)
                    rank = (nearest.index(entry.type), place > 0)
                    if at not in ranked or rank < ranked[at][:2]:
                        ranked[at] = (*rank, Known(entry, place == 0))
    return {at: found for at, (_, _, found) in ranked.items()}
