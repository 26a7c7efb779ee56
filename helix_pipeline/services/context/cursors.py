"""Where a page of messages ends: a place in the order of a conversation, the same whatever source it is read from."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from helix_pipeline.errors import UsageError


@dataclass(frozen=True, slots=True)
class Place:
    """The message that was given last: what `ordered` sorts by."""

    sequence: int
    timestamp: datetime
    event_id: str


def place_of_last(messages: pa.Table) -> Place:
    """Return the place of the last message of a table that has some."""
    last = messages.slice(len(messages) - 1).select(["sequence", "timestamp", "event_id"]).to_pylist()[0]
    return Place(**last)


def after(messages: pa.Table, place: Place) -> pa.Table:
    """Return the messages that come after a place."""
    same, later = pc.equal(messages["sequence"], place.sequence), pc.greater(messages["sequence"], place.sequence)
    same_time, later_time = (compare(messages["timestamp"], place.timestamp) for compare in (pc.equal, pc.greater))
    later_id = pc.and_(same_time, pc.greater(messages["event_id"], place.event_id))
    return messages.filter(pc.or_(later, pc.and_(same, pc.or_(later_time, later_id))))


def cursor_of(place: Place) -> str:
    """Return a place as a text that may stand in a URL."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """Return the place that a cursor names. Raises UsageError where the text is none that `cursor_of` made."""
    try:
        place = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=Place)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise UsageError(f"cursor {cursor[:60]!r}: not one that a page gave as its next_cursor") from None
    if place.timestamp.utcoffset() is None or not 0 <= place.sequence < 2**63:
        raise UsageError(f"cursor {cursor[:60]!r}: not one that a page gave as its next_cursor")
    return Place(place.sequence, place.timestamp.astimezone(UTC), place.event_id)
