"""Makes the graph anew from all events: empties it, counts what only the lake has, and leaves the rest to the streams.

Needed where a graph was made by another version or another extractor. The streams count what Kafka retains when they
next run, since their checkpoints go together with what they wrote.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.domain.graph import knowledge, messages
from helix_pipeline.domain.graph.deltas import add_up
from helix_pipeline.services.streaming import claimed
from helix_pipeline.services.verify.facts import columns
from helix_pipeline.services.verify.rows import Entity, entities, lake_history
from helix_pipeline.services.verify.workspace import Advance
from helix_pipeline.settings import Settings
from helix_pipeline.spark.queries import select
from helix_pipeline.stores.bus import record_ranges
from helix_pipeline.stores.extractors.extraction import load_extraction
from helix_pipeline.stores.graph import driver, empty, ensure_schema, open_graph
from helix_pipeline.stores.graph_writer import apply
from helix_pipeline.stores.lake import open_lake

QUERY = "history"
"""What the ledger calls the batches that come from the lake."""

FLUSH_DELTAS = 200_000


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many events were counted, and the checkpoints that are left to be removed by hand: those on no local disk."""

    events: int
    checkpoints: tuple[str, ...]


def rebuild(settings: Settings, advance: Advance) -> Rebuilt:
    """Empty the graph, forget the checkpoints of its queries, and count the events that only the lake has.

    Raises StreamError while a query of the graph runs in this installation, and StoreError where a store does not
    answer. A rebuild that ended half-way can be begun again.
    """
    queries = select(["graph"])
    folders = [f"{settings.checkpoint_root}/{query.name}" for query in queries]
    with claimed(settings, queries):
        empty(settings)
        left = tuple(folder for folder in folders if not _removed(folder))
        ensure_schema(settings)
        return Rebuilt(_count(settings, advance), left)


def _removed(folder: str) -> bool:
    """Remove a folder if it is on a local disk; say whether it is gone."""
    plain = folder.removeprefix("file://").removeprefix("file:")
    if "://" in plain:
        return False
    shutil.rmtree(plain, ignore_errors=True)
    return not Path(plain).exists()


def _count(settings: Settings, advance: Advance) -> int:
    graph, total = open_graph(settings), 0
    with driver(graph) as connection:
        for number, (rows, deltas) in enumerate(_batches(settings)):
            apply(connection, graph, QUERY, number, deltas)
            advance(rows)
            total += rows
    return total


def _batches(settings: Settings) -> Iterator[tuple[int, pa.Table]]:
    """Yield how many events a batch has, and what they add."""
    gathered: list[pa.Table] = []
    rows = 0
    for entity in entities():
        for found, deltas in _of_lake(settings, entity):
            gathered.append(deltas)
            rows += found
            if sum(part.num_rows for part in gathered) >= FLUSH_DELTAS:
                yield rows, add_up(gathered)
                gathered, rows = [], 0
    yield rows, add_up(gathered)


def _of_lake(settings: Settings, entity: Entity) -> Iterator[tuple[int, pa.Table]]:
    wanted, ends = columns(entity.topic), record_ranges(settings, entity.topic.name)
    if wanted is None or not any(low for low, _ in ends.values()):
        return
    extraction = load_extraction(settings.graph)
    for table in lake_history(open_lake(settings), entity, list(wanted), ends):
        for batch in table.to_batches():
            said = entity.topic is CONVERSATIONS
            yield batch.num_rows, messages.said(batch, extraction) if said else knowledge.deltas(batch)
