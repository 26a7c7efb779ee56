"""Upkeep of the graph: refresh what is derived, move to the lake what nobody named for long, bring it back, snapshots.

Each call raises StoreError where Neo4j or the lake is away; whatever was done until then is whole, and a second call
goes on.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from helix_pipeline.errors import UsageError
from helix_pipeline.services.knowledge.refresh import Refreshed, refresh_graph
from helix_pipeline.settings import Settings
from helix_pipeline.stores import graph_archive, graph_snapshot
from helix_pipeline.stores.graph import driver, ensure_schema, open_graph
from helix_pipeline.stores.graph_archive import Moved
from helix_pipeline.stores.graph_snapshot import Tell
from helix_pipeline.stores.lake import Lake


def _quiet(part: str, done: int, of: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Upkeep:
    """Upkeep of the graph that the settings name, with a lake; `tell` hears how far each part is."""

    settings: Settings
    lake: Lake
    tell: Tell = _quiet

    def refresh(self) -> Refreshed:
        """Set what is derived from the lake's tables and the graph's own counters."""
        ensure_schema(self.settings)
        return refresh_graph(self.settings, self.lake, self.tell)

    def snapshot(self) -> dict[str, Any]:
        """Write a snapshot, which the API answers from while Neo4j is away; return its manifest."""
        graph = open_graph(self.settings)
        with driver(graph) as connection:
            return graph_snapshot.write_snapshot(connection, graph, self.lake, self.tell)

    def archive(self, days: int | None = None) -> Moved:
        """Move the entities to the lake that nobody named for so many days (by the settings); for 0 days, none.

        Days count back from the latest message, so that a graph of old conversations stays. Raises UsageError for a
        negative number.
        """
        days = self.settings.retention.graph_days if days is None else days
        if days < 0:
            raise UsageError(f"archive after {days} days: give 0, which keeps all, or more")
        if not days:
            return Moved()
        ensure_schema(self.settings)
        graph, now = open_graph(self.settings), datetime.now(UTC)
        with driver(graph) as connection:
            cutoff = min(graph_archive.last_named(connection, graph) or now, now) - timedelta(days=days)
            return graph_archive.archive(connection, graph, self.lake, cutoff, tell=self._moved("archive"))

    def restore(self, entities: Collection[str] = ()) -> Moved:
        """Bring entities back from the archives: those of these ids, or all; what was seen since adds up."""
        ensure_schema(self.settings)
        graph = open_graph(self.settings)
        with driver(graph) as connection:
            return graph_archive.restore(connection, graph, self.lake, entities, self._moved("restore"))

    def _moved(self, part: str) -> graph_archive.Tell:
        return lambda done: self.tell(part, done, 0)
