"""The event log (Kafka): topics, an idempotent producer, and bounded reads by offset.

Every call ends within a time-out and raises StoreError, which names the brokers and what to do.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)  # fmt: skip
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from helix_pipeline.contracts.topics import TOPICS, Topic
from helix_pipeline.errors import StoreError
from helix_pipeline.settings import Settings
from helix_pipeline.stores.kafka_client import (
    CONNECT_TIMEOUT_S,
    DELIVERY_TIMEOUT_S,
    REQUEST_TIMEOUT_S,
    admin_client,
    code_of,
    producer_config,
    reader_config,
    result_of,
    topic_metadata,
)  # fmt: skip
from helix_pipeline.stores.kafka_counts import count_consumed, count_produced
from helix_pipeline.tracing import span

_ELECTING = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
}
"""Errors of partitions that have no leader yet, or a new one, as just after their creation or a restart."""

Ranges = Mapping[int, tuple[int, int]]


def ensure_topics(settings: Settings) -> dict[str, str]:
    """Create the topics of the contract that are missing and bring the limits of the others in line.

    Returns what was done per topic: `created`, `ready` or `updated`. A number of partitions that differs is
    reported and left: more partitions would move keys and break the order per entity, fewer cannot be.
    """
    admin = admin_client(settings)
    present = topic_metadata(admin, settings)
    missing = [topic for topic in TOPICS if topic.name not in present]
    _create(admin, missing, settings)
    found = [topic for topic in TOPICS if topic.name in present]
    updated = _align(admin, found, settings)
    states = {topic.name: "created" for topic in missing}
    for topic in found:
        count = len(present[topic.name].partitions)
        states[topic.name] = "updated" if topic.name in updated else "ready"
        if count != topic.partitions:
            states[topic.name] += f", but has {count} partitions instead of {topic.partitions}"
    return {topic.name: states[topic.name] for topic in TOPICS}


def _limits(topic: Topic, settings: Settings) -> dict[str, str]:
    hours = settings.retention.kafka_hours * topic.retention_factor
    return {
        "retention.ms": str(hours * 3_600_000),
        "max.message.bytes": str(settings.kafka.max_message_bytes),
    }


def _create(admin: AdminClient, topics: Sequence[Topic], settings: Settings) -> None:
    new = [
        NewTopic(topic.name, topic.partitions, settings.kafka.replication_factor, config=_limits(topic, settings))
        for topic in topics
    ]
    if not new:
        return
    for name, future in admin.create_topics(new, request_timeout=REQUEST_TIMEOUT_S).items():
        try:
            result_of(future, settings, f"create topic {name}")
        except StoreError as error:
            if code_of(error) != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def _align(admin: AdminClient, topics: Sequence[Topic], settings: Settings) -> set[str]:
    """Set the limits that differ; return the names of the topics that were changed."""
    current, differing = _configured(admin, topics, settings), []
    for topic in topics:
        found = current[topic.name]
        wanted = {key: value for key, value in _limits(topic, settings).items() if found[key] != value}
        if wanted:
            differing.append(_change(topic.name, wanted))
    if differing:
        for resource, future in admin.incremental_alter_configs(differing, request_timeout=REQUEST_TIMEOUT_S).items():
            result_of(future, settings, f"configure {resource.name}")
    return {resource.name for resource in differing}


def _configured(admin: AdminClient, topics: Sequence[Topic], settings: Settings) -> dict[str, dict[str, str]]:
    """Return what is configured for each of these topics, by its name."""
    if not topics:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, topic.name) for topic in topics]
    futures = admin.describe_configs(resources, request_timeout=REQUEST_TIMEOUT_S)
    found = {
        resource.name: result_of(future, settings, f"read the configuration of {resource.name}")
        for resource, future in futures.items()
    }
    return {name: {key: entry.value for key, entry in entries.items()} for name, entries in found.items()}


def retention_ms(settings: Settings) -> dict[str, int]:
    """Return for how many milliseconds each topic of the contract that exists keeps records; -1 is for ever."""
    admin = admin_client(settings)
    present = topic_metadata(admin, settings)
    found = _configured(admin, [topic for topic in TOPICS if topic.name in present], settings)
    return {name: int(values["retention.ms"]) for name, values in found.items()}


def _change(name: str, values: Mapping[str, str]) -> ConfigResource:
    entries = [ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in values.items()]
    return ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)


def cluster_id(settings: Settings) -> str:
    """Return the id that the Kafka cluster was formatted with."""
    admin = admin_client(settings)
    future = admin.describe_cluster(request_timeout=REQUEST_TIMEOUT_S)
    return str(result_of(future, settings, "describe the cluster").cluster_id)


def topic_ids(settings: Settings) -> dict[str, str]:
    """Return the id of each topic of the contract.

    A topic that is deleted and created again has a new one.
    """
    admin = admin_client(settings)
    names = TopicCollection([topic.name for topic in TOPICS])
    futures = admin.describe_topics(names, request_timeout=REQUEST_TIMEOUT_S)
    return {
        name: str(result_of(future, settings, f"describe topic {name}").topic_id) for name, future in futures.items()
    }


def record_ranges(settings: Settings, topic: str) -> dict[int, tuple[int, int]]:
    """Return per partition the first offset that is kept and the one after the last."""
    admin = admin_client(settings)
    metadata = topic_metadata(admin, settings)
    if topic not in metadata:
        raise StoreError(f"Kafka at {settings.kafka.address} has no topic {topic}: create it with `helix topics`")
    partitions = sorted(metadata[topic].partitions)
    first = _offsets(admin, settings, topic, partitions, OffsetSpec.earliest())
    end = _offsets(admin, settings, topic, partitions, OffsetSpec.latest())
    return {partition: (first[partition], end[partition]) for partition in partitions}


@retry(
    retry=retry_if_exception(lambda error: isinstance(error, StoreError) and code_of(error) in _ELECTING),
    stop=stop_after_delay(REQUEST_TIMEOUT_S),
    wait=wait_fixed(0.1),
    reraise=True,
)
def _offsets(
    admin: AdminClient, settings: Settings, topic: str, partitions: Iterable[int], spec: OffsetSpec
) -> dict[int, int]:
    asked = {TopicPartition(topic, partition): spec for partition in partitions}
    futures = admin.list_offsets(asked, request_timeout=REQUEST_TIMEOUT_S)
    return {
        place.partition: int(result_of(future, settings, f"list offsets of {topic}").offset)
        for place, future in futures.items()
    }


def read_records(
    settings: Settings, topic: str, ranges: Ranges, batch: int = 5_000, timeout_s: float = REQUEST_TIMEOUT_S
) -> Iterator[list[Message]]:
    """Yield all records within [start, end) per partition, in lists of up to `batch`, ordered per partition.

    Raises StoreError where nothing arrives for `timeout_s`, or where a start offset is no longer kept.
    """
    ends = {partition: end for partition, (start, end) in ranges.items() if start < end}
    consumer = Consumer(reader_config(settings))
    try:
        consumer.assign([TopicPartition(topic, partition, ranges[partition][0]) for partition in ends])
        deadline = time.monotonic() + timeout_s
        while ends:
            messages = consumer.consume(batch, timeout=0.5)
            if messages:
                deadline = time.monotonic() + timeout_s
            elif time.monotonic() > deadline:
                raise StoreError(f"Kafka at {settings.kafka.address} sent nothing of {topic} for {timeout_s:g} s")
            if records := [message for message in messages if _within(message, ends)]:
                count_consumed(topic, len(records))
                yield records
    finally:
        consumer.close()


def _within(message: Message, ends: dict[int, int]) -> bool:
    """Say whether the message belongs to what is read, and forget its partition where that has ended."""
    partition, error = message.partition(), message.error()
    if error is not None and error.code() != KafkaError._PARTITION_EOF:
        raise StoreError(f"Kafka: cannot read {message.topic()} partition {partition}: {error.str()}")
    end = ends.get(partition)
    if end is None:
        return False
    if error is not None or message.offset() >= end - 1:
        del ends[partition]
    return error is None and message.offset() < end


class EventProducer:
    """Publishes records idempotently, acknowledged by all in-sync replicas, from a bounded queue.

    Keys are put on partitions as Java clients do (murmur2). `publish` waits while the queue is full; `flush`
    says whether everything arrived. A broker that restarts is waited for, up to DELIVERY_TIMEOUT_S per
    record.
    """

    def __init__(self, settings: Settings) -> None:
        self._address = settings.kafka.address
        self._failures = 0
        self._first_failure = ""
        self._sent: Counter[str] = Counter()
        self._producer = Producer(producer_config(settings) | {"on_delivery": self._delivered})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()

    def publish(
        self, topic: str, key: str | bytes, value: bytes, headers: list[tuple[str, bytes]] | None = None
    ) -> None:
        """Queue a record. Raises StoreError where the queue stays full or the record is refused outright."""
        deadline = time.monotonic() + DELIVERY_TIMEOUT_S
        while True:
            try:
                self._producer.produce(topic, value, key, headers=headers or [])
            except BufferError:
                self._producer.poll(0.1)
                if time.monotonic() > deadline:
                    raise StoreError(f"Kafka at {self._address} takes no more records: its queue is full") from None
            except KafkaException as error:
                raise StoreError(f"Kafka refused a record for {topic}: {error.args[0].str()}") from None
            else:
                self._sent[topic] += 1
                return

    def flush(self, timeout: float = DELIVERY_TIMEOUT_S + CONNECT_TIMEOUT_S) -> None:
        """Wait until all queued records are acknowledged.

        Raises StoreError with the number of records that are not, and the first reason.
        """
        with span("kafka publish", "producer", messaging_system="kafka", messages=self._sent.total()):
            waiting = self._producer.flush(timeout)
        if not waiting:
            self._count_sent()
        if waiting or self._failures:
            reason = self._first_failure or f"no acknowledgement in {timeout:g} s"
            count = waiting + self._failures
            self._failures, self._first_failure = 0, ""
            raise StoreError(f"Kafka at {self._address} did not take {count} records: {reason}")

    def abort(self) -> None:
        """Drop what is queued or on its way; whether the latter arrived stays open."""
        self._producer.purge()
        self._producer.flush(CONNECT_TIMEOUT_S)
        self._sent.clear()

    def _count_sent(self) -> None:
        for topic, records in self._sent.items():
            count_produced(topic, records)
        self._sent.clear()

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failures += 1
            self._sent[message.topic()] -= 1
            self._first_failure = self._first_failure or f"{message.topic()}: {error.str()}"
