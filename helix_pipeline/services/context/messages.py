"""New messages of a conversation: checked all together, accepted once each, stored before the caller hears of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.errors import UsageError
from helix_pipeline.formats.messages import message
from helix_pipeline.formats.outcomes import Rejected
from helix_pipeline.formats.wire import UnpublishableError, encode
from helix_pipeline.services.context.current import current
from helix_pipeline.services.context.numbering import numbered
from helix_pipeline.services.context.requests import check_id
from helix_pipeline.services.context.stores import ContextStores
from helix_pipeline.services.kept import KeptEvent
from helix_pipeline.services.outbox import Publish, Stored
from helix_pipeline.settings import Settings

MAX_MESSAGES = 10_000
FIELDS = frozenset({"message_id", "sequence", "role", "content", "name", "user_id", "session", "timestamp", "tokens"})
"""What a message may say of itself, besides `metadata`."""


class _Said(msgspec.Struct):
    message_id: str
    sequence: int


_decoder = msgspec.json.Decoder(_Said)


@dataclass(frozen=True, slots=True)
class AddedMessage:
    """A message as it was published, or would have been had it not been there already.

    In the journal it has no `sequence` yet where it came without one.
    """

    message_id: str
    sequence: int | None


@dataclass(frozen=True)
class Added:
    """What became of the messages: `duplicates` are those whose id the conversation had; they change nothing.

    `stored` is where they are. What the journal has is in Kafka later, duplicates of what Kafka has are found then.
    """

    conversation_id: str
    accepted: int
    duplicates: int
    messages: tuple[AddedMessage, ...]
    stored: Stored = "kafka"


def add_messages(stores: ContextStores, conversation_id: str, messages: Sequence[Mapping[str, Any]]) -> Added:
    """Add messages to a conversation, which may be new, and return when Kafka or the journal has them for good.

    A message has `role` and `content`, and may have the other `FIELDS` and `metadata`. One whose `message_id` was
    added before, by whatever way, is left out. Without `timestamp` it is said now.
    Raises UsageError, which names the place, where one is not a message: then none is added. Raises StoreError where
    Kafka or PostgreSQL fails, and there is no journal or no room in it: then the same messages with ids can be added
    again.
    """
    check_id("conversation_id", conversation_id)
    if not 1 <= len(messages) <= MAX_MESSAGES:
        raise UsageError(f"{len(messages)} messages: give 1 to {MAX_MESSAGES} at a time")
    events = [_event(conversation_id, one, f"messages[{place}]", stores.settings) for place, one in enumerate(messages)]
    return stores.outbox.send(
        lambda publish: _published(stores, conversation_id, events, publish),
        lambda: _kept(stores, conversation_id, events),
        len(messages),
    )


def _published(stores: ContextStores, conversation_id: str, events: list[KeptEvent], publish: Publish) -> Added:
    with numbered(stores, events) as records:
        accepted = publish(records)
    known = _numbers(stores, conversation_id) if accepted < len(records) else {}
    said = [(record.event_id, _decoder.decode(record.value)) for record in records]
    added = tuple(AddedMessage(one.message_id, known.get(event_id, one.sequence)) for event_id, one in said)
    return Added(conversation_id, accepted, len(records) - accepted, added)


def _kept(stores: ContextStores, conversation_id: str, events: list[KeptEvent]) -> Added:
    accepted = stores.outbox.keep(events)
    said = [(event.numbered, _decoder.decode(event.record.value)) for event in events]
    added = tuple(AddedMessage(one.message_id, one.sequence if has_number else None) for has_number, one in said)
    return Added(conversation_id, accepted, len(events) - accepted, added, "journal")


def _numbers(stores: ContextStores, conversation_id: str) -> dict[str, int]:
    """Return the sequence number of each message of a conversation by its event id."""
    found = current(stores, conversation_id).table()
    return dict(zip(found["event_id"].to_pylist(), found["sequence"].to_pylist(), strict=True))


def _event(conversation_id: str, fields: Mapping[str, Any], place: str, settings: Settings) -> KeptEvent:
    """Return the event of a message; its id and time are the same wherever it goes. Raises UsageError."""
    metadata = fields.get("metadata") or {}
    if unknown := fields.keys() - FIELDS - {"metadata"}:
        raise UsageError(f"{place}: unknown field {', '.join(sorted(unknown))}; known are {', '.join(sorted(FIELDS))}")
    if not isinstance(metadata, dict):
        raise UsageError(f"{place}: `metadata` is not an object")
    said = {"message_id": uuid4().hex, "timestamp": datetime.now(UTC), "sequence": 0}
    said |= {name: value for name, value in fields.items() if value is not None}
    outcome = message(said, place, conversation_id, said["sequence"], metadata=metadata)
    if isinstance(outcome, Rejected):
        raise UsageError(f"{place}: {outcome.detail}")
    assert isinstance(outcome, MessageAdded)
    try:
        record = encode(outcome, settings.kafka.max_message_bytes)
    except UnpublishableError as error:
        raise UsageError(f"{place}: {error}") from None
    return KeptEvent(record, fields.get("sequence") is not None)
