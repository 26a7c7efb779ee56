"""The conversations that a user spoke in, those of late first, with those that no stream has carried yet."""

import time
from dataclasses import dataclass

import pyarrow.compute as pc

from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.errors import StoreError
from helix_pipeline.services.context.coverage import Range, uncovered
from helix_pipeline.services.context.stores import ContextStores
from helix_pipeline.stores import hot_copy, lake_conversation
from helix_pipeline.stores.lake_reach import reach_in
from helix_pipeline.stores.log_reader import UnreadError, decoded


@dataclass(frozen=True)
class Spoken:
    """Ids of conversations. `notes` say what was not used and what may be missing; then `complete` is false."""

    ids: list[str]
    notes: tuple[str, ...]
    complete: bool


@dataclass(frozen=True)
class _Listed:
    """What a store lists, and which offsets of each partition it has all records of."""

    ids: list[str]
    held: dict[int, list[Range]]


def conversations_of(stores: ContextStores, user_id: str, limit: int) -> Spoken:
    """Return the ids of at most `limit` conversations. Raises StoreError where no source can be asked."""
    notes: list[str] = []
    try:
        state = stores.log.state()
        topic_id, partitions = state.topic_id, range(state.partitions)
    except StoreError as error:
        notes.append(f"kafka not used, conversations of the last moments may be missing: {error}")
        topic_id, partitions = "", range(0)
    listed = _listed(stores, user_id, limit, topic_id, notes)
    if listed is None and not topic_id:
        raise StoreError(f"no source can be asked for the conversations of {user_id!r}: {'; '.join(notes)}")
    known = listed or _Listed([], {})
    newest, unread = _newest(stores, user_id, known, partitions) if partitions else ([], "")
    ids = list(dict.fromkeys([*newest, *known.ids]))[:limit]
    notes += [unread] if unread else []
    if waiting := stores.outbox.waiting:
        notes.append(f"{waiting} events are in the journal: conversations that only it has are not listed")
    return Spoken(ids, tuple(notes), bool(topic_id) and not (unread or waiting))


def _listed(stores: ContextStores, user_id: str, limit: int, topic_id: str, notes: list[str]) -> _Listed | None:
    try:
        return stores.ask_house(
            lambda client: _Listed(hot_copy.conversations_of(client, user_id, limit), hot_copy.held(client, topic_id))
        )
    except StoreError as error:
        notes.append(f"hot copy not used: {error}")
    try:
        target = stores.lake()
        reach = {partition: reach_in(target, topic_id, partition) for partition in range(CONVERSATIONS.partitions)}
        held = {partition: [known] for partition, known in reach.items() if known}
        return _Listed(lake_conversation.conversations_of(target, user_id, limit), held)
    except StoreError as error:
        notes.append(f"lake not used: {error}")
        return None


def _newest(stores: ContextStores, user_id: str, known: _Listed, partitions: range) -> tuple[list[str], str]:
    """Return ids from the records that the store may lack, newest first, and what could not be read of them."""
    deadline = time.monotonic() + stores.settings.context.tail_timeout_s
    found: list[str] = []
    for partition in partitions:
        low, high = stores.log.ends(partition)
        try:
            for start, end in uncovered(known.held.get(partition, []), low, high):
                for records in stores.log.read(partition, start, end, deadline):
                    rows = decoded(CONVERSATIONS, records).rows
                    found += rows["conversation_id"].filter(pc.equal(rows["user_id"], user_id)).to_pylist()
        except UnreadError as error:
            return found[::-1], f"not all records from partition {partition} on could be read: {error}"
    return found[::-1], ""
