"""An event as a Kafka record: topic, key and JSON value; or why it cannot be one."""

from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic_core import PydanticSerializationError

from helix_pipeline.contracts.events import Event
from helix_pipeline.contracts.topics import TOPICS

_TOPIC_OF = {model: topic.name for topic in TOPICS for model in topic.events}
_OVERHEAD_BYTES = 512


class UnpublishableError(ValueError):
    """An event that stores would not take. `reason` is what it is counted under."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Encoded:
    """A record ready to publish."""

    topic: str
    key: bytes
    value: bytes
    event_id: str


def encode(event: Event, max_bytes: int) -> Encoded:
    """Return the record of an event, absent fields left out.

    Raises UnpublishableError where a text holds a null byte (PostgreSQL, Arrow strings and C clients cut
    there), where metadata is no JSON, or where the record exceeds `max_bytes`.
    """
    try:
        value: bytes = event.__pydantic_serializer__.to_json(event, exclude_none=True)
    except (PydanticSerializationError, ValueError) as error:
        raise UnpublishableError("bad value", f"not serializable: {error!s:.120}") from None
    key = event.key.encode()
    if b"\\u0000" in value and _holds_null(msgspec.json.decode(value)):
        raise UnpublishableError("null byte", "a text holds a null byte (\\u0000); remove it")
    if len(value) + len(key) + _OVERHEAD_BYTES > max_bytes:
        raise UnpublishableError("too large", f"{len(value)} bytes; kafka.max_message_bytes is {max_bytes}")
    return Encoded(_TOPIC_OF[type(event)], key, value, event.event_id)


def _holds_null(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_null(key) or _holds_null(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_holds_null, value))
