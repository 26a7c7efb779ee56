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
