"""The rows of an archive of the graph: deltas of what was removed, made of it, written and read back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from neo4j import ManagedTransaction

from helix_pipeline.domain.graph.claims import statement_deltas
from helix_pipeline.domain.graph.deltas import ENTITY, SCHEMA, bucket
from helix_pipeline.domain.graph.labels import packed
from helix_pipeline.errors import StoreError
from helix_pipeline.stores.graph_folders import Folder
from helix_pipeline.stores.graph_statements import STATED, statement_of

ROWS = pa.schema([pa.field("owner", pa.string()), *SCHEMA])
"""A delta, and the entity that it was removed with: of a relation the first of its ends to go."""


def relations(kind: int, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return the deltas of counted relations: `owner`, `a`, `b`, `n`, and the `first` and `last` milliseconds."""
    return _rows(
        [row["owner"], kind, bucket(row["a"]), row["a"], row["b"], "", row["n"], 0, row["first"], row["last"]]
        for row in rows
    )


def labelled(entities: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return the deltas of entities: the mentions of each sub-type under the first alias, and the other aliases."""
    rows = []
    for one in entities:
        first, *others = one["aliases"] or [one["name"]]
        counts = dict(zip(one["subtypes"], one["counts"], strict=True))
        called = [(first, "", one["mentions"] - sum(counts.values()), one["messages"])]
        called += [(first, subtype, count, 0) for subtype, count in counts.items()]
        for alias, subtype, n, messages in [*called, *((alias, "", 0, 0) for alias in others)]:
            about = one["id"], alias, packed(one["name"], one["type"], subtype)
            rows.append([one["id"], ENTITY, bucket(one["id"]), *about, n, messages, one["first"], one["last"]])
    return _rows(rows)


def stated(tx: ManagedTransaction, keys: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return the deltas of the statements of keys; one whose subject stays is stated again, which changes nothing."""
    owners = {row["key"]: row["owner"] for row in keys}
    records = tx.run(STATED, keys=sorted(owners)).data() if owners else []
    parts = [statement_deltas([statement_of(record["s"])]) for record in records]
    owned = [pa.repeat(owners[record["s"]["key"]], len(part)) for record, part in zip(records, parts, strict=True)]
    found = pa.concat_tables([SCHEMA.empty_table(), *parts])
    return found.add_column(0, ROWS.field("owner"), pa.concat_arrays([pa.array([], pa.string()), *owned]))


def _rows(rows: Iterable[list[Any]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(ROWS)
    return pa.table([pa.array(column, at.type) for column, at in zip(columns, ROWS, strict=True)], schema=ROWS)


def write(folder: Folder, file: str, rows: pa.Table) -> None:
    """Write a file and read it back. Raises StoreError where it is not what was written."""
    with folder.writing(file, ROWS) as writer:
        writer.parquet.write_table(rows)
    if not read(folder, file).equals(rows):
        raise StoreError(f"{folder.path}/{file} is not what was written: nothing was removed from the graph")


def read(folder: Folder, file: str) -> pa.Table:
    """Return the `ROWS` of a file."""
    with folder.reading(file) as parquet:
        return parquet.read()
