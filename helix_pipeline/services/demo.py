"""The demo: a corpus goes through Kafka and the streams into the stores, and the stores are checked against Kafka."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from helix_pipeline.contracts.tables import EVENT_TABLES, LAKE_QUARANTINE
from helix_pipeline.contracts.topics import TOPICS, topic_of
from helix_pipeline.domain.sample.corpus import generate
from helix_pipeline.settings import Settings
from helix_pipeline.stores import bus, graph, lake, warehouse

GRAPH_COUNTS = {
    "conversations": "MATCH (n:Conversation) RETURN count(n) AS n",
    "users": "MATCH (n:User) RETURN count(n) AS n",
    "entities": "MATCH (n:Entity) RETURN count(n) AS n",
    "mentions": "MATCH (:Entity)-[m:MENTIONED_IN]->() RETURN coalesce(sum(m.count), 0) AS n",
    "co-occurrences": "MATCH ()-[p:CO_OCCURS_WITH]->() RETURN coalesce(sum(p.frequency), 0) AS n",
}

GRAPH_FINDINGS = {
    "top entities": """
        MATCH (e:Entity) WHERE e.mentions > 0 WITH e ORDER BY e.mentions DESC, e.id LIMIT 8
        RETURN e.name + ' ' + toString(e.mentions) AS line""",
    "strongest relations": """
        MATCH (a:Entity)-[r:CO_OCCURS_WITH]->(b:Entity) WHERE r.strength > 0
        WITH a, r, b ORDER BY r.strength DESC, r.frequency DESC, a.id, b.id LIMIT 8
        RETURN a.name + ' + ' + b.name + ' ' + toString(round(r.strength, 2)) AS line""",
    "stated": """
        MATCH (a)-[r:RELATED_TO]->(b:Entity) WHERE r.statements > 0
        WITH a, r, b ORDER BY r.statements DESC, r.confidence DESC, a.id, b.id LIMIT 8
        RETURN coalesce(a.name, a.id) + ' ' + replace(r.type, '_', ' ') + ' ' + coalesce(b.name, b.id) AS line""",
}
"""What the graph says at the end of a demo: headline -> a query of lines, after a refresh."""


@dataclass
class Timings:
    """Seconds per step of a run."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a block."""
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 2)


def sample_folder(settings: Settings) -> Path:
    """Write the bundled corpus under the home of the installation and return its folder."""
    folder = settings.home / "sample"
    folder.mkdir(parents=True, exist_ok=True)
    files = {topic.name: (folder / f"{topic.name}.jsonl").open("w", encoding="utf-8") for topic in TOPICS}
    for event in generate():
        files[topic_of(event).name].write(event.model_dump_json(exclude_none=True) + "\n")
    for file in files.values():
        file.close()
        if not Path(file.name).stat().st_size:
            Path(file.name).unlink()
    return folder


def store_counts(settings: Settings) -> dict[str, dict[str, int]]:
    """Return the rows of each store: store -> table, topic or kind -> rows."""
    return {
        "kafka": {topic.name: _records(settings, topic.name) for topic in TOPICS},
        "lake": _lake_counts(settings),
        "clickhouse": _warehouse_counts(settings),
        "neo4j": _graph_counts(settings),
    }


def graph_findings(settings: Settings) -> dict[str, list[str]]:
    """Return the entities that are named most, and what is related the most strongly, in a few lines each."""
    place = graph.open_graph(settings)
    with graph.driver(place) as connection:
        return {
            headline: [str(row["line"]) for row in connection.execute_query(query, database_=place.database).records]
            for headline, query in GRAPH_FINDINGS.items()
        }


def _records(settings: Settings, topic: str) -> int:
    return sum(end - first for first, end in bus.record_ranges(settings, topic).values())


def _lake_counts(settings: Settings) -> dict[str, int]:
    place = lake.open_lake(settings)
    names = [table.name for table in (*EVENT_TABLES, LAKE_QUARANTINE)]
    return {name: lake.count_rows(lake.open_table(place, name)) for name in names}


def _warehouse_counts(settings: Settings) -> dict[str, int]:
    with warehouse.client(warehouse.open_warehouse(settings)) as connection:
        count = "SELECT count() FROM {table:Identifier}"
        return {name: int(connection.command(count, {"table": name})) for name in warehouse.SOURCES}


def _graph_counts(settings: Settings) -> dict[str, int]:
    place = graph.open_graph(settings)
    with graph.driver(place) as connection:
        return {
            name: connection.execute_query(query, database_=place.database).records[0]["n"]
            for name, query in GRAPH_COUNTS.items()
        }
