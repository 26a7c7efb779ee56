"""The lake on S3: tables, commits and a stream, on an S3 server of the test's own that speaks HTTP."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.client import BaseClient
from object_storage import BUCKET, READY_S, with_lake

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_TABLES
from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.services.archive import archive_conversation, archive_day
from helix_pipeline.services.streaming import run
from helix_pipeline.settings import Settings
from helix_pipeline.stores import bus
from helix_pipeline.stores.lake import (
    Lake,
    commit,
    count_rows,
    create_tables,
    open_lake,
    open_table,
    table_names,
    write_files,
)

pytestmark = pytest.mark.servers

WRITERS, BATCHES = 4, 3
AT = datetime(2026, 6, 1, 23, 50, tzinfo=UTC)


@pytest.fixture
def lake(on_s3: Settings) -> Lake:
    made = open_lake(on_s3)
    create_tables(made, LAKE_TABLES)
    return made


def rows(ids: list[str]) -> pa.Table:
    """Messages of these conversations, over two days."""
    numbers = count()
    columns = {"schema_version": 1, "metadata": "{}", "event_type": "message.added", "role": "user", "content": "hello"}
    return pa.Table.from_pylist(
        [
            columns
            | {
                "event_id": f"e{number}",
                "timestamp": AT + timedelta(minutes=5 * number),
                "conversation_id": conversation,
                "message_id": f"m{number}",
                "sequence": number,
                "kafka_partition": 0,
                "kafka_offset": number,
                "ingested_at": AT,
            }
            for number, conversation in zip(numbers, ids, strict=False)
        ],
        schema=LAKE_CONVERSATIONS.schema,
    )


def objects(s3: tuple[str, BaseClient], lake: Lake, folder: str) -> list[str]:
    """Names of the objects under a folder of the table of conversations."""
    prefix = f"{lake.uri(LAKE_CONVERSATIONS.name).removeprefix(f's3://{BUCKET}/')}/{folder}"
    found = s3[1].list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return sorted(item["Key"].removeprefix(prefix) for item in found if item["Size"])


def test_a_batch_is_committed_once_and_reads_back_as_it_was(s3, lake):
    wanted = rows(["a", "b", "c"])
    files = write_files(lake, LAKE_CONVERSATIONS, wanted)
    target = open_table(lake, LAKE_CONVERSATIONS.name)
    assert count_rows(target) == 0
    assert commit(target, files, "query", 0)
    again = write_files(lake, LAKE_CONVERSATIONS, wanted)
    assert not commit(target, again, "query", 0)
    assert not commit(open_table(lake, LAKE_CONVERSATIONS.name), again, "query", 0)
    found = open_table(lake, LAKE_CONVERSATIONS.name)
    assert (count_rows(found), found.version()) == (3, 1)
    read = found.to_pyarrow_table(columns=wanted.column_names).sort_by("kafka_offset")
    assert read.to_pylist() == wanted.to_pylist()
    assert {path.split("/part-")[0] for path in objects(s3, lake, "year=2026/")} == {
        "month=06/day=01",
        "month=06/day=02",
    }


def test_writers_that_commit_at_once_lose_nothing(s3, lake):
    names = [f"writer-{number}" for number in range(WRITERS)]
    together = Barrier(WRITERS, timeout=READY_S)

    def write(name: str) -> list[bool]:
        target = open_table(lake, LAKE_CONVERSATIONS.name)
        batches = [write_files(lake, LAKE_CONVERSATIONS, rows([name])) for _ in range(BATCHES)]
        together.wait()
        return [commit(target, files, name, version) for version, files in enumerate(batches)]

    with ThreadPoolExecutor(WRITERS) as pool:
        assert list(pool.map(write, names, timeout=60)) == [[True] * BATCHES] * WRITERS
    found = open_table(lake, LAKE_CONVERSATIONS.name).to_pyarrow_table(columns=["conversation_id"])
    assert sorted(found["conversation_id"].to_pylist()) == sorted(names * BATCHES)
    log = [name for name in objects(s3, lake, "_delta_log/") if name.endswith(".json")]
    assert log == [f"{version:020}.json" for version in range(1 + WRITERS * BATCHES)]


def test_tables_are_created_once_and_left_as_they_are(lake):
    commit(open_table(lake, LAKE_CONVERSATIONS.name), write_files(lake, LAKE_CONVERSATIONS, rows(["a"])), "query", 0)
    create_tables(lake, LAKE_TABLES)
    assert count_rows(open_table(lake, LAKE_CONVERSATIONS.name)) == 1


def test_tables_are_found_by_name(on_s3, lake):
    assert table_names(lake) == sorted(table.name for table in LAKE_TABLES)
    assert table_names(Lake(f"{lake.root}/nowhere", lake.storage_options)) == []


def test_conversations_are_archived_beside_the_tables(s3, on_s3, lake):
    commit(open_table(lake, "conversations"), write_files(lake, LAKE_CONVERSATIONS, rows(["a", "b", "a"])), "query", 0)
    one = archive_conversation(on_s3, "a")
    assert (one.path, one.rows) == (
        f"{lake.root}/archive/conversations/year=2026/month=06/day=01/conversation_a.parquet",
        2,
    )
    body = s3[1].get_object(Bucket=BUCKET, Key=one.path.removeprefix(f"s3a://{BUCKET}/"))["Body"].read()
    assert pq.read_table(pa.BufferReader(body))["event_id"].to_pylist() == ["e0", "e2"]
    assert sorted(found.rows for found in archive_day(on_s3, AT.date())) == [1, 2]
    assert "archive" not in table_names(lake)


@pytest.mark.spark
def test_a_stream_fills_the_lake_on_s3_once(s3, settings, spark, tmp_path):
    own = with_lake(settings, s3[0]).model_copy(update={"home": tmp_path})
    prefix = uuid4().hex
    sent = publish(own, prefix, 40)
    for _ in range(2):
        run(spark, own, ["lake.conversations"], until_caught_up=True)
    table = open_table(open_lake(own), LAKE_CONVERSATIONS.name).to_pyarrow_table(columns=["event_id"])
    assert sorted(found for found in table["event_id"].to_pylist() if found.startswith(prefix)) == sent
    assert not (tmp_path / "lake").exists()


def publish(settings: Settings, prefix: str, number: int) -> list[str]:
    """Publish messages of four conversations over two days; returns their event ids, sorted."""
    with bus.EventProducer(settings) as producer:
        for n in range(number):
            event = MessageAdded(
                event_id=f"{prefix}-{n:02}",
                timestamp=AT + timedelta(minutes=n),
                conversation_id=f"{prefix}-c{n % 4}",
                message_id=f"{prefix}-m{n}",
                sequence=n,
                role="user",
                content="Docker and Kafka",
            )
            producer.publish(CONVERSATIONS.name, event.key, event.model_dump_json(exclude_none=True).encode())
        producer.flush(30)
    return [f"{prefix}-{n:02}" for n in range(number)]
