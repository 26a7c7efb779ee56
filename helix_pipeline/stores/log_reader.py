"""Short reads of one topic, again and again: consumers that stay connected, and where the records of a key are.

For long reads of whole ranges see `stores.bus.read_records`, which connects anew each time.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, LifoQueue
from threading import Lock

import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from helix_pipeline.contracts.topics import Topic
from helix_pipeline.contracts.wire import Decoded, decoder
from helix_pipeline.errors import StoreError
from helix_pipeline.settings import Settings
from helix_pipeline.stores.kafka_client import admin_client, reader_config, result_of
from helix_pipeline.stores.kafka_counts import count_consumed

ANSWER_TIMEOUT_S = 2.0
"""How long the brokers may take to say where a partition ends."""

SILENT_S = 4.0
"""How long the brokers may send nothing of records that they said to have."""

AWAY_S = 5.0
"""For how long brokers that did not answer are not asked again."""

BATCH_RECORDS = 1_000
"""Records that are handed over at once: few enough for memory where they are large."""
POLL_S = 0.05
KEPT_CONSUMERS = 4


class UnreadError(StoreError):
    """Records of a range were not sent in time; those before them were read."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """The identity of a topic, by which offsets mean something, and its number of partitions."""

    topic_id: str
    partitions: int


class LogReader:
    """Reads records of a topic by partition and offset. Safe for threads; close it at the end."""

    def __init__(self, settings: Settings, topic: Topic) -> None:
        self._settings = settings
        self._topic = topic.name
        self._idle: LifoQueue[Consumer] = LifoQueue(KEPT_CONSUMERS)
        self._admin: AdminClient | None = None
        self._lock = Lock()
        self._heard = self._away_until = 0.0

    def close(self) -> None:
        """Disconnect."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def state(self) -> TopicState:
        """Return what the brokers say of the topic. Raises StoreError where they do not answer, or have none."""
        begin = self._ask_again()
        with self._lock:
            if self._admin is None:  # an idle client is false: it counts the requests under way
                self._admin = admin_client(self._settings)
        asked = self._admin.describe_topics(TopicCollection([self._topic]), request_timeout=ANSWER_TIMEOUT_S)
        try:
            found = result_of(asked[self._topic], self._settings, f"describe topic {self._topic}")
        except StoreError:
            self._silent_since(begin)
            raise
        self._answered()
        return TopicState(str(found.topic_id), len(found.partitions))

    def ends(self, partition: int) -> tuple[int, int]:
        """Return the first offset that is kept and the one after the last. Raises StoreError."""
        begin = self._ask_again()
        place = TopicPartition(self._topic, partition)
        try:
            with self._consumer() as consumer:
                low, high = consumer.get_watermark_offsets(place, timeout=ANSWER_TIMEOUT_S)
        except KafkaException as error:
            self._silent_since(begin)
            reason = f"does not say where partition {partition} of {self._topic} ends ({error.args[0].str()})"
            raise StoreError(f"Kafka at {self._settings.kafka.address} {reason}") from None
        self._answered()
        return low, high

    def read(self, partition: int, start: int, end: int, deadline: float) -> Iterator[list[Message]]:
        """Yield the records of [start, end) in order, in lists.

        `deadline` is a value of `time.monotonic()`. Raises UnreadError where it passes, or where the brokers are
        silent for `SILENT_S`, which is then remembered; StoreError where the range is no longer kept.
        """
        if start >= end:
            return
        with self._consumer() as consumer:
            consumer.assign([TopicPartition(self._topic, partition, start)])
            heard = time.monotonic()
            while start < end:
                self._go_on(heard, deadline)
                records = consumer.consume(min(BATCH_RECORDS, end - start), timeout=POLL_S)
                heard = time.monotonic() if records else heard
                last = [self._place(record) for record in records]
                start = max([start, *last])
                if found := [record for record in records if not record.error() and record.offset() < end]:
                    count_consumed(self._topic, len(found))
                    yield found

    def _go_on(self, heard: float, deadline: float) -> None:
        """Raise UnreadError where it makes no sense to wait for more."""
        now = time.monotonic()
        if now >= deadline:
            raise UnreadError("the time allowed is over")
        if now - heard > SILENT_S:
            self._silent_since(heard)
        if now < self._away_until:
            raise UnreadError(f"Kafka at {self._settings.kafka.address} sent nothing")

    def _place(self, record: Message) -> int:
        """Return the offset that follows a record, or that the end of the partition has."""
        error = record.error()
        if error is None:
            return int(record.offset()) + 1
        if error.code() == KafkaError._PARTITION_EOF:
            return int(record.offset())
        raise StoreError(f"Kafka: cannot read {self._topic} partition {record.partition()}: {error.str()}")

    def _answered(self) -> None:
        self._heard, self._away_until = time.monotonic(), 0.0

    def _silent_since(self, begin: float) -> None:
        """Leave the brokers alone for a moment, unless they have answered somebody else since then."""
        if self._heard < begin:
            self._away_until = time.monotonic() + AWAY_S

    def _ask_again(self) -> float:
        """Return the time, by the monotonic clock.

        Raises StoreError while brokers that did not answer are left alone; after that one caller asks first.
        """
        with self._lock:
            now = time.monotonic()
            if now < self._away_until:
                raise StoreError(f"Kafka at {self._settings.kafka.address} did not answer a moment ago")
            if self._away_until:
                self._away_until = now + ANSWER_TIMEOUT_S
            return now

    @contextmanager
    def _consumer(self) -> Iterator[Consumer]:
        """Lend a consumer; it is kept for the next one to ask, unless enough are, or it failed."""
        try:
            consumer = self._idle.get_nowait()
        except Empty:
            consumer = Consumer(reader_config(self._settings) | {"fetch.wait.max.ms": 1})
        kept = False
        try:
            yield consumer
            if not self._idle.full():
                consumer.unassign()
                self._idle.put_nowait(consumer)
                kept = True
        finally:
            if not kept:
                consumer.close()


def decoded(topic: Topic, records: Sequence[Message]) -> Decoded:
    """Return what records hold: the rows of the contract, and which records break it."""
    partitions = pa.array([record.partition() for record in records], pa.int32())
    offsets = pa.array([record.offset() for record in records], pa.int64())
    times = pa.array([record.timestamp()[1] for record in records], pa.timestamp("ms", tz="UTC"))
    return decoder(topic).decode([record.value() for record in records], partitions, offsets, times)


_M, _SEED, _WORD = 0x5BD1E995, 0x9747B28C, 0xFFFFFFFF


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition that Kafka's own producers choose for a key: murmur2, without its sign (Kafka, `Utils`)."""
    h = (_SEED ^ len(key)) & _WORD
    whole = len(key) & ~3
    for start in range(0, whole, 4):
        k = int.from_bytes(key[start : start + 4], "little") * _M & _WORD
        h = (h * _M & _WORD) ^ ((k ^ k >> 24) * _M & _WORD)
    if rest := key[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * _M & _WORD
    h = (h ^ h >> 13) * _M & _WORD
    return ((h ^ h >> 15) & 0x7FFFFFFF) % partitions
