"""A conversation as it is now, at little cost where it was read before: Kafka says what has come since.

What is remembered of a conversation holds up to an offset of its partition. If the partition has grown, only the
records since then are looked at; a conversation that got none of them is still what it was.
"""

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from helix_pipeline.domain.context.conversation import ordered
from helix_pipeline.errors import NotFoundError, StoreError
from helix_pipeline.services.context.conversation import Conversation, Head
from helix_pipeline.services.context.conversations import find
from helix_pipeline.services.context.journaled import kept_of, only_kept, with_kept
from helix_pipeline.services.context.log import Tail, tail
from helix_pipeline.services.context.stores import ContextStores

FOLLOWED = 20_000
"""Records since the last look up to which they are read; after more of them the conversation is found anew."""

ADDED = 10_000
"""Messages that are added to what is remembered of a conversation before it is found anew."""


def current(stores: ContextStores, conversation_id: str, head: Head | None = None) -> Conversation:
    """Return a conversation as it is now, with what only the journal of this process has of it.

    `head` is its state where the caller has just asked for it. Raises NotFoundError where no source has any of it,
    StoreError where none can be asked.
    """
    kept = kept_of(stores, conversation_id)
    if not kept:
        return acknowledged(stores, conversation_id, head)
    try:
        return with_kept(acknowledged(stores, conversation_id), kept)
    except (NotFoundError, StoreError) as error:
        return only_kept(conversation_id, kept, error)


def acknowledged(stores: ContextStores, conversation_id: str, head: Head | None = None) -> Conversation:
    """Return a conversation as Kafka has it now; else as `current`."""
    head = head or _state(stores, conversation_id)
    known = stores.caches.conversations.get((conversation_id, head.name)) if head else None
    if known is not None and not (known.source == "clickhouse" and stores.house_is_away):
        return replace(known, head=head)
    found = find(stores, conversation_id)
    _remember(stores, found)
    return found


def state(stores: ContextStores, conversation_id: str) -> Head | None:
    """Return the state that a conversation is in now, where it was seen before and Kafka can be asked; else none.

    While the journal has messages of it, it is in none.
    """
    return None if kept_of(stores, conversation_id) else _state(stores, conversation_id)


def _state(stores: ContextStores, conversation_id: str) -> Head | None:
    head = stores.caches.head(conversation_id)
    if head is None:
        return None
    try:
        newest = _since(stores, conversation_id, head)
    except StoreError:
        return None
    if newest is None or newest[1].unread:
        return None
    high, read = newest
    now = replace(head, position=high, version=max(head.version, read.version))
    if now.version != head.version:
        _follow(stores, conversation_id, head, now, read.messages)
    stores.caches.remember(conversation_id, now)
    return now


def _since(stores: ContextStores, conversation_id: str, head: Head) -> tuple[int, Tail] | None:
    """Return where the partition ends and what the conversation got since; none where that is too much to read."""
    low, high = stores.log.ends(head.partition)
    if not low <= head.position <= high <= head.position + FOLLOWED:
        return None
    ranges = [(head.position, high)] if head.position < high else []
    return high, tail(stores, conversation_id, head.partition, ranges)


def _follow(stores: ContextStores, conversation_id: str, before: Head, now: Head, messages: pa.Table) -> None:
    """Add the messages to what is remembered of a conversation, if anything is."""
    known = stores.caches.conversations.get((conversation_id, before.name))
    if known is None or len(known.newest) + len(messages) > ADDED:
        return
    newest = ordered(pa.concat_tables([known.newest, messages]))
    last = max(known.last_sequence, pc.max(newest["sequence"]).as_py())
    size = known.about_bytes + messages.nbytes
    followed = replace(known, newest=newest, head=now, last_sequence=last, about_bytes=size)
    stores.caches.conversations.put((conversation_id, now.name), followed)


def _remember(stores: ContextStores, found: Conversation) -> None:
    if found.head:
        stores.caches.remember(found.conversation_id, found.head)
        stores.caches.conversations.put((found.conversation_id, found.head.name), found)
