"""Bringing the stores' schemas up to date: topics, the warehouse's migrations, the graph's constraints."""

from typing import Any

from helix_pipeline.domain.features import components_of
from helix_pipeline.errors import StoreError
from helix_pipeline.services.progress import read_progress
from helix_pipeline.settings import Settings
from helix_pipeline.stores import bus, graph
from helix_pipeline.stores.warehouse_migrations import apply, missing


def migrate(settings: Settings) -> dict[str, Any]:
    """Make what is missing in Kafka, ClickHouse and Neo4j; `topics` and `warehouse` say what was done.

    The stores of components that are off are left alone.
    Raises StoreError where a store does not answer, or a stream writes to a table whose view is to be filled.
    """
    features = settings.features
    filled = features.any_on(components_of("warehouse.conversation_messages"))
    done = {"topics": bus.ensure_topics(settings), "warehouse": migrate_warehouse(settings) if filled else []}
    if features.is_on("knowledge_graph"):
        graph.ensure_schema(settings)
    return done


def migrate_warehouse(settings: Settings) -> list[str]:
    """Apply the warehouse's migrations that are missing and return their names.

    A view is filled with what its table holds, so that no stream of this installation may write meanwhile.
    Raises StoreError where one does, or the warehouse does not answer.
    """
    todo = missing(settings)
    writing = [one["query"] for one in read_progress(settings) if _writes(one)]
    if writing and any(one.views for one in todo):
        raise StoreError(
            f"{', '.join(writing)} runs while {todo[0].name} is to fill views: stop the streams, try again"
        )
    apply(settings, todo)
    return [one.name for one in todo]


def _writes(state: dict[str, Any]) -> bool:
    return bool(state["state"] == "running" and state["query"].startswith("warehouse."))
