"""Retention: what the settings want of Kafka, ClickHouse and the graph, what each has, and bringing them in line.

The stores of components that are off are left alone. Each call raises StoreError where a store does not answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from helix_pipeline.contracts.topics import TOPICS
from helix_pipeline.domain.features import components_of
from helix_pipeline.settings import Settings
from helix_pipeline.stores import bus, graph_archive, warehouse_retention
from helix_pipeline.stores.graph import driver, open_graph

MS_PER_HOUR = 3_600_000
State = Literal["in line", "differs", "missing", "due"]
"""due: the next upkeep of the graph moves entities to the lake."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How long one part of a store keeps what it has: `wanted` and `found`, in `unit`.

    Of the graph, `found` is how long the entity that nobody named for longest was not named before the latest message.
    None is for ever where it is wanted or found, and nothing there where the state is `missing`.
    """

    store: Literal["kafka", "clickhouse", "neo4j"]
    part: str
    unit: Literal["hours", "days"]
    wanted: float | None
    found: float | None
    state: State


def retention(settings: Settings) -> list[Kept]:
    """Return what is wanted and what is found of each topic, each table with a time to live, and the graph."""
    features = settings.features
    kept = list(_topics(settings))
    if features.any_on(components_of("warehouse.conversation_messages")):
        kept += _tables(settings)
    if features.is_on("knowledge_graph"):
        kept.append(_entities(settings))
    return kept


def apply(settings: Settings) -> list[Kept]:
    """Bring topics and tables in line; return those that were not, as they were before. Twice changes nothing.

    Every store is asked first, so that nothing is changed where one is away. The graph's age needs no change: each
    upkeep reads it from the settings.
    """
    differing = [one for one in retention(settings) if one.state in ("differs", "missing")]
    stores = {one.store for one in differing}
    if "kafka" in stores:
        bus.ensure_topics(settings)
    if "clickhouse" in stores:
        warehouse_retention.keep_days(settings, settings.retention.clickhouse_days)
    return differing


def _topics(settings: Settings) -> Iterator[Kept]:
    found = bus.retention_ms(settings)
    for topic in TOPICS:
        wanted, milliseconds = settings.retention.kafka_hours * topic.retention_factor, found.get(topic.name)
        hours = None if milliseconds is None or milliseconds < 0 else milliseconds / MS_PER_HOUR
        state: State = "missing" if milliseconds is None else "in line" if hours == wanted else "differs"
        yield Kept("kafka", topic.name, "hours", wanted, hours, state)


def _tables(settings: Settings) -> Iterator[Kept]:
    wanted = settings.retention.clickhouse_days
    for table, days in warehouse_retention.days_kept(settings).items():
        yield Kept("clickhouse", table, "days", wanted, days, "in line" if days == wanted else "differs")


def _entities(settings: Settings) -> Kept:
    graph, wanted = open_graph(settings), settings.retention.graph_days or None
    with driver(graph) as connection:
        connection.verify_connectivity()  # or a query would be tried again for as long as a job may take
        latest = graph_archive.last_named(connection, graph)
        oldest = graph_archive.longest_unnamed(connection, graph)
    days = round(max((latest - oldest).total_seconds(), 0) / 86_400, 1) if latest and oldest else None
    return Kept("neo4j", "entities", "days", wanted, days, "due" if wanted and days and days > wanted else "in line")
