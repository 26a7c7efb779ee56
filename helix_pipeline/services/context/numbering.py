"""Sequence numbers for messages that come without one: after all that their conversation has.

A number is found and published under a lock of the conversation in PostgreSQL, so that no two processes give the same
one. Where it cannot be told which message is the last, none is given.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg.rows import TupleRow

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.errors import NotFoundError, StoreError
from helix_pipeline.formats.wire import Encoded, UnpublishableError, encode
from helix_pipeline.services.context.current import acknowledged
from helix_pipeline.services.context.stores import ContextStores
from helix_pipeline.services.kept import KeptEvent
from helix_pipeline.stores import postgres
from helix_pipeline.stores.ledger import digest, entered_in

DIGITS = 32
"""Bytes by which a record may grow with its number, at most."""

_LOCK = "SELECT pg_advisory_lock(hashtextextended(%s, 0))"


@contextmanager
def numbered(stores: ContextStores, events: Sequence[KeptEvent]) -> Iterator[list[Encoded]]:
    """Return the records of events; messages that have no number get the next ones, which are theirs in the context.

    Kafka is asked even where all have one: what leaves the journal must be found by who reads the log from here.
    Raises StoreError where Kafka or PostgreSQL does not say what the conversations have.
    """
    ids = sorted({event.record.key.decode() for event in events if not event.numbered})
    if not ids:
        stores.log.state()
        yield [event.record for event in events]
        return
    with _locked(stores, ids) as connection:
        yield _numbered(stores, events, _known(stores, connection, events), ids)


def _numbered(
    stores: ContextStores, events: Sequence[KeptEvent], known: list[bool], conversations: list[str]
) -> list[Encoded]:
    """Number the messages in their order; those that were added before come last: they take no number of a new one."""
    records = [event.record for event in events]
    following = {name: _next_sequence(stores, name) for name in conversations}
    for place in sorted(range(len(events)), key=known.__getitem__):
        name = records[place].key.decode()
        if name not in following or records[place].topic != CONVERSATIONS.name:
            continue
        said = MessageAdded.model_validate_json(records[place].value)
        if not events[place].numbered:
            said = said.model_copy(update={"sequence": following[name]})
            records[place] = _encoded(said, stores.settings.kafka.max_message_bytes + DIGITS)
        following[name] = max(following[name], said.sequence + 1)
    return records


def _encoded(said: MessageAdded, max_bytes: int) -> Encoded:
    """Return the record of a message that was accepted under other settings, maybe. Raises StoreError."""
    try:
        return encode(said, max_bytes)
    except UnpublishableError as error:
        raise StoreError(f"message {said.message_id!r} was accepted and cannot be published now: {error}") from None


def _known(stores: ContextStores, connection: psycopg.Connection[TupleRow], events: Sequence[KeptEvent]) -> list[bool]:
    """Tell of each event whether its id was added before."""
    topic_id = stores.log.state().topic_id
    ids = [digest(topic_id, event.record.event_id) for event in events]
    found = entered_in(connection, ids)
    return [one in found for one in ids]


def _next_sequence(stores: ContextStores, conversation_id: str) -> int:
    try:
        found = acknowledged(stores, conversation_id)
    except NotFoundError:
        return 0
    if not found.to_the_end:
        raise StoreError(f"the last message of {conversation_id!r} cannot be told now: {'; '.join(found.notes)}")
    return found.last_sequence + 1


@contextmanager
def _locked(stores: ContextStores, conversations: list[str]) -> Iterator[psycopg.Connection[TupleRow]]:
    """Hold the locks of conversations, which are in order; they are free at the latest when the connection is gone."""
    with postgres.connect(stores.settings, "context") as connection:
        try:
            for name in conversations:
                connection.execute(_LOCK, (f"{CONVERSATIONS.name}/{name}",))
        except psycopg.Error as error:
            raise postgres.failed("context", error) from error
        yield connection
