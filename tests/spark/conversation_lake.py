"""Lakes of conversations for tests: rows as the stream writes them, and what a job made of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from helix_pipeline.contracts.job_tables import JOB_TABLES
from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_TABLES, LakeTable
from helix_pipeline.settings_sections import GraphSettings
from helix_pipeline.stores.extractors.extraction import load_extraction
from helix_pipeline.stores.lake import Lake, commit, create_tables, open_table, write_files

ENTITIES = JOB_TABLES["entities"]
START = datetime(2026, 1, 30, 12, tzinfo=UTC)

Row = dict[str, Any]


def new_lake(folder: Path) -> Lake:
    """Make an empty lake."""
    lake = Lake(str(folder))
    create_tables(lake, LAKE_TABLES)
    return lake


def message(conversation: str, sequence: int, content: str | None, day: int = 0) -> Row:
    """Return the row of a message, a minute after the one before it; its id is unique in its conversation alone."""
    return {
        "schema_version": 1,
        "event_id": f"{conversation}-{sequence}",
        "timestamp": START + timedelta(days=day, minutes=sequence),
        "metadata": "{}",
        "event_type": "message.added",
        "conversation_id": conversation,
        "message_id": f"m{sequence}",
        "sequence": sequence,
        "role": "user",
        "user_id": "u1",
        "content": content,
    }


def write_entities(root: Path, messages: list[Row]) -> str:
    """Write the `entities` of these messages as EntityExtraction does; return the lake's root."""
    extraction = load_extraction(GraphSettings(extractor="gazetteer"))
    found = extraction.mentions([row["content"] for row in messages]).to_pylist()
    renamed = [{**one, "entity_type": one["type"], "entity_subtype": one["subtype"]} for one in found]
    rows = [{**messages[mention["row"]], **mention} for mention in renamed]
    dates = [{name: getattr(row["timestamp"], name) for name in ("year", "month", "day")} for row in rows]
    dated = [{**row, **at, "extractor": "test"} for row, at in zip(rows, dates, strict=True)]
    table = pa.Table.from_pylist(dated, schema=ENTITIES.schema)
    write_deltalake(f"{root}/entities", table, partition_by=list(ENTITIES.partitions))
    return str(root)


def fill(lake: Lake, rows: list[Row], query: str = "test", table: LakeTable = LAKE_CONVERSATIONS) -> None:
    """Add rows to the lake as the first batch of a query; their Kafka offsets go by their order."""
    placed = [
        {**row, "kafka_partition": 0, "kafka_offset": offset, "ingested_at": row["timestamp"]}
        for offset, row in enumerate(rows)
    ]
    found = pa.Table.from_pylist(placed, schema=table.schema)
    commit(open_table(lake, table.name), write_files(lake, table, found), query, 0)


def written(root: Path | str, table: str) -> list[Row]:
    """Return the rows of a table that a job wrote."""
    return DeltaTable(f"{root}/{table}").to_pyarrow_table().to_pylist()  # type: ignore[no-any-return]
