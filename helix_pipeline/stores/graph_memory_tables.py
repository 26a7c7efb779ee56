"""A snapshot of the graph as columns in memory, entities by their row: about 30 bytes a pair, 24 a mention.

Rows of entities are in the order of their ids. What leads from an entity to its relations is an `Index`, one number
for each relation and end (compressed sparse rows; Saad, Iterative Methods for Sparse Linear Systems, section 3.4).
"""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from helix_pipeline.stores.graph_folders import Folder

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

FOREVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Index:
    """The rows of a table by a number that each has: of the number `n` they are `rows[starts[n]:starts[n + 1]]`."""

    starts: Longs
    rows: Ints

    def of(self, number: int) -> Ints:
        """Return the rows of a number, in their order."""
        return self.rows[self.starts[number] : self.starts[number + 1]]

    def of_all(self, numbers: Ints) -> tuple[Ints, Ints]:
        """Return the rows of several numbers, and beside each the number that it is of."""
        counts = self.starts[numbers + 1] - self.starts[numbers]
        owners = np.repeat(numbers, counts)
        before = np.repeat(self.starts[numbers] - np.cumsum(counts) + counts, counts)
        return self.rows[before + np.arange(len(owners))], owners


def indexed(numbers: Ints, count: int) -> Index:
    """Return the index of a table whose rows have these numbers, each less than `count`."""
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(numbers, minlength=count), out=starts[1:])
    return Index(starts, np.argsort(numbers, kind="stable").astype(np.int32))


@dataclass(frozen=True)
class Pairs:
    """Entities that are named together: rows of both, `frequency`, and milliseconds of the last time."""

    a: Ints
    b: Ints
    frequency: Ints
    last: Longs
    by_end: Index

    def of(self, entities: Ints) -> tuple[Ints, Ints, Ints]:
        """Return the pairs that entities are in; beside each the entity, and the other one."""
        ends, owners = self.by_end.of_all(entities)
        found = ends % max(len(self.a), 1)
        return found, owners, self.a[found] + self.b[found] - owners


@dataclass(frozen=True)
class Tables:
    """A snapshot in memory. `messages` is how many name any entity, `as_of` the time of the snapshot.

    Entities that are one have the row of the canonical one in `canonical`; the others have their own. `stated` and
    `same` have the rows of their ends besides (`source_row`, -1 where it is a user, and `target_row`); `mentioned`
    is in the order of its entities.
    """

    as_of: datetime
    messages: int
    entities: pa.Table
    pairs: Pairs
    stated: pa.Table
    stated_by_end: Index
    mentioned: pa.Table
    mentioned_by: Index
    same: pa.Table
    canonical: Ints

    def row(self, id: str) -> int | None:
        """Return the row of an entity."""
        try:
            place = bisect_left(self.ids, id, key=pa.StringScalar.as_py)
        except UnicodeEncodeError:
            return None
        return place if place < len(self.ids) and self.ids[place].as_py() == id else None

    @cached_property
    def ids(self) -> pa.Array:
        """Return the ids of the entities, in their order."""
        return self.entities["id"].combine_chunks()

    @cached_property
    def counted(self) -> Longs:
        """Return how many messages name each entity."""
        found: Longs = self.entities["messages"].to_numpy()
        return found

    @cached_property
    def conversations(self) -> pa.Array:
        """Return the ids of the conversations that name an entity."""
        return self._mentioned_in.dictionary

    @cached_property
    def mentioned_in(self) -> Ints:
        """Return the conversation of each mention, as a place in `conversations`."""
        found: Ints = self._mentioned_in.indices.to_numpy()
        return found

    @cached_property
    def _mentioned_in(self) -> pa.DictionaryArray:
        found = self.mentioned["conversation"].combine_chunks()
        return found if isinstance(found, pa.DictionaryArray) else found.chunk(0)

    @cached_property
    def stated_ends(self) -> tuple[Ints, Ints]:
        """Return the rows of both ends of each stated relation; the source is -1 where it is a user."""
        return self.stated["source_row"].to_numpy(), self.stated["target_row"].to_numpy()

    @cached_property
    def mentions(self) -> Longs:
        """Return how often each entity is mentioned."""
        found: Longs = self.entities["mentions"].to_numpy()
        return found

    @cached_property
    def interval(self) -> tuple[Longs, Longs]:
        """Return from when and until when each stated relation holds, in milliseconds since 1970."""
        since, until = (self.stated[name].cast(pa.int64()) for name in ("valid_from", "valid_to"))
        return pc.fill_null(since, FOREVER).to_numpy(), pc.fill_null(until, FOREVER).to_numpy()

    def holding(self, rows: Ints, at_ms: float) -> Ints:
        """Return those of the stated relations that hold at an instant."""
        since, until = self.interval
        return rows[(since[rows] <= at_ms) & (until[rows] > at_ms)]

    def whole(self, id: str) -> Ints:
        """Return the rows of an entity and of those that are the same; none where it is unknown."""
        row = self.row(id)
        return np.zeros(0, np.int32) if row is None else np.unique([row, *self.members.of(row)]).astype(np.int32)

    @cached_property
    def members(self) -> Index:
        """Return the index of the entities that are one, by the row of the canonical one, which is among them."""
        return indexed(self.canonical, len(self.canonical))

    @cached_property
    def nbytes(self) -> int:
        """Return the bytes that the columns take."""
        tables: int = sum(table.nbytes for table in (self.entities, self.stated, self.mentioned, self.same))
        pairs = self.pairs
        arrays = (pairs.a, pairs.b, pairs.frequency, pairs.last, self.canonical, self.counted)
        indexes = (pairs.by_end, self.stated_by_end, self.mentioned_by, self.members)
        return tables + sum(one.nbytes for one in arrays) + sum(one.starts.nbytes + one.rows.nbytes for one in indexes)


def load_tables(folder: Folder) -> Tables:
    """Read a snapshot. What ends at an entity that it does not have is left out.

    Raises StoreError where a file cannot be read.
    """
    entities = _sorted(_read(folder, "entities"))
    ids, count = entities["id"].combine_chunks(), entities.num_rows
    stated = _placed(_read(folder, "stated"), ids)
    mentioned, whose = _mentioned(_read(folder, "mentioned", "entity", "conversation"), ids)
    same = _placed(_read(folder, "same"), ids)
    return Tables(
        as_of=folder.begun,
        messages=folder.manifest()["messages"],
        entities=entities,
        pairs=_pairs(_read(folder, "pairs", "source", "target"), ids),
        stated=stated,
        stated_by_end=_by_ends(stated, count),
        mentioned=mentioned,
        mentioned_by=indexed(whose, count),
        same=same,
        canonical=_canonical(same, count),
    )


def _read(folder: Folder, name: str, *repeating: str) -> pa.Table:
    """Read a table; columns whose values repeat come as a dictionary and numbers."""
    with folder.reading(f"{name}.parquet", repeating) as file:
        return file.read().unify_dictionaries().combine_chunks()


def _sorted(entities: pa.Table) -> pa.Table:
    """Return the entities in the order of their ids, types and sub-types as dictionaries."""
    for name in ("type", "subtype"):
        place = entities.schema.get_field_index(name)
        entities = entities.set_column(place, name, entities[name].combine_chunks().dictionary_encode())
    return entities.take(pc.sort_indices(entities["id"])).combine_chunks()


def _rows_of(column: pa.ChunkedArray, ids: pa.Array) -> Ints:
    """Return the row of the entity that each value of a column is the id of, -1 where there is none."""
    values = column.combine_chunks()
    values = values if isinstance(values, pa.DictionaryArray) else values.dictionary_encode()
    rows = pc.fill_null(pc.index_in(values.dictionary, ids), -1).to_numpy(zero_copy_only=False)
    places: Ints = rows[values.indices.to_numpy(zero_copy_only=False)].astype(np.int32)
    return places


def _pairs(table: pa.Table, ids: pa.Array) -> Pairs:
    a, b = _rows_of(table["source"], ids), _rows_of(table["target"], ids)
    known = (a >= 0) & (b >= 0) & (a != b)
    a, b = a[known], b[known]
    frequency, last = table["frequency"].to_numpy()[known], _milliseconds(table["last"])[known]
    return Pairs(a, b, frequency.astype(np.int32), last, indexed(np.concatenate([a, b]), len(ids)))


def _placed(table: pa.Table, ids: pa.Array) -> pa.Table:
    """Add the rows of both ends, and leave out what has no target, or no source though an entity is it."""
    source, target = _rows_of(table["source"], ids), _rows_of(table["target"], ids)
    if "by_user" in table.column_names:
        users = table["by_user"].to_numpy()
        source[users] = -1
        known = (target >= 0) & (users | (source >= 0))
    else:
        known = (target >= 0) & (source >= 0)
    placed = table.append_column("source_row", pa.array(source)).append_column("target_row", pa.array(target))
    return placed.filter(pa.array(known)).combine_chunks()


def _by_ends(stated: pa.Table, count: int) -> Index:
    """Return the rows of stated relations by either end; one with both ends at one entity comes once."""
    source, target = stated["source_row"].to_numpy(), stated["target_row"].to_numpy()
    also = (source >= 0) & (source != target)
    rows = np.concatenate([np.arange(len(target)), np.flatnonzero(also)]).astype(np.int32)
    found = indexed(np.concatenate([target, source[also]]), count)
    return Index(found.starts, rows[found.rows])


def _mentioned(table: pa.Table, ids: pa.Array) -> tuple[pa.Table, Ints]:
    """Return the mentions without their entities, and the rows of these."""
    whose = _rows_of(table["entity"], ids)
    known = whose >= 0
    return table.drop_columns(["entity"]).filter(pa.array(known)).combine_chunks(), whose[known]


def _canonical(same: pa.Table, count: int) -> Ints:
    """Return the row of the canonical entity of each; links are one hop, from an alias."""
    rows = np.arange(count, dtype=np.int32)
    rows[same["source_row"].to_numpy()] = same["target_row"].to_numpy()
    return rows


def _milliseconds(column: pa.ChunkedArray) -> Longs:
    times: Longs = pc.fill_null(column.cast(pa.int64()), 0).to_numpy()
    return times
