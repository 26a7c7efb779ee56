"""What is derived in the graph, made equal to what the lake says: only differences are written, in small transactions.

Both sides are laid beside each other in DuckDB, on disk where memory does not suffice. Running it again changes
nothing. As the stream does, a transaction first locks the entities that it touches, in the order of their ids.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, LiteralString

import duckdb
import pyarrow as pa
from neo4j import ManagedTransaction, Session

from helix_pipeline.errors import StoreError

TRANSACTION_ROWS = 1_000
BATCH_ROWS = 16_384
MOST_MEMBERS = 20
"""Entities that a community is shown by, the most mentioned."""

DATABASE: dict[str, str | int | float | list[str]] = {"memory_limit": "512MB", "threads": 1}

LOCK: LiteralString = "UNWIND $ids AS id MATCH (n:Entity {id: id}) SET n.id = id"
"""A write takes the lock, also one that changes nothing."""


@dataclass(frozen=True)
class Derived:
    """One kind of derived thing: the first `keys` columns of `schema` tell one from the other.

    `existing` returns what there is, a list for each row; `put` and `remove` take `$rows` of all columns, and of the
    keys, and return how many `n` they changed. The first `ends` columns are ids of entities.
    """

    schema: pa.Schema
    keys: int
    ends: int
    existing: LiteralString
    put: LiteralString
    remove: LiteralString


COMMUNITY = Derived(
    pa.schema([pa.field("id", pa.string()), pa.field("community", pa.int64())]),
    1,
    1,
    "MATCH (e:Entity) WHERE e.community IS NOT NULL RETURN [e.id, e.community] AS row",
    "UNWIND $rows AS r MATCH (e:Entity {id: r[0]}) SET e.community = r[1] RETURN count(*) AS n",
    "UNWIND $rows AS r MATCH (e:Entity {id: r[0]}) REMOVE e.community RETURN count(*) AS n",
)

SAME = Derived(
    pa.schema(
        [
            pa.field("alias", pa.string()),
            pa.field("id", pa.string()),
            pa.field("reason", pa.string()),
            pa.field("confidence", pa.float64()),
        ]
    ),
    1,
    2,
    "MATCH (a:Entity)-[r:SAME_AS]->(e:Entity) RETURN [a.id, e.id, r.reason, r.confidence] AS row",
    """
UNWIND $rows AS r
MATCH (a:Entity {id: r[0]})
MATCH (e:Entity {id: r[1]})
CALL (a) { MATCH (a)-[old:SAME_AS]->() DELETE old }
CREATE (a)-[:SAME_AS {reason: r[2], confidence: r[3]}]->(e)
SET a.same_as = e.id
RETURN count(*) AS n""",
    """
UNWIND $rows AS r
MATCH (a:Entity {id: r[0]})-[old:SAME_AS]->()
DELETE old
REMOVE a.same_as
RETURN count(*) AS n""",
)

ASSOCIATED = Derived(
    pa.schema(
        [
            pa.field("a", pa.string()),
            pa.field("b", pa.string()),
            pa.field("strength", pa.float64()),
            pa.field("first", pa.int64()),
            pa.field("evidence", pa.list_(pa.string())),
        ]
    ),
    2,
    2,
    """
MATCH (a:Entity)-[r:RELATED_TO {type: 'associated_with'}]->(b:Entity)
RETURN [a.id, b.id, r.strength, r.valid_from.epochMillis, r.evidence] AS row""",
    """
UNWIND $rows AS r
MATCH (a:Entity {id: r[0]})
MATCH (b:Entity {id: r[1]})
MERGE (a)-[s:RELATED_TO {type: 'associated_with'}]->(b)
SET s.strength = r[2], s.valid_from = datetime({epochMillis: r[3]}), s.evidence = r[4]
RETURN count(*) AS n""",
    """
UNWIND $rows AS r
MATCH (:Entity {id: r[0]})-[s:RELATED_TO {type: 'associated_with'}]->(:Entity {id: r[1]})
DELETE s
RETURN count(*) AS n""",
)


COMMUNITIES = Derived(
    pa.schema(
        [
            pa.field("id", pa.int64()),
            pa.field("size", pa.int64()),
            pa.field("members", pa.list_(pa.string())),
        ]
    ),
    1,
    0,
    "MATCH (c:Community) RETURN [c.id, c.size, c.members] AS row",
    "UNWIND $rows AS r MERGE (c:Community {id: r[0]}) SET c.size = r[1], c.members = r[2] RETURN count(*) AS n",
    "UNWIND $rows AS r MATCH (c:Community {id: r[0]}) DELETE c RETURN count(*) AS n",
)

MEMBERS = pa.schema([*COMMUNITY.schema, pa.field("mentions", pa.int64())])
_MEMBERS: LiteralString = """
MATCH (e:Entity) WHERE e.community IS NOT NULL RETURN [e.id, e.community, coalesce(e.mentions, 0)] AS row
"""
_LARGEST = f"""
SELECT community AS id, count(*) AS size, list(id ORDER BY mentions DESC, id)[1:{MOST_MEMBERS}] AS members
FROM members GROUP BY community
"""  # noqa: S608 - a constant


@contextmanager
def workspace() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database of bounded memory that is gone afterwards. Raises StoreError for what goes wrong in it."""
    try:
        with (
            tempfile.TemporaryDirectory(prefix="helix-graph-") as folder,
            duckdb.connect(config={**DATABASE, "temp_directory": folder}) as database,
        ):
            yield database
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise StoreError(f"cannot compare the graph with the lake: {str(error).splitlines()[0]}") from None


def synchronise(session: Session, database: duckdb.DuckDBPyConnection, derived: Derived, wanted: str) -> dict[str, int]:
    """Make what is derived in the graph what the query `wanted` gives, of the columns of the schema; return how many.

    That is `set`, new or changed, and `removed`. What refers to entities that the graph does not have is left out.
    """
    stage(session, database, "existing", derived.schema, derived.existing)
    database.execute(f"CREATE OR REPLACE TEMP TABLE wanted AS {wanted}")
    keys = ", ".join(derived.schema.names[: derived.keys])
    changed = "SELECT * FROM wanted EXCEPT SELECT * FROM existing"
    gone = f"SELECT {keys} FROM existing ANTI JOIN wanted USING ({keys})"  # noqa: S608 - names of columns
    removed = sum(
        _written(session, derived.remove, rows, min(derived.keys, derived.ends)) for rows in _rows(database, gone, keys)
    )
    put = sum(_written(session, derived.put, rows, derived.ends) for rows in _rows(database, changed, keys))
    return {"set": put, "removed": removed}


def note_communities(session: Session, database: duckdb.DuckDBPyConnection) -> None:
    """Note the size and the members of each community, by the entities of the graph that are in it."""
    stage(session, database, "members", MEMBERS, _MEMBERS)
    synchronise(session, database, COMMUNITIES, _LARGEST)


def stage(
    session: Session,
    database: duckdb.DuckDBPyConnection,
    name: str,
    schema: pa.Schema,
    query: LiteralString,
    **given: Any,
) -> None:
    """Copy what a query gives of the graph, a list `row` each, into a table of the database, in bounded batches."""
    database.register("batch", schema.empty_table())
    database.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM batch")  # noqa: S608 - a name of ours
    found = (record["row"] for record in session.run(query, given))
    while rows := list(islice(found, BATCH_ROWS)):
        columns = zip(zip(*rows, strict=True), schema, strict=True)
        database.register("batch", pa.table([pa.array(one, at.type) for one, at in columns], schema=schema))
        database.execute(f"INSERT INTO {name} SELECT * FROM batch")  # noqa: S608 - as above


def _rows(database: duckdb.DuckDBPyConnection, query: str, keys: str) -> Iterator[list[list[Any]]]:
    """Yield the rows of a query in the order of their keys, as many at a time as a transaction takes."""
    found = database.execute(f"{query} ORDER BY {keys}")
    while rows := found.fetchmany(TRANSACTION_ROWS):
        yield [list(row) for row in rows]


def _written(session: Session, statement: LiteralString, rows: list[list[Any]], ends: int) -> int:
    ids = sorted({id for row in rows for id in row[:ends]})
    return session.execute_write(_write, statement, rows, ids)


def _write(tx: ManagedTransaction, statement: LiteralString, rows: list[list[Any]], ids: Sequence[str]) -> int:
    tx.run(LOCK, ids=ids).consume()
    return int(tx.run(statement, rows=rows).single(strict=True)["n"])
