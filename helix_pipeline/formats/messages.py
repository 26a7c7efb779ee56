"""Reads conversations of one message per record.

Conversation_id, message_id, role, content, timestamp and more.
"""

from collections.abc import Callable, Iterator
from typing import Any

from helix_pipeline.contracts.events import MessageAdded, stable_id
from helix_pipeline.formats.fields import FieldError, label, text_and_rest, timing
from helix_pipeline.formats.outcomes import Outcome, Rejected, build, shown
from helix_pipeline.formats.sequences import Positions

_KNOWN = frozenset(MessageAdded.model_fields) - {"schema_version", "event_id", "event_type"}


def reader(default_id: str | None = None) -> Callable[[dict[str, Any], str], Iterator[Outcome]]:
    """Return a converter for the records of one file.

    It counts positions per conversation, contiguous or not. `default_id` is the conversation of messages that name
    none.
    """
    positions = Positions()

    def events(record: dict[str, Any], place: str) -> Iterator[Outcome]:
        yield _message(record, place, positions, default_id)

    return events


def _message(record: dict[str, Any], place: str, positions: Positions, default_id: str | None) -> Outcome:
    conversation_id = label(record.get("conversation_id", default_id))
    if not isinstance(conversation_id, str):
        return Rejected(place, "missing field", "`conversation_id` is missing or not a text")
    sequence = record.get("sequence")
    if sequence is None:
        sequence = positions.next(conversation_id)
    given = record.get("metadata") or {}
    if not isinstance(given, dict):
        return Rejected(place, "wrong type", f"`metadata` is not an object: {shown(given)}")
    unknown = {key: value for key, value in record.items() if key not in _KNOWN}
    return message(record, place, conversation_id, sequence, metadata={**given, **unknown})


def message(
    fields: dict[str, Any],
    place: str,
    conversation_id: str,
    sequence: Any,
    *,
    metadata: dict[str, Any],
    start: object = None,
) -> Outcome:
    """Return the event of a message given by role, content and optional name, user_id, session, tokens,
    timestamp.

    Content may be a text or a list of parts; parts without text go to `metadata["parts"]`. `start` is the
    time of the conversation (any form that `instant` reads), used where the message has none.
    """
    for required in ("role", "content"):
        if required not in fields:
            return Rejected(place, "missing field", f"`{required}` is missing")
    content, parts = text_and_rest(fields["content"])
    try:
        timestamp, assumed = timing(fields.get("timestamp"), start, sequence if isinstance(sequence, int) else 0)
    except FieldError as error:
        return Rejected(place, error.reason, str(error))
    message_id = label(fields.get("message_id"))
    if message_id is None:
        message_id = stable_id(conversation_id, sequence, fields["role"], content)
    return build(
        MessageAdded,
        {
            "event_id": stable_id("message.added", conversation_id, message_id),
            "timestamp": timestamp,
            "metadata": {**metadata, **assumed, **({"parts": parts} if parts else {})},
            "conversation_id": conversation_id,
            "message_id": message_id,
            "sequence": sequence,
            "role": fields["role"],
            "name": label(fields.get("name")),
            "user_id": label(fields.get("user_id")),
            "session": label(fields.get("session")),
            "content": content,
            "tokens": fields.get("tokens"),
        },
        place,
    )
