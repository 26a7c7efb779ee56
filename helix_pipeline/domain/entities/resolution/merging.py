"""Which entities of a whole corpus are one, though each name by itself has another id.

Candidates come from blocks (`blocking`, equal sounds, initials), are judged pair by pair, and joined to groups. The
result is links with a reason and a confidence each, never a rewrite: leaving a link out withdraws it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import combinations

import pyarrow as pa

from helix_pipeline.domain.entities.resolution.blocking import one_edit_apart
from helix_pipeline.domain.entities.resolution.groups import SPELLING, Edge, Groups, Link, Pair
from helix_pipeline.domain.entities.resolution.known import MAY_STAND_FOR
from helix_pipeline.domain.entities.resolution.named import Named, corpus
from helix_pipeline.domain.entities.resolution.shortened import (
    acronyms,
    numeronyms,
    parts_of_persons,
    stated_acronyms,
)
from helix_pipeline.domain.entities.resolution.spelling import likenesses, misspelt
from helix_pipeline.domain.entities.types import LOCATION, PERSON

MERGES = pa.schema(
    [
        pa.field("entity_id", pa.string(), nullable=False),
        pa.field("into_id", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("confidence", pa.float64(), nullable=False),
    ]
)
"""One row for each entity that is another one under another name; no `into_id` is an `entity_id` of another row."""

SAME_NAME = "same name, other type"
_SAME_NAME_CONFIDENCE = 0.9


def merges(
    names: pa.Table,
    stated: Iterable[Pair] = (),
    together: Set[Pair] | None = None,
    apart: Set[Pair] = frozenset(),
) -> pa.Table:
    """Return which of the entities of a table of `NAMES` are one, as `MERGES`, in order of `entity_id`.

    All else are pairs of ids: `stated` of an acronym and the name that a text gives it for; `together` of persons, in
    either order, that one conversation names (None: not known, so that any may be one); `apart`, in either order, of
    entities that are never joined, nor are the groups that they are in. The order of rows changes nothing. Time and
    memory grow with the number of names.
    """
    found = corpus(names)
    edges = [*_same_name(found), *_misspelt(found), *stated_acronyms(found, stated)]
    groups = Groups(found, edges, apart)
    edges += _unambiguous([*acronyms(found), *numeronyms(found), *parts_of_persons(found, together)], groups)
    return _table(found, Groups(found, edges, apart).links())


def _same_name(names: Sequence[Named]) -> Iterator[Edge]:
    """Yield the entities of one name whose types a text may give for one another."""
    blocks = defaultdict(list)
    for place, named in enumerate(names):
        blocks[named.id.partition(":")[2], named.family].append(place)
    for block in blocks.values():
        for a, b in combinations(block, 2):
            if names[b].type in MAY_STAND_FOR.get(names[a].type, ()) and names[a].type not in (PERSON, LOCATION):
                yield Edge(a, b, SAME_NAME, _SAME_NAME_CONFIDENCE)


def _misspelt(names: Sequence[Named]) -> Iterator[Edge]:
    for a, b in sorted({*_near(names), *_alike(names)}):
        if confidence := misspelt(names[a], names[b]):
            yield Edge(a, b, SPELLING, confidence)


def _near(names: Sequence[Named]) -> Iterator[tuple[int, int]]:
    """Yield the places of names with the same numbers that are one edit apart."""
    forms = [(form.replace("-", ""), place) for place, named in enumerate(names) for form in named.forms]
    kinds: dict[object, int] = {}
    numbered = [kinds.setdefault((names[place].family, names[place].numbers), len(kinds)) for _, place in forms]
    for a, b in one_edit_apart([form for form, _ in forms], numbered):
        first, second = sorted((forms[a][1], forms[b][1]))
        if first != second:
            yield first, second


def _alike(names: Sequence[Named]) -> Iterator[tuple[int, int]]:
    """Yield the places of known names and of others that are like them by sound or ends."""
    known = defaultdict(set)
    for place, named in enumerate(names):
        for form in named.forms if named.is_known else ():
            for likeness in likenesses(form):
                known[named.family, likeness].add(place)
    for place, named in enumerate(names):
        for likeness in () if named.is_known else likenesses(named.forms[0]):
            yield from ((min(place, other), max(place, other)) for other in known.get((named.family, likeness), ()))


def _unambiguous(edges: Sequence[Edge], groups: Groups) -> Iterator[Edge]:
    """Yield the edges of those short forms (`a`) that all fit the names (`b`) of one group alone."""
    fitting = defaultdict(set)
    for edge in edges:
        fitting[edge.a].add(groups.head(edge.b))
    yield from (edge for edge in edges if len(fitting[edge.a]) == 1)


def _table(names: Sequence[Named], links: Iterable[Link]) -> pa.Table:
    rows = sorted((names[link.place].id, names[link.into].id, link.reason, link.confidence) for link in links)
    columns = zip(*rows, strict=True) if rows else ([] for _ in MERGES)
    return pa.table([pa.array(column, at.type) for column, at in zip(columns, MERGES, strict=True)], schema=MERGES)
