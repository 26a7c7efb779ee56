"""The course of a verification: load each store into the workspace, compare, report."""

import time
from dataclasses import replace
from typing import Protocol

import pyarrow as pa

from helix_pipeline.domain.features import components_of
from helix_pipeline.services.verify import facts, held, quarantined, rows
from helix_pipeline.services.verify.log import read_log
from helix_pipeline.services.verify.report import MAX_EXAMPLES, Example, StoreCheck, VerifyReport
from helix_pipeline.services.verify.rows import Entity
from helix_pipeline.services.verify.workspace import Advance, Parameters, Workspace, workspace
from helix_pipeline.settings import Settings
from helix_pipeline.stores.bus import Ranges, record_ranges
from helix_pipeline.stores.extractors.extraction import load_extraction
from helix_pipeline.stores.graph import driver, open_graph
from helix_pipeline.stores.lake import open_lake
from helix_pipeline.stores.warehouse import client, open_warehouse

COUNTS = ("expected", "found", "missing", "duplicate", "extra")
SUMS = ", ".join(f"coalesce(sum({name}), 0)::BIGINT AS {name}" for name in COUNTS)

TOTALS = "SELECT {sums} FROM ({comparison})"
DISAGREEING = """
SELECT entity, {sums} FROM (FROM ({comparison}) WHERE missing + duplicate + extra > 0)
GROUP BY entity ORDER BY entity LIMIT {limit}
"""


class Progress(Protocol):
    """Shows how far the verification is."""

    def __call__(self, step: str, total: int | None = None) -> Advance:
        """Begin a step of `total` rows, where that is known; the result takes the rows just done."""
        ...


def verify(settings: Settings, progress: Progress) -> VerifyReport:
    """Compare the stores with each other. Raises StoreError where one of them does not answer.

    What no stream fills, as its component is off, is left out.
    Records that arrive meanwhile are left out; the graph's counters can only be compared when none do.
    """
    started = time.monotonic()
    with workspace() as space:
        run = _Verification(settings, space, progress)
        run.load_quarantine()
        for entity in rows.entities():
            run.check_events(entity if _is_filled(settings, entity) else replace(entity, warehouse=None))
        if settings.features.is_on("knowledge_graph"):
            run.check_graph()
        return run.report(time.monotonic() - started)


def _is_filled(settings: Settings, entity: Entity) -> bool:
    return settings.features.any_on(components_of(f"warehouse.{entity.warehouse}"))


class _Verification:
    """One verification in the making: its workspace, and what it found so far."""

    def __init__(self, settings: Settings, space: Workspace, progress: Progress) -> None:
        self._settings = settings
        self._space = space
        self._progress = progress
        self._lake = open_lake(settings)
        self._facts = facts.ExpectedFacts(space, load_extraction(settings.graph))
        self._checks: list[StoreCheck] = []
        self._problems: dict[tuple[str, str], list[str]] = {}
        self._waiting = self._arrived = 0

    def load_quarantine(self) -> None:
        """Load the places of the records that were put aside."""
        self._space.run(quarantined.CREATE)
        batches = quarantined.quarantined_rows(self._lake)
        self._space.load_all(batches, quarantined.INSERT, self._progress("read the quarantine"))

    def check_events(self, entity: Entity) -> None:
        """Compare the events of one topic in Kafka, lake, warehouse and quarantine."""
        rows.create_tables(self._space)
        ends = record_ranges(self._settings, entity.topic.name)
        self._load_log(entity, ends)
        self._load_stores(entity)
        later = record_ranges(self._settings, entity.topic.name)
        self._arrived += rows.record_ends(self._space, ends, later)
        self._load_history(entity, ends)
        self._space.run(rows.REFERENCE)
        self._waiting += int(self._space.run(quarantined.WAITING)[0][0])
        self._compare_events(entity)

    def check_graph(self) -> None:
        """Compare the graph's counters with those recomputed from the events."""
        self._facts.finish()
        graph = open_graph(self._settings)
        advance = self._progress("read the graph")
        with driver(graph) as connection:
            self._space.load_all(held.graph_rows(connection, graph), facts.FIND, advance)
        for kind, subject in held.SUBJECTS.items():
            self._compare("graph", subject, held.EXAMPLES.get(kind, "conversation"), *facts.comparison(kind))

    def report(self, seconds: float) -> VerifyReport:
        """Return what was found."""
        shown = list(self._problems.items())[:MAX_EXAMPLES]
        examples = tuple(Example(kind, name, tuple(problems)) for (kind, name), problems in shown)
        return VerifyReport(tuple(self._checks), examples, self._waiting, self._arrived, seconds)

    def _load_log(self, entity: Entity, ends: Ranges) -> None:
        total = sum(high - low for low, high in ends.values())
        advance = self._progress(f"read {entity.topic.name}", total)
        for batch in read_log(self._settings, entity.topic, ends):
            carried = quarantined.load_log(self._space, entity, batch)
            self._count(entity, carried)
            advance(batch.records)

    def _count(self, entity: Entity, events: pa.Table) -> None:
        columns = facts.columns(entity.topic)
        if columns is not None:
            self._facts.add(entity.topic, events.select(list(columns)))

    def _load_stores(self, entity: Entity) -> None:
        total = int(self._space.run("SELECT count(*) FROM kafka")[0][0])
        advance = self._progress(f"read the lake's {entity.lake.name}", total)
        self._space.load_all(rows.lake_rows(self._lake, entity), rows.insert_sql("lake", entity), advance)
        if entity.warehouse is None:
            return
        advance = self._progress(f"read ClickHouse's {entity.warehouse}", total)
        with client(open_warehouse(self._settings)) as connection:
            pages = rows.warehouse_rows(connection, entity)
            self._space.load_all(pages, rows.insert_sql("clickhouse", entity), advance)

    def _load_history(self, entity: Entity, ends: Ranges) -> None:
        """Count for the graph the events that only the lake still has."""
        columns = facts.columns(entity.topic)
        if columns is None or not any(low for low, _ in ends.values()):
            return
        advance = self._progress(f"read the lake's older {entity.lake.name}")
        for batch in rows.lake_history(self._lake, entity, list(columns), ends):
            self._facts.add(entity.topic, batch)
            advance(batch.num_rows)

    def _compare_events(self, entity: Entity) -> None:
        kind, topic = entity.kind, entity.topic.name
        self._checks.append(rows.kafka_check(self._space, entity))
        self._compare("lake", f"{kind} events", kind, rows.lake_sql(), {})
        if entity.warehouse is not None:
            hot_copy = rows.warehouse_sql(entity.warehouse, self._settings.retention.clickhouse_days)
            self._compare("clickhouse", f"{kind} events", kind, *hot_copy)
        self._compare("quarantine", f"{kind} records", topic, quarantined.COMPARED, {"topic": topic})

    def _compare(self, store: str, subject: str, kind: str, comparison: str, values: Parameters) -> None:
        """Run a comparison, which yields a row of `COUNTS` for each `entity`; keep totals and examples."""
        totals = TOTALS.format(sums=SUMS, comparison=comparison)
        check = StoreCheck(store, subject, *self._space.run(totals, values)[0])
        self._checks.append(check)
        if check.ok:
            return
        disagreeing = DISAGREEING.format(sums=SUMS, comparison=comparison, limit=MAX_EXAMPLES)
        for name, expected, found, *wrong in self._space.run(disagreeing, values):
            parts = [f"{n} {what}" for n, what in zip(wrong, COUNTS[2:], strict=True) if n]
            problem = f"{store}, {subject}: {', '.join(parts)} (of those {expected} expected, {found} found)"
            self._problems.setdefault((kind, name), []).append(problem)
