"""The cache that processes share through Redis. It only saves time: without it everything works, and is counted."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec
import structlog

from helix_pipeline.domain.context.result import CompressedContext
from helix_pipeline.errors import SettingsError
from helix_pipeline.services.context.conversation import Head, Source
from helix_pipeline.settings import Settings
from helix_pipeline.telemetry import CONTEXT_CACHE

PREFIX = "helix:context:1"
"""Of all keys; the number changes with the form of what is kept."""

TIMEOUT_S = 0.25
AWAY_S = 5.0
_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """A context as it is kept, with the source of its conversation and the notes on it."""

    context: CompressedContext
    source: Source
    notes: tuple[str, ...]


class SharedCache:
    """Heads and contexts in Redis, each with a time to live."""

    def __init__(self, client: Any, errors: tuple[type[Exception], ...], ttl_s: float, largest: int) -> None:
        self._client = client
        self._errors = errors
        self._ttl_ms = int(1000 * ttl_s)
        self._largest = largest
        self._away_until = 0.0

    def close(self) -> None:
        """Disconnect."""
        self._client.close()

    def head(self, conversation_id: str) -> Head | None:
        """Return the state that some process saw a conversation in, or none."""
        return self._read(_key("head", conversation_id), Head)

    def remember(self, conversation_id: str, head: Head) -> None:
        """Keep the state of a conversation."""
        self._write(_key("head", conversation_id), head)

    def context(self, key: Hashable) -> Kept | None:
        """Return the context under a key, or none."""
        return self._read(_key("context", key), Kept)

    def keep(self, key: Hashable, kept: Kept) -> None:
        """Keep a context unless it is too large."""
        self._write(_key("context", key), kept)

    def _read(self, key: str, kind: type[_T]) -> _T | None:
        raw = self._tried(lambda: self._client.get(key))
        try:
            return msgspec.json.decode(raw, type=kind) if raw else None
        except msgspec.MsgspecError as error:
            _log.warning("shared cache holds something else", key=key, error=str(error))
            return None

    def _write(self, key: str, value: Any) -> None:
        raw = msgspec.json.encode(value)
        if len(raw) <= self._largest:
            self._tried(lambda: self._client.set(key, raw, px=self._ttl_ms))

    def _tried(self, work: Callable[[], _T]) -> _T | None:
        """Do something with Redis, or nothing for a while after it failed."""
        if time.monotonic() < self._away_until:
            return None
        try:
            return work()
        except self._errors as error:
            self._away_until = time.monotonic() + AWAY_S
            CONTEXT_CACHE.labels("failed").inc()
            _log.warning("shared cache is away", error=str(error), pause_s=AWAY_S)
            return None


def open_shared_cache(settings: Settings) -> SharedCache | None:
    """Return the cache at `context.redis_url`, or none where that is not set. Raises what `redis_client` raises."""
    if settings.context.redis_url is None:
        return None
    context = settings.context
    return SharedCache(*redis_client(settings), context.cache_ttl_s, context.cache_bytes // 4)


def redis_client(settings: Settings) -> tuple[Any, tuple[type[Exception], ...]]:
    """Return a client of `context.redis_url`, which must be set, and the errors that its calls may raise.

    Raises SettingsError for a bad URL, or where the client is not installed.
    """
    try:
        import redis
    except ModuleNotFoundError:
        raise SettingsError(
            "REDIS_URL is set, but the client is missing: pip install 'helix-pipeline[redis]'"
        ) from None
    url = settings.context.redis_url
    assert url is not None
    try:
        client = redis.Redis.from_url(
            url.get_secret_value(), socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )
    except ValueError as error:
        raise SettingsError(f"bad setting `context.redis_url` (REDIS_URL): {error}") from None
    return client, (redis.RedisError, OSError)


def _key(kind: str, *parts: Any) -> str:
    """Return a key of fixed length: ids and queries may be long, and are nobody's business."""
    return f"{PREFIX}:{kind}:{blake2b(repr(parts).encode(errors='surrogatepass'), digest_size=16).hexdigest()}"
