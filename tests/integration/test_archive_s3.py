"""The archive of a lake on S3: same names, same content, nothing unfinished left behind."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from object_storage import BUCKET, s3_server, with_lake

from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_TABLES
from helix_pipeline.errors import UsageError
from helix_pipeline.services.archive import archive_conversation, archive_day
from helix_pipeline.settings import Settings
from helix_pipeline.stores.lake import commit, create_tables, open_lake, open_table, write_files

pytestmark = pytest.mark.servers

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
IDS = ["a", "../../x", "b/c", "ü"]


def message(number: int, conversation: str) -> dict[str, object]:
    said = {"event_type": "message.added", "message_id": f"m{number}", "sequence": number, "role": "user"}
    source = {"kafka_partition": 0, "kafka_offset": number, "ingested_at": AT, "timestamp": AT}
    text = {"schema_version": 1, "event_id": f"e{number}", "metadata": "{}", "content": f"text {number}"}
    return {**said, **source, **text, "conversation_id": conversation}


def test_conversations_of_a_lake_on_s3_are_archived_beside_its_tables(tmp_path: Path) -> None:
    with s3_server(tmp_path) as (address, client):
        settings = with_lake(Settings(), address)
        lake = open_lake(settings)
        create_tables(lake, LAKE_TABLES)
        said = [message(number, IDS[number % len(IDS)]) for number in range(12)]
        rows = pa.Table.from_pylist(said, schema=LAKE_CONVERSATIONS.schema)
        commit(open_table(lake, "conversations"), write_files(lake, LAKE_CONVERSATIONS, rows), "test", 0)
        found = archive_day(settings, AT.date())
        one = archive_conversation(settings, "../../x")
        with pytest.raises(UsageError, match="no conversation 'nobody'"):
            archive_conversation(settings, "nobody")
        prefix = f"{lake.uri('archive').removeprefix(f's3://{BUCKET}/')}/"
        objects = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
        filesystem, folder = lake.filesystem("archive/conversations/year=2026/month=06/day=01")
        read = pq.ParquetFile(filesystem.open_input_file(f"{folder}/conversation_..%2F..%2Fx.parquet")).read()
    assert one in found and one.rows == 3
    assert one.path == f"{settings.lake_root}/archive/conversations/year=2026/month=06/day=01/" + Path(one.path).name
    assert {item["Key"].removeprefix(prefix): item["Size"] for item in objects if item["Size"]} == {
        file.path.removeprefix(f"{settings.lake_root}/archive/"): file.bytes for file in found
    }
    assert read.select(LAKE_CONVERSATIONS.schema.names).to_pylist() == [
        {name: row.get(name) for name in LAKE_CONVERSATIONS.schema.names}
        for row in said
        if row["conversation_id"] == "../../x"
    ]
