"""Archives of the graph in the lake, `graph/archive/<time>/`: entities that nobody named for long, with relations.

An archive is what the stream added of an entity, as deltas (domain.graph.deltas): restored, they add up with whatever
was seen since, as if the entity had never gone. A file is written, read back and compared inside the transaction that
removes its content and notes so in the ledger: it counts if and only if that transaction did. What is derived is not
archived; the next refresh sets it again.
"""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import LiteralString

import pyarrow as pa
import pyarrow.compute as pc
from neo4j import Driver, ManagedTransaction, Session

from helix_pipeline.domain.graph.deltas import ENTITY, MENTION, PAIR, add_up, bucket
from helix_pipeline.stores import graph_archive_rows as archive_rows
from helix_pipeline.stores.graph import Graph
from helix_pipeline.stores.graph_folders import UNFINISHED_FOR, Folder, begin, folders
from helix_pipeline.stores.graph_statements import GUARD
from helix_pipeline.stores.graph_writer import write_deltas
from helix_pipeline.stores.lake import Lake

KIND = "archive"
MOST_ENTITIES = 500
MOST_RELATIONS = 10_000
"""Of a transaction, about; an entity with more of them goes in several."""

Tell = Callable[[int], None]
"""Is told how many entities are done."""

_OLD: LiteralString = """
MATCH (e:Entity) WHERE e.last_seen < $cutoff AND coalesce(e.restored_at, e.last_seen) < $cutoff
WITH e ORDER BY e.last_seen LIMIT $most
RETURN e.id AS id, COUNT { (e)--() } AS relations
"""
_LAST: LiteralString = """
MATCH (e:Entity) WHERE e.last_seen IS NOT NULL WITH e.last_seen AS last ORDER BY last DESC LIMIT 1 RETURN last
"""
_LONGEST: LiteralString = """
MATCH (e:Entity) WHERE e.last_seen IS NOT NULL WITH e ORDER BY e.last_seen LIMIT 1
RETURN coalesce(e.restored_at, e.last_seen) AS last
"""
_HOLD: tuple[LiteralString, ...] = (
    """
UNWIND $ids AS id
MATCH (:Entity {id: id})-[:MENTIONED_IN]->(c:Conversation)
WITH DISTINCT c ORDER BY c.id LIMIT $most
SET c.id = c.id""",
    """
UNWIND $ids AS id
MATCH (e:Entity {id: id})
CALL (e) {
  RETURN e AS n UNION MATCH (e)-[:CO_OCCURS_WITH|RELATED_TO|SAME_AS]-(n:Entity) RETURN n
}
WITH DISTINCT n ORDER BY n.id LIMIT $most
SET n.id = n.id""",
    """
UNWIND $ids AS id
MATCH (u:User)-[:RELATED_TO]->(:Entity {id: id})
WITH DISTINCT u ORDER BY u.id
SET u.id = u.id""",
)
"""Locks what a transaction touches, in the order of the streams (see stores.graph_writer)."""

_ENTITIES: LiteralString = """
UNWIND $ids AS id
MATCH (e:Entity {id: id}) WHERE e.last_seen < $cutoff
RETURN e.id AS id, coalesce(e.name, e.id) AS name, coalesce(e.type, '') AS type,
  coalesce(e.subtypes, []) AS subtypes, coalesce(e.subtype_counts, []) AS counts,
  coalesce(e.aliases, []) AS aliases, coalesce(e.mentions, 0) AS mentions, coalesce(e.messages, 0) AS messages,
  e.first_seen.epochMillis AS first, e.last_seen.epochMillis AS last
"""
_MENTIONED: LiteralString = """
UNWIND $ids AS id
MATCH (e:Entity {id: id})-[r:MENTIONED_IN]->(c:Conversation)
RETURN elementId(r) AS relation, e.id AS owner, e.id AS a, c.id AS b, r.count AS n, r.first.epochMillis AS first,
  r.last.epochMillis AS last LIMIT $most
"""
_PAIRS: LiteralString = """
UNWIND $ids AS id
MATCH (e:Entity {id: id})-[r:CO_OCCURS_WITH]-()
WITH r, min(e.id) AS owner, startNode(r) AS a, endNode(r) AS b
RETURN elementId(r) AS relation, owner, a.id AS a, b.id AS b, r.frequency AS n, r.first.epochMillis AS first,
  r.last.epochMillis AS last LIMIT $most
"""
_KEYS: LiteralString = """
UNWIND $ids AS id
MATCH (e:Entity {id: id})-[r:RELATED_TO]-() WHERE r.key IS NOT NULL
RETURN r.key AS key, min(e.id) AS owner, max(CASE startNode(r) WHEN e THEN 1 ELSE 0 END) = 1 AS own
"""
_REMOVE_RELATIONS: LiteralString = "UNWIND $ids AS id MATCH ()-[r]->() WHERE elementId(r) = id DELETE r"
_REMOVE_STATEMENTS: LiteralString = "UNWIND $keys AS key MATCH (s:Statement {key: key}) DELETE s"
_REMOVE_ENTITIES: LiteralString = """
UNWIND $ids AS id
MATCH (e:Entity {id: id})
CALL (e) { MATCH (e)-[r:RELATED_TO|SAME_AS]-() DELETE r }
DELETE e
"""
_NOTE: LiteralString = "MERGE (l:Ledger {id: $id}) SET l.entities = $entities, l.restored = []"
_REMOVED: LiteralString = "MATCH (l:Ledger {id: $id}) RETURN l.entities AS entities"
_NOTED: LiteralString = "MATCH (l:Ledger {id: $id}) SET l.id = l.id RETURN l.restored AS restored"
_RESTORED: LiteralString = """
MATCH (l:Ledger {id: $id}) SET l.restored = l.restored + $owners
WITH l UNWIND $owners AS id
MATCH (e:Entity {id: id}) SET e.restored_at = datetime()
"""


@dataclass(frozen=True)
class Moved:
    """What was archived or restored: entities, their relations and statements, and seconds. `path` is a new archive."""

    entities: int = 0
    relations: int = 0
    seconds: float = 0.0
    path: str | None = None


def last_named(connection: Driver, graph: Graph) -> datetime | None:
    """Return when any entity was named last, by the time of the messages; None in an empty graph."""
    found = connection.execute_query(_LAST, database_=graph.database).records
    return found[0]["last"].to_native() if found else None


def longest_unnamed(connection: Driver, graph: Graph) -> datetime | None:
    """Return when the entity was last named, or restored, that nobody named for longest; None in an empty graph."""
    found = connection.execute_query(_LONGEST, database_=graph.database).records
    return found[0]["last"].to_native() if found else None


def archive(
    connection: Driver,
    graph: Graph,
    lake: Lake,
    cutoff: datetime,
    *,
    most: int = MOST_RELATIONS,
    tell: Tell = lambda done: None,
) -> Moved:
    """Move the entities that nobody named since `cutoff` into a new archive of the lake; none, no archive.

    One that was restored since is left alone. A transaction takes `most` relations, about. Raises StoreError where the
    lake cannot be written; what the driver raises is the caller's: then what is done is done, and the next archive
    goes on.
    """
    started, folder, entities, relations, number = time.monotonic(), None, 0, 0, 0
    with connection.session(database=graph.database) as session:
        _tidy(session, lake)
        while ids := session.execute_read(_old, cutoff, most):
            folder = folder or begin(lake, KIND)
            done = session.execute_write(_remove, folder, number, _Choice(ids, cutoff, most))
            entities, relations, number = entities + done.entities, relations + done.relations, number + 1
            tell(entities)
    seconds = round(time.monotonic() - started, 3)
    if folder:
        folder.finish({"cutoff": cutoff.isoformat(), "entities": entities, "relations": relations, "seconds": seconds})
    return Moved(entities, relations, seconds, folder.path if folder else None)


def restore(
    connection: Driver, graph: Graph, lake: Lake, wanted: Collection[str] = (), tell: Tell = lambda done: None
) -> Moved:
    """Bring entities back from all archives, those of these ids, or all where none are given; each once.

    What was seen of them since adds up. Raises StoreError as `archive`.
    """
    started, owners, relations = time.monotonic(), set[str](), 0
    with connection.session(database=graph.database) as session:
        for folder, file in _files(lake):
            rows = session.execute_write(_bring_back, folder, file, wanted)
            owners |= set(pc.unique(rows["owner"]).to_pylist())
            relations += pc.sum(pc.not_equal(rows["kind"], ENTITY)).as_py() or 0
            tell(len(owners))
    return Moved(len(owners), relations, round(time.monotonic() - started, 3))


def _old(tx: ManagedTransaction, cutoff: datetime, most: int) -> list[str]:
    """Return the ids of the entities that a transaction takes."""
    taken: list[str] = []
    relations = 0
    for record in tx.run(_OLD, cutoff=cutoff, most=MOST_ENTITIES):
        relations += record["relations"]
        if taken and relations > most:
            break
        taken.append(record["id"])
    return taken


def _tidy(session: Session, lake: Lake) -> None:
    """Finish the archives whose process died a day ago or more: a file that the ledger does not have is deleted."""
    for folder in folders(lake, KIND, complete=False):
        if folder.begun > datetime.now(UTC) - UNFINISHED_FOR:
            continue
        counting = {file: session.execute_read(_entities_of, folder, file) for file in folder.sizes()}
        for file in (file for file, entities in counting.items() if entities is None):
            folder.remove_file(file)
        entities = [count for count in counting.values() if count is not None]
        if entities:
            folder.finish({"entities": sum(entities), "note": "the process that began it died"})
        else:
            folder.remove()


def _entities_of(tx: ManagedTransaction, folder: Folder, file: str) -> int | None:
    """Return how many entities were removed with a file; None where its transaction did not come to its end."""
    noted = tx.run(_REMOVED, id=_ledger(folder, file)).single()
    return int(noted["entities"]) if noted else None


@dataclass(frozen=True)
class _Choice:
    """What a transaction takes: these entities if nobody named them since, and so many relations at most."""

    ids: list[str]
    cutoff: datetime
    most: int


def _remove(tx: ManagedTransaction, folder: Folder, number: int, choice: _Choice) -> Moved:
    """Write a file with what there is of the entities, and remove that from the graph."""
    tx.run(GUARD, buckets=sorted(set(map(bucket, choice.ids)))).consume()
    for hold in _HOLD:
        tx.run(hold, ids=choice.ids, most=2 * choice.most).consume()
    entities = tx.run(_ENTITIES, ids=choice.ids, cutoff=choice.cutoff).data()
    ids = [one["id"] for one in entities]
    counted = [tx.run(query, ids=ids, most=choice.most).data() for query in (_MENTIONED, _PAIRS)]
    whole = max(map(len, counted)) < choice.most
    keys = tx.run(_KEYS, ids=ids).data() if whole else []
    parts = [archive_rows.relations(kind, rows) for kind, rows in zip((MENTION, PAIR), counted, strict=True)]
    if whole:
        parts += [archive_rows.labelled(entities), archive_rows.stated(tx, keys)]
    archive_rows.write(folder, _file(number), pa.concat_tables(parts))
    tx.run(_REMOVE_RELATIONS, ids=[row["relation"] for rows in counted for row in rows]).consume()
    if whole:
        tx.run(_REMOVE_STATEMENTS, keys=[row["key"] for row in keys if row["own"]]).consume()
        tx.run(_REMOVE_ENTITIES, ids=ids).consume()
    tx.run(_NOTE, id=_ledger(folder, _file(number)), entities=len(ids) if whole else 0).consume()
    return Moved(len(ids) if whole else 0, sum(map(len, counted)) + len(keys))


def _files(lake: Lake) -> Iterator[tuple[Folder, str]]:
    """Yield the files of all archives, those too whose process died: the ledger says which count."""
    every = [*folders(lake, KIND), *folders(lake, KIND, complete=False)]
    for folder in sorted(every, key=lambda folder: folder.name):
        yield from ((folder, file) for file in sorted(folder.sizes()))


def _bring_back(tx: ManagedTransaction, folder: Folder, file: str, wanted: Collection[str]) -> pa.Table:
    """Add up what a file has of the wanted entities, and note it; return these rows."""
    noted = tx.run(_NOTED, id=_ledger(folder, file)).single()
    if noted is None:
        return archive_rows.ROWS.empty_table()
    rows = archive_rows.read(folder, file)
    chosen = pc.invert(pc.is_in(rows["owner"], pa.array(noted["restored"], pa.string())))
    if wanted:
        chosen = pc.and_(chosen, pc.is_in(rows["owner"], pa.array(sorted(wanted), pa.string())))
    rows = rows.filter(chosen)
    if len(rows):
        write_deltas(tx, add_up([rows.drop_columns(["owner"])]))
        owners = pc.unique(rows["owner"]).to_pylist()
        tx.run(_RESTORED, id=_ledger(folder, file), owners=owners).consume()
    return rows


def _file(number: int) -> str:
    return f"{number:06d}.parquet"


def _ledger(folder: Folder, file: str) -> str:
    return f"archive/{folder.name}/{file}"
