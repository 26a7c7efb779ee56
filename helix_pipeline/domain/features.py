"""Which component a streaming query serves: what decides whether it runs, and who suffers when it is down."""

from collections.abc import Mapping

_OF_SINK: Mapping[str, tuple[str, ...]] = {"warehouse": ("analytics",), "graph": ("knowledge_graph",)}
_OF_QUERY: Mapping[str, tuple[str, ...]] = {"warehouse.conversation_messages": ("infinite_context", "analytics")}
"""The hot copy is read by both: by replays of conversations, and by queries over the warehouse."""


def components_of(query: str) -> tuple[str, ...]:
    """Return the components that a query (`sink.table`) serves; none for the lake, which serves all of them."""
    return _OF_QUERY.get(query) or _OF_SINK.get(query.partition(".")[0], ())
