"""Reads events in the contract's own form, one JSON object each, as `helix sample` writes them."""

from collections.abc import Iterator
from typing import Any

from helix_pipeline.contracts.events import Event
from helix_pipeline.contracts.topics import DEADLETTER, TOPICS
from helix_pipeline.formats.outcomes import Outcome, Rejected, build, shown

_MODELS: dict[object, type[Event]] = {
    model.model_fields["event_type"].default: model
    for topic in TOPICS
    if topic is not DEADLETTER
    for model in topic.events
}


def events(record: dict[str, Any], place: str) -> Iterator[Outcome]:
    """Yield the event that the record is."""
    kind = record.get("event_type")
    model = _MODELS.get(kind) if isinstance(kind, str) else None
    if "event_type" not in record:
        yield Rejected(place, "missing field", "`event_type` is missing")
    elif model is None:
        yield Rejected(place, "unknown event type", f"{shown(kind)}; known: {', '.join(map(str, _MODELS))}")
    else:
        yield build(model, record, place)
