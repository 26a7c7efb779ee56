"""Publishes events to Kafka exactly once per event id.

Encodes nothing, decides nothing, keeps bus and ledger in step.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from threading import Lock
from typing import Self

import msgspec
import structlog

from helix_pipeline.errors import StoreError
from helix_pipeline.formats.wire import Encoded
from helix_pipeline.settings import Settings
from helix_pipeline.stores import bus
from helix_pipeline.stores.kafka_client import DELIVERY_TIMEOUT_S
from helix_pipeline.stores.ledger import GRACE_S, Ledger, Offsets, digest

_CHUNKS_PER_OFFSETS = 16
_POLL_S = 0.1
_log = structlog.get_logger(__name__)


class _Identified(msgspec.Struct):
    event_id: str = ""


class Publisher:
    """Publishes chunks of records, leaving out what was published before, by whomever.

    Creates missing topics.
    """

    def __init__(self, settings: Settings) -> None:
        bus.ensure_topics(settings)
        self._settings = settings
        self._topic_ids = bus.topic_ids(settings)
        self._chunks = 0
        self._ends = self._end_offsets()
        with ExitStack() as opened:
            self._ledger = opened.enter_context(Ledger(settings, bus.cluster_id(settings)))
            self._producer = opened.enter_context(bus.EventProducer(settings))
            self._ledger.recover(self._published_since)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the producer, then give up what is pending.

        In this order nothing is sent after it is given up.
        """
        self._opened.close()

    def ping(self) -> None:
        """Raise StoreError where the ledger's session is gone, as after a restart of PostgreSQL."""
        self._ledger.ping()

    def abort(self) -> None:
        """Let a `publish` of another thread fail now; what it had sent may have arrived."""
        self._producer.abort()

    def publish(self, records: Sequence[Encoded]) -> int:
        """Publish the records that are new and return how many; all are acknowledged when this returns.

        Raises StoreError; then the same records can be published again, by anyone.
        """
        waiting = {digest(self._topic_ids[record.topic], record.event_id): record for record in records}
        deadline = time.monotonic() + GRACE_S + DELIVERY_TIMEOUT_S
        count = 0
        while waiting:
            admission = self._ledger.admit(list(waiting), self._offsets())
            for id_ in (id_ for id_ in waiting if id_ in admission.new):
                self._producer.publish(waiting[id_].topic, waiting[id_].key, waiting[id_].value)
            if admission.chunk is not None:
                self._producer.flush()
                self._ledger.confirm(admission.chunk)
            count += len(admission.new)
            waiting = {id_: record for id_, record in waiting.items() if id_ in admission.contested}
            if waiting:
                self._await_others(len(waiting), deadline)
        return count

    def _await_others(self, count: int, deadline: float) -> None:
        """Give other owners time to confirm; take over from those that died."""
        if time.monotonic() > deadline:
            raise StoreError(
                f"{count} events are held by another ingest that neither ends nor dies; stop it, try again"
            )
        time.sleep(_POLL_S)
        self._ledger.recover(self._published_since)

    def _offsets(self) -> Offsets:
        """Return end offsets from before the next chunk; old ones do, so they are asked for now and then."""
        self._chunks += 1
        if self._chunks % _CHUNKS_PER_OFFSETS == 0:
            try:
                self._ends = self._end_offsets()
            except StoreError as error:
                _log.warning("end offsets not renewed, the older ones are used", error=str(error))
        return self._ends

    def _end_offsets(self) -> Offsets:
        return {
            self._topic_ids[topic]: {
                str(partition): end for partition, (_, end) in bus.record_ranges(self._settings, topic).items()
            }
            for topic in self._topic_ids
        }

    def _published_since(self, offsets: Offsets) -> Iterator[bytes]:
        """Yield the ledger's id of every event in Kafka from these offsets on."""
        for topic, topic_id in self._topic_ids.items():
            starts = offsets.get(topic_id)
            if starts is None:
                continue
            ranges = {
                partition: (max(first, starts.get(str(partition), first)), end)
                for partition, (first, end) in bus.record_ranges(self._settings, topic).items()
            }
            for messages in bus.read_records(self._settings, topic, ranges):
                yield from (digest(topic_id, _event_id(message.value())) for message in messages)


class StandingPublisher:
    """A publisher that is opened at the first use and kept, for all threads of a service; close it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._publisher: Publisher | None = None
        self._opened = ExitStack()
        self._lock = Lock()

    def close(self) -> None:
        """Disconnect."""
        with self._lock:
            self._drop()

    def abort(self) -> None:
        """Let a `publish` of another thread fail now; what it had sent may have arrived."""
        if publisher := self._publisher:
            publisher.abort()

    def open(self) -> None:
        """Connect where it is not, which settles what an earlier failure left open. Raises StoreError."""
        with self._lock:
            self._opened_publisher()

    def publish(self, records: Sequence[Encoded], wanted: Callable[[], bool] = lambda: True) -> int:
        """Publish those records that are new and return how many; all are acknowledged when this returns.

        Raises StoreError, also where they are not `wanted` any more when their turn comes: then none is published.
        """
        with self._lock:
            if not wanted():
                raise StoreError("given up before it was sent")
            publisher = self._opened_publisher()
            try:
                return publisher.publish(records)
            except StoreError:
                self._drop()
                raise

    def _opened_publisher(self) -> Publisher:
        """Return the publisher; one whose ledger lost its session is replaced: PostgreSQL may have been restarted."""
        if self._publisher is not None:
            try:
                self._publisher.ping()
            except StoreError as error:
                _log.warning("publisher replaced", error=str(error))
                self._drop()
        if self._publisher is None:
            self._publisher = self._opened.enter_context(Publisher(self._settings))
        return self._publisher

    def _drop(self) -> None:
        self._publisher = None
        self._opened.close()


def _event_id(value: bytes | None) -> str:
    """Return the event id of a record, or the empty text where it has none: then no ingest has written it."""
    try:
        return msgspec.json.decode(value or b"{}", type=_Identified).event_id
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        _log.debug("record without event id", error=str(error))
        return ""
