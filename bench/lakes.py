"""Lakes for benchmarks and tests, made from files without a server: as `helix ingest` and the stream would write them.

Each event goes through the bytes of its Kafka record, so that such a lake holds nothing that a real one would lose.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from helix_pipeline.contracts.events import Event
from helix_pipeline.contracts.rows import TIMESTAMP
from helix_pipeline.contracts.tables import EVENT_TABLES, LakeTable
from helix_pipeline.contracts.wire import decoder
from helix_pipeline.formats import Rejected, Skipped, find_files, open_source, read
from helix_pipeline.formats.wire import encode
from helix_pipeline.settings_sections import KafkaSettings
from helix_pipeline.stores.lake import DataFile, Lake, commit, create_tables, open_table, write_files

EVENTS_PER_WRITE = 100_000


def build(folder: Path, paths: Sequence[Path], tables: Sequence[LakeTable] = EVENT_TABLES) -> str:
    """Write the events of files into lake tables under a folder, each event once, and return the lake's root.

    `paths` are files or folders of any format that `helix ingest` reads; all tables of `tables` are made, and events
    of others left out. Partition 0, offsets from 0 and the time of the event stand in for Kafka's. The records are
    held in memory. Raises ValueError for a record that ingest or the stream would reject.
    """
    lake = Lake(str(folder))
    create_tables(lake, tables)
    values: dict[str, dict[str, bytes]] = defaultdict(dict)
    for record in (encode(event, KafkaSettings().max_message_bytes) for event in events(paths)):
        values[record.topic].setdefault(record.event_id, record.value)
    for table in tables:
        if table.topic and (found := list(values[table.topic.name].values())):
            commit(open_table(lake, table.name), list(_written(lake, table, found)), "bench-lakes", 0)
    return lake.root


def events(paths: Sequence[Path]) -> Iterator[Event]:
    """Yield the events of files and folders, in order of the files. Raises ValueError for a record that holds none."""
    for path, _ in find_files(paths):
        with open_source(path) as source:
            for outcome in read(source):
                if isinstance(outcome, Rejected):
                    raise ValueError(f"{path}: {outcome.place}: {outcome.reason}: {outcome.detail}")
                if not isinstance(outcome, Skipped):
                    yield outcome


def _written(lake: Lake, table: LakeTable, values: list[bytes]) -> Iterator[DataFile]:
    for start in range(0, len(values), EVENTS_PER_WRITE):
        yield from write_files(lake, table, _rows(table, values[start : start + EVENTS_PER_WRITE], start))


def _rows(table: LakeTable, values: list[bytes], offset: int) -> pa.Table:
    assert table.topic is not None
    offsets = pa.array(np.arange(offset, offset + len(values)))
    unknown = pa.nulls(len(values), TIMESTAMP).fill_null(0)
    decoded = decoder(table.topic).decode(values, pa.array(np.zeros(len(values), np.int32)), offsets, unknown)
    if decoded.rejected:
        raise ValueError(f"{table.name}: the stream would reject: {decoded.rejected[0].reason}")
    rows = pa.Table.from_batches([decoded.rows])
    place = rows.schema.get_field_index("ingested_at")
    return rows.set_column(place, rows.schema.field(place), rows["timestamp"])
