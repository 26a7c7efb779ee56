"""New messages of a conversation: checked all together, published once each, in Kafka before the caller hears of it.

A message without a sequence number comes after all that the conversation has. The number is found and published under
a lock of the conversation in PostgreSQL, so that no two processes give the same one.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg

from helix_pipeline.contracts.events import MessageAdded, stable_id
from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.errors import NotFoundError, UsageError
from helix_pipeline.formats.fields import label
from helix_pipeline.formats.messages import message
from helix_pipeline.formats.outcomes import Rejected
from helix_pipeline.formats.wire import Encoded, UnpublishableError, encode
from helix_pipeline.services.context.current import current
from helix_pipeline.services.context.requests import check_id
from helix_pipeline.services.context.stores import ContextStores
from helix_pipeline.settings import Settings
from helix_pipeline.stores import postgres
from helix_pipeline.stores.ledger import digest, entered

MAX_MESSAGES = 10_000
FIELDS = frozenset({"message_id", "sequence", "role", "content", "name", "user_id", "session", "timestamp", "tokens"})
"""What a message may say of itself, besides `metadata`."""

_LOCK = "SELECT pg_advisory_lock(hashtextextended(%s, 0))"


@dataclass(frozen=True, slots=True)
class AddedMessage:
    """A message as it was published, or would have been had it not been there already."""

    message_id: str
    sequence: int


@dataclass(frozen=True)
class Added:
    """What became of the messages: `duplicates` are those whose id the conversation had; they change nothing."""

    conversation_id: str
    accepted: int
    duplicates: int
    messages: tuple[AddedMessage, ...]


def add_messages(stores: ContextStores, conversation_id: str, messages: Sequence[Mapping[str, Any]]) -> Added:
    """Add messages to a conversation, which may be new, and return when Kafka has acknowledged them.

    A message has `role` and `content`, and may have the other `FIELDS` and `metadata`. One whose `message_id` was
    added before, by whatever way, is left out. Without `timestamp` it is said now.
    Raises UsageError, which names the place, where one is not a message: then none is added. Raises StoreError where
    Kafka or PostgreSQL fails: then the same messages with ids can be added again.
    """
    check_id("conversation_id", conversation_id)
    if not 1 <= len(messages) <= MAX_MESSAGES:
        raise UsageError(f"{len(messages)} messages: give 1 to {MAX_MESSAGES} at a time")
    if all(one.get("sequence") is not None for one in messages):
        return _published(stores, conversation_id, messages, 0)
    with _locked(stores.settings, conversation_id):
        return _published(stores, conversation_id, messages, _next_sequence(stores, conversation_id))


def _published(
    stores: ContextStores, conversation_id: str, messages: Sequence[Mapping[str, Any]], sequence: int
) -> Added:
    places = sorted(range(len(messages)), key=_entered(stores, conversation_id, messages).__getitem__)
    events: dict[int, MessageAdded] = {}
    for place in places:
        events[place] = _event(conversation_id, messages[place], f"messages[{place}]", sequence)
        sequence = max(sequence, events[place].sequence + 1)
    records = [_record(events[place], f"messages[{place}]", stores.settings) for place in places]
    accepted = stores.publisher.publish(records)
    numbers = _numbers(stores, conversation_id) if accepted < len(events) else {}
    said = (events[place] for place in range(len(messages)))
    added = tuple(AddedMessage(one.message_id, numbers.get(one.event_id, one.sequence)) for one in said)
    return Added(conversation_id, accepted, len(events) - accepted, added)


def _entered(stores: ContextStores, conversation_id: str, messages: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Tell of each message whether its id was added before: such a one must take no number that another could have."""
    topic_id = stores.log.state().topic_id
    names = [label(one.get("message_id")) for one in messages]
    ids = [digest(topic_id, stable_id("message.added", conversation_id, name)) if name else b"" for name in names]
    known = entered(stores.settings, [one for one in ids if one]) if any(ids) else set()
    return [one in known for one in ids]


def _numbers(stores: ContextStores, conversation_id: str) -> dict[str, int]:
    """Return the sequence number of each message of a conversation by its event id."""
    found = current(stores, conversation_id).table()
    return dict(zip(found["event_id"].to_pylist(), found["sequence"].to_pylist(), strict=True))


def _event(conversation_id: str, fields: Mapping[str, Any], place: str, sequence: int) -> MessageAdded:
    metadata = fields.get("metadata") or {}
    if unknown := fields.keys() - FIELDS - {"metadata"}:
        raise UsageError(f"{place}: unknown field {', '.join(sorted(unknown))}; known are {', '.join(sorted(FIELDS))}")
    if not isinstance(metadata, dict):
        raise UsageError(f"{place}: `metadata` is not an object")
    said = {"message_id": uuid4().hex, "timestamp": datetime.now(UTC), "sequence": sequence}
    said |= {name: value for name, value in fields.items() if value is not None}
    outcome = message(said, place, conversation_id, said["sequence"], metadata=metadata)
    if isinstance(outcome, Rejected):
        raise UsageError(f"{place}: {outcome.detail}")
    assert isinstance(outcome, MessageAdded)
    return outcome


def _record(event: MessageAdded, place: str, settings: Settings) -> Encoded:
    try:
        return encode(event, settings.kafka.max_message_bytes)
    except UnpublishableError as error:
        raise UsageError(f"{place}: {error}") from None


def _next_sequence(stores: ContextStores, conversation_id: str) -> int:
    try:
        return current(stores, conversation_id).last_sequence + 1
    except NotFoundError:
        return 0


@contextmanager
def _locked(settings: Settings, conversation_id: str) -> Iterator[None]:
    """Hold the lock of a conversation; it is free again at the latest when the connection is gone."""
    with postgres.connect(settings, "context") as connection:
        try:
            connection.execute(_LOCK, (f"{CONVERSATIONS.name}/{conversation_id}",))
        except psycopg.Error as error:
            raise postgres.failed("context", error) from error
        yield
