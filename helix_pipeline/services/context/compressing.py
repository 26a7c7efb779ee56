"""Compressed contexts: made once for each state of a conversation and request, then taken from the cache."""

from dataclasses import dataclass
from datetime import datetime

from helix_pipeline.domain.context.engine import analysed, compress
from helix_pipeline.domain.context.request import CompressionRequest
from helix_pipeline.domain.context.result import CompressedContext
from helix_pipeline.errors import NotFoundError
from helix_pipeline.services.context.analysing import analysis_of, index_of, indexed, scores
from helix_pipeline.services.context.conversation import Conversation, Source
from helix_pipeline.services.context.current import current, state
from helix_pipeline.services.context.requests import ReplayRequest, compression, within
from helix_pipeline.services.context.shared_cache import Kept
from helix_pipeline.services.context.stores import ContextStores
from helix_pipeline.services.context.summary import with_written_summary


@dataclass(frozen=True)
class Wanted:
    """What makes a context the same: how it is compressed, and of which time."""

    how: CompressionRequest
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True)
class Made:
    """A context, and where its conversation came from; see `Replay`."""

    context: CompressedContext
    source: Source
    complete: bool
    notes: tuple[str, ...]
    cached: bool


def compressed(stores: ContextStores, request: ReplayRequest) -> Made:
    """Return the compressed context that a request asks for; raises as `replay`."""
    wanted = Wanted(compression(request, stores.settings), request.start, request.end)
    head = state(stores, request.conversation_id)
    kept = stores.caches.context(request.conversation_id, head, wanted) if head else None
    if kept:
        return Made(kept.context, kept.source, True, kept.notes, True)
    found = current(stores, request.conversation_id, head)
    context = _made(stores, found, request, wanted)
    if found.head:
        stores.caches.keep(request.conversation_id, found.head, wanted, Kept(context, found.source, found.notes))
    return Made(context, found.source, found.complete, found.notes, False)


def _made(stores: ContextStores, found: Conversation, request: ReplayRequest, wanted: Wanted) -> CompressedContext:
    part = bool(request.start or request.end)
    known = analysed(within(found.table(), request)) if part else analysis_of(stores, found)
    if not len(known.messages):
        raise NotFoundError(f"conversation {request.conversation_id!r} has no messages in the time asked for")
    relevance = None
    if query := wanted.how.query:
        index = indexed(stores, known.messages, known.text) if part else index_of(stores, found)
        relevance = scores(stores, index, query)
    return with_written_summary(stores.settings.context, known, compress(known, wanted.how, relevance))
