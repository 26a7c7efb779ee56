"""Search: the messages that answer a question, in one conversation or in all those of a user."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from helix_pipeline.domain.context.conversation import CONVERSATION, speakers
from helix_pipeline.domain.context.text import analyse
from helix_pipeline.errors import NotFoundError, UsageError
from helix_pipeline.services.context.analysing import index_of, indexed, scores
from helix_pipeline.services.context.cache import Indexed
from helix_pipeline.services.context.conversation import Conversation
from helix_pipeline.services.context.current import current
from helix_pipeline.services.context.requests import check_id
from helix_pipeline.services.context.stores import ContextStores
from helix_pipeline.services.context.users import conversations_of

MAX_HITS, MAX_NEIGHBOURS = 1_000, 20
MAX_CONVERSATIONS = 100
"""Conversations of a user that are searched: those of late."""


@dataclass(frozen=True, kw_only=True)
class SearchRequest:
    """A question to a conversation, or to all conversations that a user spoke in; with both ids, to that one of theirs.

    `top_k` messages are wanted, each with `neighbours` messages before and after it; by default as many as
    `context.retrieval_top_k`. Raises UsageError for a value out of range.
    """

    query: str
    conversation_id: str | None = None
    user_id: str | None = None
    top_k: int | None = None
    neighbours: int = 1

    def __post_init__(self) -> None:
        if not self.query.strip():
            raise UsageError("query is empty: say what to look for")
        if self.conversation_id is None and self.user_id is None:
            raise UsageError("neither conversation_id nor user_id: say where to look")
        for name, given in (("conversation_id", self.conversation_id), ("user_id", self.user_id)):
            if given is not None:
                check_id(name, given)
        if self.top_k is not None and not 1 <= self.top_k <= MAX_HITS:
            raise UsageError(f"top_k {self.top_k}: must be from 1 to {MAX_HITS}")
        if not 0 <= self.neighbours <= MAX_NEIGHBOURS:
            raise UsageError(f"neighbours {self.neighbours}: must be from 0 to {MAX_NEIGHBOURS}")


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it was said."""

    message_id: str
    sequence: int
    timestamp: datetime
    speaker: str
    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that may answer; `score` in [0, 1] is the estimated probability. `before` and `after` are in order."""

    conversation_id: str
    message: Message
    score: float
    before: tuple[Message, ...]
    after: tuple[Message, ...]


@dataclass(frozen=True)
class SearchResult:
    """The best messages, best first, of so many `conversations`; `complete` and `notes` are as in `Replay`."""

    hits: tuple[Hit, ...]
    conversations: int
    complete: bool
    notes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class _Scope:
    """Where to look."""

    ids: list[str]
    notes: tuple[str, ...]
    complete: bool


def search(stores: ContextStores, request: SearchRequest) -> SearchResult:
    """Return the messages that answer a question.

    Raises NotFoundError where the conversation is unknown, or the user has none; StoreError where no source can be
    asked.
    """
    begin = time.perf_counter()
    scope = _scope(stores, request)
    found = [current(stores, conversation_id) for conversation_id in scope.ids]
    known = index_of(stores, found[0]) if len(found) == 1 else _together(stores, found)
    if request.user_id is not None and request.user_id not in known.messages["user_id"].unique().to_pylist():
        raise NotFoundError(f"no conversation {request.conversation_id!r} of user {request.user_id!r}")
    hits = tuple(_hits(known, scores(stores, known, request.query), _wanted(stores, request), request.neighbours))
    notes = [f"{one.conversation_id}: {note}" for one in found for note in one.notes]
    complete = scope.complete and all(one.complete for one in found)
    return SearchResult(hits, len(found), complete, (*scope.notes, *notes), time.perf_counter() - begin)


def _wanted(stores: ContextStores, request: SearchRequest) -> int:
    return request.top_k or stores.settings.context.retrieval_top_k


def _scope(stores: ContextStores, request: SearchRequest) -> _Scope:
    if request.conversation_id is not None:
        return _Scope([request.conversation_id], (), True)
    assert request.user_id is not None
    found = conversations_of(stores, request.user_id, MAX_CONVERSATIONS + 1)
    if not found.ids:
        because = f"; {'; '.join(found.notes)}" if found.notes else ""
        raise NotFoundError(f"no conversation of user {request.user_id!r}{because}")
    if len(found.ids) <= MAX_CONVERSATIONS:
        return _Scope(found.ids, found.notes, found.complete)
    left_out = f"only the newest {MAX_CONVERSATIONS} conversations of the user were searched"
    return _Scope(found.ids[:MAX_CONVERSATIONS], (*found.notes, left_out), False)


def _together(stores: ContextStores, found: list[Conversation]) -> Indexed:
    """Return several conversations with one index, so that a word is rare or not in all of them alike."""
    names = [one.head.name if one.head else None for one in found]
    key = (repr([one.conversation_id for one in found]), repr(names))
    known = stores.caches.indexes.get(key)
    if known is None or None in names:
        messages = pa.concat_tables(_apart(one.table()) for one in found).combine_chunks()
        known = indexed(stores, messages, analyse(messages["content"].combine_chunks()))
        stores.caches.indexes.put(key, known)
    return known


def _apart(messages: pa.Table) -> pa.Table:
    """Return the messages of a conversation with sessions that no other conversation has."""
    of_id = messages["conversation_id"], pc.fill_null(messages["session"], "")
    session = pc.binary_join_element_wise(*of_id, "\x1f")
    return messages.set_column(messages.schema.get_field_index("session"), CONVERSATION.field("session"), session)


def _hits(known: Indexed, found: NDArray[np.float64], wanted: int, neighbours: int) -> Iterator[Hit]:
    """Yield the messages of the best scores with those of their conversation that stand beside them."""
    names = known.messages["conversation_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    for place in np.argsort(-found, kind="stable")[:wanted].tolist():
        first = max(0, place - neighbours)
        beside = known.messages.slice(first, place - first + 1 + neighbours)
        same = names[first : first + len(beside)] == names[place]
        shown = messages_of(beside.filter(same))
        at = int(same[: place - first].sum())
        yield Hit(beside["conversation_id"][place - first].as_py(), shown[at], float(found[place]), *_split(shown, at))


def _split(shown: list[Message], at: int) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    return tuple(shown[:at]), tuple(shown[at + 1 :])


def messages_of(rows: pa.Table) -> list[Message]:
    """Return the messages of a table of `CONVERSATION`, in its order."""
    columns = [rows[name].to_pylist() for name in ("message_id", "sequence", "timestamp")]
    said = speakers(rows).to_pylist(), rows["role"].to_pylist(), rows["content"].to_pylist()
    return [Message(*values) for values in zip(*columns, *said, strict=True)]
