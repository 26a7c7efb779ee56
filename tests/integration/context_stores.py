"""Stores of a test's own for the context service, filled as the streams fill them, or only in part."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_TABLES
from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.services.context.stores import ContextStores
from helix_pipeline.services.verify.log import read_log
from helix_pipeline.settings import Settings
from helix_pipeline.stores import bus, lake, warehouse, warehouse_migrations
from helix_pipeline.stores.lake_reach import Filled

AT = datetime(2026, 6, 1, 9, tzinfo=UTC)


def message(conversation_id: str, sequence: int, text: str = "", **fields: Any) -> MessageAdded:
    """A message whose role, name, user, session and month change with its sequence number."""
    said = {
        "event_id": f"{conversation_id}/e{sequence}",
        "timestamp": AT + timedelta(days=11 * sequence, microseconds=sequence),
        "conversation_id": conversation_id,
        "message_id": f"{conversation_id}/{sequence}",
        "sequence": sequence,
        "role": ("user", "assistant")[sequence % 2],
        "name": ("Ana", None)[sequence % 2],
        "user_id": (f"{conversation_id}-ana", None)[sequence % 2],
        "session": (None, f"s{sequence // 4}")[sequence // 2 % 2],
        "content": text or f'Message {sequence}: naïve 漢字 🙂 "quoted"\n',
    }
    return MessageAdded(**(said | fields))


class Installation:
    """A lake, a database and the session's Kafka; `carried` is how far a pretended stream has come."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        parts = {
            "home": folder,
            "lake": settings.lake.model_copy(update={"root": str(folder / "lake")}),
            "clickhouse": settings.clickhouse.model_copy(update={"database": f"context_{uuid4().hex}"}),
        }
        self.settings = settings.model_copy(update=parts)
        self.lake = lake.open_lake(self.settings)
        self.house = warehouse.open_warehouse(self.settings)
        bus.ensure_topics(self.settings)
        warehouse_migrations.migrate(self.settings)
        lake.create_tables(self.lake, LAKE_TABLES)
        self.topic_id = bus.topic_ids(self.settings)[CONVERSATIONS.name]
        self.batch = 0
        self.carried = dict.fromkeys(self.ends(), 0)

    def ends(self) -> dict[int, int]:
        ranges = bus.record_ranges(self.settings, CONVERSATIONS.name)
        return {partition: end for partition, (_, end) in ranges.items()}

    def publish(self, *messages: MessageAdded) -> None:
        with bus.EventProducer(self.settings) as producer:
            for one in messages:
                producer.publish(CONVERSATIONS.name, one.key.encode(), one.model_dump_json(exclude_none=True).encode())
            producer.flush()

    def carry(self, to_lake: bool = True, to_house: bool = True) -> None:
        """Carry what was published since the last call into the stores, in one batch of each, with its progress."""
        extents = {p: (self.carried[p], end) for p, end in self.ends().items() if self.carried[p] < end}
        rows = self.rows(extents)
        if to_lake:
            self.to_lake(rows, extents)
        if to_house:
            self.to_house(rows)
            with warehouse.client(self.house) as client:
                warehouse.record_progress(client, "conversation_messages", self.topic_id, "query", extents)
        self.carried |= {partition: end for partition, (_, end) in extents.items()}

    def rows(self, extents: dict[int, tuple[int, int]]) -> pa.Table:
        """Read records, but for those that another test has made Kafka drop."""
        kept = bus.record_ranges(self.settings, CONVERSATIONS.name)
        ranges = {partition: (max(first, kept[partition][0]), end) for partition, (first, end) in extents.items()}
        parts = [batch.rows for batch in read_log(self.settings, CONVERSATIONS, ranges)]
        return pa.concat_tables(parts) if parts else LAKE_CONVERSATIONS.schema.empty_table()

    def to_lake(self, rows: pa.Table, extents: dict[int, tuple[int, int]]) -> None:
        self.batch += 1
        files = lake.write_files(self.lake, LAKE_CONVERSATIONS, rows)
        filled = Filled(self.topic_id, extents)
        assert lake.commit(lake.open_table(self.lake, "conversations"), files, "query", self.batch, filled)

    def to_house(self, rows: pa.Table) -> None:
        said = rows.filter(pc.equal(rows["event_type"], "message.added")).drop_columns(["messages"])
        with warehouse.client(self.house) as client:
            warehouse.insert(client, "conversation_messages", said, uuid4().hex)

    def without_house(self) -> Settings:
        """The settings with a ClickHouse that nobody can connect to."""
        return self.settings.model_copy(
            update={"clickhouse": self.settings.clickhouse.model_copy(update={"port": 1, "host": "127.0.0.1"})}
        )

    def without_stores(self, folder: Path) -> Settings:
        """The settings with neither ClickHouse nor a lake."""
        nowhere = self.settings.lake.model_copy(update={"root": str(folder / "nothing")})
        return self.without_house().model_copy(update={"lake": nowhere})


@contextmanager
def opened(settings: Settings) -> Iterator[ContextStores]:
    with ContextStores(settings) as stores:
        yield stores


def said(name: str, count: int) -> list[MessageAdded]:
    """The first messages of a conversation."""
    return [message(name, sequence) for sequence in range(count)]
