"""The refresh: what is derived from the lake and from the graph's own counters is set in the graph, again and again.

It changes only what is derived; counters and statements are the stream's. A table that the lake does not have yet is
said, and what was derived from it stays as it is.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb
from deltalake import DeltaTable
from neo4j import Session

from helix_pipeline.services.knowledge.embeddings import refresh_embeddings
from helix_pipeline.settings import Settings
from helix_pipeline.stores.graph import driver, open_graph
from helix_pipeline.stores.graph_derived import (
    ASSOCIATED,
    COMMUNITY,
    SAME,
    Derived,
    note_communities,
    synchronise,
    workspace,
)
from helix_pipeline.stores.graph_hubs import note_strongest
from helix_pipeline.stores.graph_snapshot import Tell
from helix_pipeline.stores.graph_strengths import note_strengths
from helix_pipeline.stores.lake import Lake, open_table

_ALIASES = """
SELECT entity_id AS alias, into_id AS id, reason, round(confidence, 4) AS confidence FROM entity_aliases
WHERE entity_id <> into_id AND into_id NOT IN (SELECT entity_id FROM entity_aliases WHERE entity_id <> into_id)
QUALIFY row_number() OVER (PARTITION BY entity_id ORDER BY confidence DESC, into_id) = 1
"""
"""One link for each alias, to an entity that stands for itself."""

_COMMUNITIES = "SELECT entity_id AS id, min(community)::BIGINT AS community FROM communities GROUP BY entity_id"
_ASSOCIATED = """
SELECT a_id AS a, b_id AS b, round(max(strength), 2) AS strength, epoch_ms(min(first_seen)) AS first,
  max_by([json_array(epoch_ms(first_seen), '', one.conversation_id, one.message_id)::VARCHAR FOR one IN evidence[1:8]],
    last_seen) AS evidence
FROM relationships GROUP BY a_id, b_id HAVING round(max(strength), 2) > 0
"""
"""A pair has a row for each period that it was looked for in: the strongest counts."""

_PARTS: dict[str, tuple[Derived, str]] = {
    "communities": (COMMUNITY, _COMMUNITIES),
    "entity_aliases": (SAME, _ALIASES),
    "relationships": (ASSOCIATED, _ASSOCIATED),
}
"""Table of the lake -> what is derived from it, and how."""

_VIEWS = {
    False: "CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {name}_rows",
    True: "CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {name}_rows"
    " WHERE period = (SELECT max(period) FROM {name}_rows)",
}
_WHOLE = ("communities", "entity_aliases")
"""Tables of which one period says all: of all time where there is one, else the latest day."""


@dataclass
class Refreshed:
    """What a refresh changed: counts by what was set or removed, what it could not do, and seconds."""

    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


def refresh_graph(settings: Settings, lake: Lake, tell: Tell) -> Refreshed:
    """Set what is derived in the graph; run again, it changes nothing that did not change since.

    Raises StoreError where Neo4j or the lake is away.
    """
    started, now_ms, graph, found = time.monotonic(), time.time() * 1000, open_graph(settings), Refreshed()
    with driver(graph) as connection, workspace() as database:
        tables = _Tables(database, lake)
        with connection.session(database=graph.database) as session:
            _from_lake(session, tables, found, tell)
        changed = note_strengths(connection, graph, now_ms, tell)
        found.counts |= {f"strengths_of_{name}": count for name, count in changed.items()}
        if settings.graph.embeddings and tables.have("entities", "conversations", notes=found.notes):
            found.counts["embeddings"] = refresh_embeddings(settings, connection, graph, database, tell)
        found.counts["hubs"] = note_strongest(connection, graph, datetime.fromtimestamp(now_ms / 1000, UTC))
    found.seconds = round(time.monotonic() - started, 3)
    return found


@dataclass(frozen=True)
class _Tables:
    """The tables of the lake as tables of a database."""

    database: duckdb.DuckDBPyConnection
    lake: Lake

    def have(self, *names: str, notes: list[str]) -> bool:
        """Make these tables known to the database; where one is missing, note it and say so."""
        options = self.lake.storage_options
        for name in names:
            if not DeltaTable.is_deltatable(self.lake.uri(name), storage_options=options):
                notes.append(f"the lake has no table {name} yet")
                return False
            rows = open_table(self.lake, name).to_pyarrow_dataset()
            self.database.register(f"{name}_rows", rows)
            self.database.execute(_VIEWS["period" in rows.schema.names and name in _WHOLE].format(name=name))
        return True


def _from_lake(session: Session, tables: _Tables, found: Refreshed, tell: Tell) -> None:
    """Set what the tables of the lake say."""
    for number, (table, (derived, query)) in enumerate(_PARTS.items()):
        tell("tables of the lake", number, len(_PARTS))
        if tables.have(table, notes=found.notes):
            changed = synchronise(session, tables.database, derived, query)
            found.counts |= {f"{table}_{what}": count for what, count in changed.items()}
    note_communities(session, tables.database)
