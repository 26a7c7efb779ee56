"""Replay: a conversation complete, in pages or as a stream, or compressed to a budget and cached."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from helix_pipeline.domain.context.result import CompressedContext
from helix_pipeline.errors import NotFoundError, UsageError
from helix_pipeline.services.context.compressing import compressed
from helix_pipeline.services.context.conversation import Conversation, Source
from helix_pipeline.services.context.current import current
from helix_pipeline.services.context.cursors import after, cursor_of, place_of, place_of_last
from helix_pipeline.services.context.ndjson import encoded
from helix_pipeline.services.context.requests import ReplayRequest, within
from helix_pipeline.services.context.stores import ContextStores


@dataclass(frozen=True)
class Page:
    """Messages in order, as `CONVERSATION`. `next_cursor` asks for what follows; none where nothing does."""

    messages: pa.Table
    next_cursor: str | None


@dataclass(frozen=True)
class Replay:
    """A conversation: a page of its messages, or all of it compressed.

    `source` is where most of it was read, `notes` say why not from a better source and what may be missing; `complete`
    is false where something may be. `cached` tells that the context was made before. `seconds` is the time of all.
    """

    conversation_id: str
    source: Source
    complete: bool
    notes: tuple[str, ...]
    cached: bool
    seconds: float
    context: CompressedContext | None = None
    page: Page | None = None

    def about(self) -> dict[str, Any]:
        """Return all but the conversation itself, as the API and the shell tell it."""
        return {
            "conversation_id": self.conversation_id,
            "source": self.source,
            "complete": self.complete,
            "notes": self.notes,
            "cached": self.cached,
            "seconds": round(self.seconds, 6),
        }


@dataclass(frozen=True)
class MessageStream:
    """All messages of a conversation, in order, as tables of `CONVERSATION` of about 16 MB; else as `Replay`."""

    conversation_id: str
    source: Source
    complete: bool
    notes: tuple[str, ...]
    batches: Iterator[pa.Table]

    def ndjson(self) -> Iterator[bytes]:
        """Yield the messages as lines of JSON, many in each piece. `batches` is used up."""
        return encoded(self.batches)


def replay(stores: ContextStores, request: ReplayRequest) -> Replay:
    """Return a conversation as the request wants it.

    Raises NotFoundError where it is unknown, or has no messages in the time asked for; UsageError for a request that
    cannot be met; StoreError where no source can be asked.
    """
    begin = time.perf_counter()
    if not request.whole():
        made = compressed(stores, request)
        spent = time.perf_counter() - begin
        about = (made.source, made.complete, made.notes, made.cached, spent)
        return Replay(request.conversation_id, *about, context=made.context)
    found = current(stores, request.conversation_id)
    page = _page(found, request)
    spent = time.perf_counter() - begin
    return Replay(request.conversation_id, found.source, found.complete, found.notes, False, spent, page=page)


def stream(stores: ContextStores, request: ReplayRequest) -> MessageStream:
    """Return all messages of a conversation, read while they are used; raises as `replay`, also while they are."""
    if not request.whole():
        raise UsageError(f"compression_strategy {request.compression_strategy!r}: only 'none' can be streamed")
    found = current(stores, request.conversation_id)
    return MessageStream(found.conversation_id, found.source, found.complete, found.notes, _wanted(found, request))


def _page(found: Conversation, request: ReplayRequest) -> Page:
    """Gather messages until there is one more than the page takes, or a batch as large as memory allows."""
    parts: list[pa.Table] = []
    for batch in _wanted(found, request, request.limit + 1):
        parts.append(batch)
        if sum(map(len, parts)) > request.limit:
            break
    messages = pa.concat_tables(parts) if parts else found.newest.slice(0, 0)
    page = messages.slice(0, request.limit).combine_chunks()
    if not len(page) and not request.cursor:
        raise NotFoundError(f"conversation {request.conversation_id!r} has no messages in the time asked for")
    return Page(page, cursor_of(place_of_last(page)) if len(messages) > request.limit else None)


def _wanted(found: Conversation, request: ReplayRequest, rows: int = 65_536) -> Iterator[pa.Table]:
    """Yield the messages after the cursor and within the time asked for."""
    place = place_of(request.cursor) if request.cursor else None
    for batch in found.batches(place.sequence if place else 0, rows):
        wanted = within(after(batch, place) if place else batch, request)
        if len(wanted):
            yield wanted
