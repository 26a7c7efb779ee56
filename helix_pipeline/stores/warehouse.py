"""The warehouse: ClickHouse over HTTP, the embedded engine and a real server alike.

An insert carries a deduplication token: the same block inserted again under its token changes nothing
(ClickHouse documentation, "insert_deduplication_token").
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_DEBATES, LAKE_PROVIDER_CALLS, LakeTable
from helix_pipeline.errors import StoreError
from helix_pipeline.settings import Settings
from helix_pipeline.stores.warehouse_calls import counting_pool, log_comment
from helix_pipeline.telemetry import CLICKHOUSE_ROWS, bounded

SOURCES: dict[str, LakeTable] = {
    "conversation_messages": LAKE_CONVERSATIONS,
    "debate_events": LAKE_DEBATES,
    "provider_metrics": LAKE_PROVIDER_CALLS,
}
"""Warehouse table -> the lake table that holds the same events."""

FIGURES = (
    "debate_metrics",
    "debate_outcomes",
    "conversation_metrics",
    "entity_extraction_metrics",
    "usage_stats",
    "compression_stats",
)
"""Tables of figures, which views, streams and the API fill."""

ROLLUPS = (
    "provider_stats_minutely",
    "provider_stats_hourly",
    "provider_stats_daily",
    "debate_stats_minutely",
    "debate_stats_hourly",
    "debate_stats_daily",
    "debate_outcomes_hourly",
    "entity_stats_hourly",
    "entity_stats_daily",
    "entity_types_daily",
    "entity_history",
    "usage_stats_minutely",
)
"""Tables of sums, which follow from the others."""

ONCE = {"insert_deduplicate": 1, "deduplicate_blocks_in_dependent_materialized_views": 1, "async_insert": 0}
"""Settings of an insert under a token: views take part in the deduplication, each by the window of its target."""

logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())  # what the driver warns of, it raises too

PROGRESS = ("table_name", "topic_id", "kafka_partition", "query_id", "first_offset", "next_offset")


@dataclass(frozen=True)
class Warehouse:
    """How to reach ClickHouse; small enough to travel to executors."""

    host: str
    port: int
    database: str
    username: str
    password: str = field(repr=False)
    secure: bool
    timeout_s: float

    def connect(self, database: str | None = None, compress: bool = False) -> Client:
        """Open a client. Raises StoreError where the server does not answer within the time-out."""
        try:
            return clickhouse_connect.get_client(
                host=self.host,
                port=self.port,
                database=database or self.database,
                username=self.username,
                password=self.password,
                secure=self.secure,
                compress=compress,
                connect_timeout=min(5, self.timeout_s),
                send_receive_timeout=self.timeout_s,
                autogenerate_session_id=False,
                settings={"log_comment": "helix"},
                pool_mgr=counting_pool("https" if self.secure else "http", self.host, self.port),
            )
        except ClickHouseError as error:
            hint = "start it with `helix up`, or set CLICKHOUSE_HOST and CLICKHOUSE_PORT"
            place = f"ClickHouse at {self.host}:{self.port}"
            raise StoreError(f"{place} does not answer ({reason(error)}): {hint}") from None


def open_warehouse(settings: Settings) -> Warehouse:
    """Return the warehouse that the settings name."""
    house = settings.clickhouse
    host, port = house.address
    password = house.password.get_secret_value()
    return Warehouse(host, port, house.database, house.username, password, house.secure, house.timeout_s)


@contextmanager
def client(warehouse: Warehouse) -> Iterator[Client]:
    """Open a client for a block and close it after; driver errors become StoreError."""
    connection = warehouse.connect()
    try:
        yield connection
    except ClickHouseError as error:
        raise StoreError(f"ClickHouse at {warehouse.host}:{warehouse.port}: {reason(error)}") from None
    finally:
        connection.close()


def insert(connection: Client, table: str, rows: pa.Table, token: str) -> None:
    """Insert rows once: the same `token` again is answered and dropped by the server, in the table and its views.

    Where the server failed between table and views, the same rows under the same token complete the views.
    """
    about = {"insert_deduplication_token": token, "log_comment": log_comment(f"insert {table}")}
    connection.insert_arrow(table, rows, settings=ONCE | about)
    count_rows(table, rows.num_rows)


def count_rows(table: str, rows: int) -> None:
    """Count rows that were sent to a table, also by another process."""
    CLICKHOUSE_ROWS.labels(bounded(table, (*SOURCES, *FIGURES))).inc(rows)


def record_progress(
    connection: Client, table: str, topic_id: str, query_id: str, held: Mapping[int, tuple[int, int]]
) -> None:
    """Note that a table holds what these offsets of a topic's partitions have for it: [first, end) of each."""
    rows = [(table, topic_id, partition, query_id, first, end) for partition, (first, end) in held.items()]
    if rows:
        connection.insert_arrow("stream_progress", pa.table(list(map(pa.array, zip(*rows, strict=True))), PROGRESS))


@contextmanager
def client_of_server(warehouse: Warehouse) -> Iterator[Client]:
    """Open a client outside the project's database, which may not exist yet."""
    connection = warehouse.connect(database="default")
    try:
        yield connection
    finally:
        connection.close()


def reason(error: BaseException) -> str:
    """Say in one line what the network said, without what the driver adds; what the server said stays as it is."""
    while error.__cause__:
        error = error.__cause__
    network = isinstance(error, OSError) and error.strerror
    return network or str(error).strip().splitlines()[0][:300]
