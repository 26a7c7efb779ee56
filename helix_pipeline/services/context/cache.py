"""The cache of compressed contexts, conversations and search indexes, bounded in number, bytes and time.

Nothing in it is ever out of date: its keys name the state of the conversation, which is the offset after its newest
record (`Head.version`). Whether that still holds is asked of Kafka at each look-up.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

import pyarrow as pa
from cachetools import TTLCache

from helix_pipeline.domain.context.engine import Analysis
from helix_pipeline.domain.context.result import CompressedContext
from helix_pipeline.domain.context.retrieval.index import Index
from helix_pipeline.services.context.conversation import Conversation, Head
from helix_pipeline.services.context.shared_cache import Kept, SharedCache, open_shared_cache
from helix_pipeline.settings import Settings
from helix_pipeline.telemetry import CONTEXT_CACHE

HEADS = 100_000
"""Conversations whose state is remembered: some 200 bytes each."""

MESSAGE_BYTES = 400
"""What the objects of a kept message take besides its text, about."""

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class BoundedCache(Generic[_K, _V]):
    """Keeps what was used last, at most so many values of so many bytes together, each for so many seconds."""

    def __init__(self, entries: int, size: int, ttl_s: float, sizeof: Callable[[_V], int]) -> None:
        self._entries = entries
        self._cache: TTLCache[_K, _V] = TTLCache(size, ttl_s, getsizeof=sizeof)
        self._lock = Lock()

    def get(self, key: _K) -> _V | None:
        """Return a value, or none."""
        with self._lock:
            return self._cache.get(key)

    def put(self, key: _K, value: _V) -> None:
        """Keep a value unless it alone is too large; others give way."""
        with self._lock:
            if not self._entries or self._cache.getsizeof(value) > self._cache.maxsize:
                return
            self._cache[key] = value
            while len(self._cache) > self._entries:
                self._cache.popitem()

    def count(self, wanted: Callable[[_K], bool]) -> int:
        """Return how many of the keys of what is kept now are wanted."""
        with self._lock:
            return sum(map(wanted, self._cache))


@dataclass(frozen=True)
class Indexed:
    """Messages, as `CONVERSATION`, and their index for questions."""

    messages: pa.Table
    index: Index


@dataclass(frozen=True)
class Caches:
    """The caches of a process, and the one that it shares with others, if any.

    Keys are the id of a conversation and the name of its state, and for `contexts` the request as well; an index may
    also be one of several conversations together. `made` counts the contexts that this process made of a conversation.
    """

    heads: BoundedCache[str, Head]
    conversations: BoundedCache[tuple[str, str], Conversation]
    analyses: BoundedCache[tuple[str, str], Analysis]
    indexes: BoundedCache[tuple[str, str], Indexed]
    contexts: BoundedCache[tuple[str, str, Hashable], Kept]
    made: BoundedCache[str, int]
    shared: SharedCache | None

    def close(self) -> None:
        """Disconnect from the shared cache."""
        if self.shared:
            self.shared.close()

    def head(self, conversation_id: str) -> Head | None:
        """Return the state in which a conversation was seen last, by this process or by another."""
        found = self.heads.get(conversation_id)
        return found or (self.shared.head(conversation_id) if self.shared else None)

    def remember(self, conversation_id: str, head: Head) -> None:
        """Keep the state of a conversation."""
        known = self.heads.get(conversation_id)
        self.heads.put(conversation_id, head)
        if self.shared and (known is None or known.name != head.name):
            self.shared.remember(conversation_id, head)

    def context(self, conversation_id: str, head: Head, request: Hashable) -> Kept | None:
        """Return the compressed context of this state of a conversation for a request, or none."""
        key = (conversation_id, head.name, request)
        found, where = self.contexts.get(key), "hit"
        if found is None and self.shared:
            found, where = self.shared.context(key), "shared"
            if found:
                self.contexts.put(key, found)
        CONTEXT_CACHE.labels(where if found else "miss").inc()
        return found

    def keep(self, conversation_id: str, head: Head, request: Hashable, kept: Kept) -> None:
        """Keep a compressed context, here and where it is shared."""
        key = (conversation_id, head.name, request)
        self.made.put(conversation_id, (self.made.get(conversation_id) or 0) + 1)
        self.contexts.put(key, kept)
        if self.shared:
            self.shared.keep(key, kept)


def open_caches(settings: Settings) -> Caches:
    """Return empty caches of the size that the settings give: each kind takes a part of the bytes."""
    context = settings.context
    entries, ttl_s, quarter = context.cache_size, context.cache_ttl_s, context.cache_bytes // 4
    return Caches(
        heads=BoundedCache(HEADS if entries else 0, HEADS, ttl_s, lambda _: 1),
        conversations=BoundedCache(entries, quarter // 2, ttl_s, lambda one: one.about_bytes),
        analyses=BoundedCache(entries, quarter, ttl_s, analysis_bytes),
        indexes=BoundedCache(entries, quarter, ttl_s, index_bytes),
        contexts=BoundedCache(entries, quarter, ttl_s, lambda kept: context_bytes(kept.context)),
        made=BoundedCache(HEADS, HEADS, float("inf"), lambda _: 1),
        shared=open_shared_cache(settings) if entries else None,
    )


def analysis_bytes(analysis: Analysis) -> int:
    """Return about how many bytes an analysis takes in memory."""
    text = analysis.text
    columns = (text.text_of, text.piece, text.piece_sentence, text.tokens, analysis.importance)
    return int(analysis.messages.nbytes + text.sentences.nbytes + 2 * sum(column.nbytes for column in columns))


def index_bytes(known: Indexed) -> int:
    """Return about how many bytes an index takes in memory: its matrices and vectors, and a little for each message."""
    index = known.index
    matrices = (index.counts, index.weights, index.session_weights)
    vectors = (index.directions, *([] if index.embedded is None else [index.embedded]))
    entries = sum(matrix.data.nbytes + matrix.indices.nbytes for matrix in matrices)
    return int(known.messages.nbytes + entries + sum(one.nbytes for one in vectors) + MESSAGE_BYTES * len(index))


def context_bytes(context: CompressedContext) -> int:
    """Return about how many bytes a context takes in memory."""
    texts = [*(kept.text for kept in (*context.selected, *context.recent)), *(one.content for one in context.messages)]
    return sum(map(len, texts)) + MESSAGE_BYTES * len(texts) + len(context.summary)
