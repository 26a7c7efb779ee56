"""How many events per second reach each store, beside what the same events cost with nothing done to them.

All in one run: a plain consumer, Spark from Kafka into nothing, a plain insert into ClickHouse, then the streams into
the lake, ClickHouse and Neo4j, alone and together. Ratios are to Spark's Kafka to noop with `from_json`.
"""

import argparse
import shutil
import threading
import time
from collections.abc import Callable
from functools import partial

import msgspec
import pyarrow as pa
from harness import console, installation, preload, publish
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from helix_pipeline.contracts.rows import event_schema
from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_TABLES
from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.domain.graph import messages
from helix_pipeline.domain.graph.deltas import add_up
from helix_pipeline.local.jars import jar_paths
from helix_pipeline.services.streaming import run
from helix_pipeline.settings import Settings
from helix_pipeline.spark import lake_sink
from helix_pipeline.spark.session import create_session
from helix_pipeline.spark.source import read_batches, read_topic
from helix_pipeline.stores import bus, graph, lake, warehouse
from helix_pipeline.stores.extractors.extraction import load_extraction
from helix_pipeline.stores.graph_writer import apply

BATCH_EVENTS = 100_000
LAKE, WAREHOUSE, GRAPH = "lake.conversations", "warehouse.conversation_messages", "graph.conversations"
FLOOR = "Spark Kafka to noop, from_json"


def plain_consumer(settings: Settings) -> int:
    """Consume and decode with confluent-kafka and nothing else."""
    ranges, decode, count = bus.record_ranges(settings, CONVERSATIONS.name), msgspec.json.Decoder().decode, 0
    for records in bus.read_records(settings, CONVERSATIONS.name, ranges):
        for record in records:
            decode(record.value())
        count += len(records)
    return count


def stream(spark: SparkSession, settings: Settings, shape: Callable[[DataFrame], DataFrame], name: str) -> None:
    """Run Kafka through a shape into noop."""
    checkpoint = settings.home / "bench" / name
    shutil.rmtree(checkpoint, ignore_errors=True)
    records = shape(read_topic(spark, settings, CONVERSATIONS))
    writer = records.writeStream.format("noop").option("checkpointLocation", str(checkpoint))
    writer.trigger(availableNow=True).start().awaitTermination()


def parsed(records: DataFrame) -> DataFrame:
    """Decode with Spark's own from_json."""
    schema = from_arrow_schema(pa.schema(list(event_schema(CONVERSATIONS))[:-3]))
    return records.select(F.from_json(F.col("value").cast("string"), schema).alias("v")).select("v.*")


def decoded(records: DataFrame) -> DataFrame:
    """Decode with the project's decoder, in Arrow batches."""

    def work(batches):  # noqa: ANN001, ANN202
        for _, result in read_batches(batches, CONVERSATIONS.name):
            yield result.rows

    return records.mapInArrow(work, from_arrow_schema(event_schema(CONVERSATIONS)))


def plain_insert(settings: Settings, chunk: int = 32_768) -> Callable[[], None]:
    """Return what inserts the rows of the lake into ClickHouse with one client."""
    table = lake.open_table(lake.open_lake(settings), LAKE_CONVERSATIONS.name).to_pyarrow_table(
        columns=LAKE_CONVERSATIONS.schema.names
    )
    rows = table.drop_columns(["messages"])

    def insert() -> None:
        with warehouse.client(warehouse.open_warehouse(settings)) as connection:
            for start in range(0, rows.num_rows, chunk):
                warehouse.insert(connection, "conversation_messages", rows.slice(start, chunk), f"plain/{start}")

    return insert


def reset(settings: Settings) -> None:
    """Empty the stores and forget the checkpoints."""
    shutil.rmtree(settings.checkpoint_root, ignore_errors=True)
    shutil.rmtree(settings.lake_root, ignore_errors=True)
    lake_sink._tables.clear()
    lake.create_tables(lake.open_lake(settings), LAKE_TABLES)
    with warehouse.client(warehouse.open_warehouse(settings)) as connection:
        connection.command("TRUNCATE TABLE conversation_messages")
    graph.empty(settings)


class HeapWatch(threading.Thread):
    """Samples the used heap of the driver's JVM, in MB."""

    def __init__(self, spark: SparkSession) -> None:
        super().__init__(daemon=True)
        self.samples: list[float] = []
        self._runtime = spark._jvm.java.lang.Runtime.getRuntime()
        self._done = threading.Event()

    def run(self) -> None:
        """Sample twice a second until `finish`."""
        while not self._done.wait(0.5):
            self.samples.append((self._runtime.totalMemory() - self._runtime.freeMemory()) / 2**20)

    def finish(self) -> None:
        """Stop sampling."""
        self._done.set()
        self.join()


def measure(name: str, events: int, work: Callable[[], object]) -> dict[str, object]:
    """Time a piece of work over all events."""
    with console.status(name):
        start = time.monotonic()
        work()
        seconds = time.monotonic() - start
    console.print(f"{name}: {events / seconds:,.0f} events/s in {seconds:.1f} s")
    return {"what": name, "events/s": int(events / seconds), "seconds": round(seconds, 2)}


def graph_sums(settings: Settings) -> dict[str, int]:
    """Return the counters of the graph, added up."""
    place = graph.open_graph(settings)
    with graph.driver(place) as connection:
        query = "MATCH (:Entity)-[m:MENTIONED_IN]->() RETURN sum(m.count) AS n"
        pairs = "MATCH ()-[p:CO_OCCURS_WITH]->() RETURN sum(p.frequency) AS n"
        return {
            name: connection.execute_query(text, database_=place.database).records[0]["n"]
            for name, text in (("mentions", query), ("pairs", pairs))
        }


def writing(settings: Settings, events: int) -> dict[str, object]:
    """Measure what Neo4j takes of deltas that are ready, found in the rows of the lake with the gazetteer."""
    table = lake.open_table(lake.open_lake(settings), LAKE_CONVERSATIONS.name)
    said = table.to_pyarrow_table(columns=list(messages.COLUMNS)).combine_chunks()
    extraction = load_extraction(_with_extractor(settings, "gazetteer").graph)
    batches = [add_up([messages.said(b, extraction)]) for b in said.to_batches(max_chunksize=BATCH_EVENTS)]
    place = graph.open_graph(settings)

    def write() -> None:
        with graph.driver(place) as connection:
            for number, batch in enumerate(batches):
                apply(connection, place, "bench", number, batch)

    for name in ("deltas into Neo4j, just started", "deltas into Neo4j"):
        graph.empty(settings)
        row = measure(name, events, write)
    return row | per_second(graph_sums(settings), row)


def per_second(sums: dict[str, int], row: dict[str, object]) -> dict[str, int]:
    """Return how many mentions and pairs went into the graph per second."""
    return {f"{name}/s": int(total / row["seconds"]) for name, total in sums.items()}


def sinks(spark: SparkSession, settings: Settings, events: int, only: list[str] | None) -> list[dict[str, object]]:
    """Measure the sinks alone and together; the stores are emptied in between.

    The graph is filled with the gazetteer's entities, as what Spark and Neo4j take is measured; but for one row, which
    tells what the default recogniser takes besides.
    """
    lists, rows = _with_extractor(settings, "gazetteer"), []
    for name, queries, used in (
        ("lake", [LAKE], settings),
        ("ClickHouse", [WAREHOUSE], settings),
        ("Neo4j, just started", [GRAPH], lists),
        ("Neo4j", [GRAPH], lists),
        (f"Neo4j, {settings.graph.extractor}", [GRAPH], settings),
        ("lake + ClickHouse", [LAKE, WAREHOUSE], settings),
        ("lake + ClickHouse + Neo4j", [LAKE, WAREHOUSE, GRAPH], lists),
    ):
        if only and name not in only:
            continue
        reset(settings)
        row = measure(name, events, partial(run, spark, used, queries, until_caught_up=True))
        if "Neo4j" in name:
            row |= per_second(graph_sums(settings), row)
        rows.append(row)
        if name == "lake":
            insert = plain_insert(settings)
            rows.append(measure("plain clickhouse-connect insert", events, insert))
            rows.append(writing(settings, events))
    return rows


def _with_extractor(settings: Settings, name: str) -> Settings:
    return settings.model_copy(update={"graph": settings.graph.model_copy(update={"extractor": name})})


def floors(spark: SparkSession, settings: Settings, events: int) -> list[dict[str, object]]:
    """Measure what the same events cost with nothing done to them, after a warm-up of Spark."""
    for _ in range(2):
        stream(spark, settings, parsed, "warm-up")
        stream(spark, settings, decoded, "warm-up")
    return [
        measure("plain consumer, JSON decoded", events, lambda: plain_consumer(settings)),
        measure("Spark Kafka to noop, raw", events, lambda: stream(spark, settings, lambda r: r, "raw")),
        measure(FLOOR, events, lambda: stream(spark, settings, parsed, "parsed")),
        measure("Spark Kafka to noop, this decoder", events, lambda: stream(spark, settings, decoded, "decoded")),
    ]


def shown(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return the rows with the same columns in each, and the ratio to the floor."""
    floor = next(row["events/s"] for row in rows if row["what"] == FLOOR)
    empty = {"what": "", "events/s": 0, "seconds": 0.0, "of noop": 0.0, "mentions/s": "", "pairs/s": ""}
    return [{**empty, **row, "of noop": round(row["events/s"] / floor, 2)} for row in rows]


def heap_of(samples: list[float]) -> dict[str, float]:
    """Return the highest use of the driver's heap in either half of the run, in MB."""
    half = len(samples) // 2
    heap = {"first_half_max": max(samples[:half]), "second_half_max": max(samples[half:])}
    console.print(f"driver heap (MB): {heap}")
    return heap


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="*", help="sinks to measure, by name; all by default")
    parser.add_argument("--master", default="local[2]", help="Spark master")
    options = parser.parse_args()
    events = options.events
    with installation(**{"spark.master": options.master}) as settings:
        preload(settings, events)
        spark = create_session(settings, ",".join(map(str, jar_paths("spark"))), "bench-stream")
        watch = HeapWatch(spark)
        watch.start()
        rows = [*floors(spark, settings, events), *sinks(spark, settings, events, options.only)]
        watch.finish()
        publish("stream", shown(rows), events=events, driver_heap_mb=heap_of(watch.samples))
        spark.stop()


if __name__ == "__main__":
    main()
