"""Snapshots of the graph in the lake: `graph/snapshot/<time>/`, from which it is answered while Neo4j is away.

Neo4j is read in ranges of entities, so that neither side holds more than a part of it; a snapshot is of no single
moment. Of an entity its `CONVERSATIONS` latest conversations are kept, of everything else all.
"""

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, LiteralString

from neo4j import READ_ACCESS, Driver, Session

from helix_pipeline.contracts.graph_files import SNAPSHOT
from helix_pipeline.stores.graph import Graph
from helix_pipeline.stores.graph_folders import Folder, Writer, begin, folders, prune
from helix_pipeline.stores.lake import Lake

KIND = "snapshot"
KEPT = 3
"""Snapshots that are kept: one may be read while the next is written."""

CONVERSATIONS = 1_000
"""Conversations of one entity that are kept, the latest."""

RANGE = 10_000
"""Entities that are read in one transaction."""

CROWDED = 20_000
"""Relations of one entity above which each is a record of its own, as a record is held in memory as a whole."""

ROW_GROUP = 50_000

Tell = Callable[[str, int, int], None]
"""Is told which table is being written, how many ranges of it are done, and of how many."""

MESSAGES: LiteralString = "OPTIONAL MATCH (g:Graph {id: 'graph'}) RETURN coalesce(g.messages, 0) AS messages"
_LAST_OF_RANGE: LiteralString = """
MATCH (e:Entity) WHERE e.id > $after WITH e.id AS id ORDER BY id LIMIT $range RETURN max(id) AS id
"""
_WITHIN: LiteralString = "MATCH (a:Entity) WHERE $after < a.id <= $last "
_PAIRS: LiteralString = """
WITH a, COUNT { (a)-[:CO_OCCURS_WITH]->() } AS degree WHERE degree > 0
CALL (a, degree) {
  WITH a, degree WHERE degree <= $crowded
  MATCH (a)-[r:CO_OCCURS_WITH]->(b:Entity)
  RETURN collect([b.id, coalesce(r.frequency, 0), r.first.epochMillis, r.last.epochMillis]) AS rows
UNION ALL
  WITH a, degree WHERE degree > $crowded
  MATCH (a)-[r:CO_OCCURS_WITH]->(b:Entity)
  RETURN [[b.id, coalesce(r.frequency, 0), r.first.epochMillis, r.last.epochMillis]] AS rows
}
RETURN a.id AS id, rows
"""
_STATED: LiteralString = """
MATCH (s)-[r:RELATED_TO]->(a)
RETURN s.id AS id, [[a.id, s:User, r.type, r.strength, r.confidence, r.statements, r.valid_from.epochMillis,
  r.valid_to.epochMillis, r.learnt_at.epochMillis, r.closed_by, r.closed_at.epochMillis, r.last_stated.epochMillis,
  r.evidence]] AS rows
"""
_MENTIONED: LiteralString = """
CALL (a) {
  MATCH (a)-[m:MENTIONED_IN]->(c:Conversation)
  WITH m, c ORDER BY m.last DESC, c.id LIMIT $conversations
  RETURN collect([c.id, coalesce(m.count, 0), m.first.epochMillis, m.last.epochMillis]) AS rows
}
RETURN a.id AS id, rows
"""
_SAME: LiteralString = "MATCH (a)-[r:SAME_AS]->(b:Entity) RETURN a.id AS id, [[b.id, r.reason, r.confidence]] AS rows"
_ENTITIES: LiteralString = """
RETURN a.id AS id, [[coalesce(a.name, a.id), coalesce(a.type, ''), coalesce(a.subtype, ''), coalesce(a.mentions, 0),
  coalesce(a.messages, 0), a.first_seen.epochMillis, a.last_seen.epochMillis, a.community, a.aliases]] AS rows
"""
_QUERIES: dict[str, LiteralString] = {
    "pairs": _WITHIN + _PAIRS,
    "stated": _WITHIN + _STATED,
    "mentioned": _WITHIN + _MENTIONED,
    "same": _WITHIN + _SAME,
    "entities": _WITHIN + _ENTITIES,
}


def write_snapshot(
    connection: Driver, graph: Graph, lake: Lake, tell: Tell = lambda table, done, of: None
) -> dict[str, Any]:
    """Write a snapshot, delete all but the `KEPT` newest, and return its manifest.

    That is `path`, `messages` (that name any entity), `seconds`, and by table `rows` and `bytes`. Raises StoreError
    where the lake cannot be written; what the driver raises is the caller's.
    """
    started, folder = time.monotonic(), begin(lake, KIND)
    with connection.session(database=graph.database, default_access_mode=READ_ACCESS, fetch_size=2_000) as session:
        parts = ranges(session)
        rows = {name: _write_table(session, folder, name, parts, tell) for name in SNAPSHOT}
        messages = session.run(MESSAGES).single(strict=True)["messages"]
    manifest = {"path": folder.path, "messages": messages, "rows": rows}
    manifest |= {"bytes": folder.sizes(), "seconds": round(time.monotonic() - started, 3)}
    folder.finish(manifest)
    prune(lake, KIND, KEPT)
    return manifest


def ranges(session: Session) -> list[tuple[str, str]]:
    """Return ids between which there are `RANGE` entities each: after the first, up to the second."""
    return list(pairwise(_bounds(session)))


def newest(lake: Lake) -> Folder | None:
    """Return the newest complete snapshot, if there is one."""
    found = folders(lake, KIND)
    return found[-1] if found else None


def _bounds(session: Session) -> Iterator[str]:
    """Yield ids between which there are `RANGE` entities each, the first before all of them."""
    last = ""
    while last is not None:
        yield last
        last = session.run(_LAST_OF_RANGE, after=last, range=RANGE).single(strict=True)["id"]


def _write_table(session: Session, folder: Folder, name: str, ranges: list[tuple[str, str]], tell: Tell) -> int:
    """Write a table of the snapshot, range by range; return its rows."""
    with folder.writing(f"{name}.parquet", SNAPSHOT[name]) as writer:
        for number, (after, last) in enumerate(ranges):
            tell(name, number + 1, len(ranges))
            _write_range(session, writer, _QUERIES[name], after, last)
        return writer.rows


def _write_range(session: Session, writer: Writer, query: LiteralString, after: str, last: str) -> None:
    gathered: list[list[Any]] = []
    given = {"after": after, "last": last, "crowded": CROWDED, "conversations": CONVERSATIONS}
    for id, rows in session.run(query, given):
        gathered += ([id, *row] for row in rows)
        if len(gathered) >= ROW_GROUP:
            writer.write(gathered)
            gathered = []
    if gathered:
        writer.write(gathered)
