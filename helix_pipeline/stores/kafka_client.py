"""What every Kafka client here shares: options, time-outs, and errors of librdkafka as StoreError."""

from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from helix_pipeline.errors import StoreError
from helix_pipeline.settings import Settings

CONNECT_TIMEOUT_S = 5.0
REQUEST_TIMEOUT_S = 30.0
DELIVERY_TIMEOUT_S = 120.0
_QUEUE_MESSAGES = 100_000
_QUEUE_KBYTES = 64 << 10
_T = TypeVar("_T")


def client_config(settings: Settings) -> dict[str, Any]:
    """Options of every client. librdkafka's own log is off: what fails is raised."""
    return {
        "bootstrap.servers": settings.kafka.address,
        "client.id": "helix",
        "log_level": 0,
        "socket.keepalive.enable": True,
        "socket.connection.setup.timeout.ms": int(CONNECT_TIMEOUT_S * 1000),
        "reconnect.backoff.max.ms": 1_000,
    }


def producer_config(settings: Settings) -> dict[str, Any]:
    """Options of an idempotent producer with a bounded queue, acknowledged by all in-sync replicas."""
    largest = settings.kafka.max_message_bytes
    return client_config(settings) | {
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "lz4",
        "linger.ms": 5,
        "partitioner": "murmur2_random",
        "message.max.bytes": largest,
        "queue.buffering.max.messages": _QUEUE_MESSAGES,
        "queue.buffering.max.kbytes": max(_QUEUE_KBYTES, 2 * largest >> 10),
        "delivery.timeout.ms": int(DELIVERY_TIMEOUT_S * 1000),
        "delivery.report.only.error": True,
    }


def reader_config(settings: Settings) -> dict[str, Any]:
    """Options of a consumer that reads ranges of offsets, in no group, with bounded buffers."""
    largest = settings.kafka.max_message_bytes
    fetched = max(32 << 20, 2 * largest)
    return client_config(settings) | {
        "group.id": "helix-bounded-read",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": 20,
        "message.max.bytes": largest,
        "max.partition.fetch.bytes": max(1 << 20, largest),
        "fetch.max.bytes": fetched,
        "receive.message.max.bytes": fetched + (1 << 20),
        "queued.max.messages.kbytes": _QUEUE_KBYTES,
    }


def admin_client(settings: Settings) -> AdminClient:
    """Return a client for topics and offsets.

    Its futures fail once it is dropped, so keep it until they are done.
    """
    return AdminClient(client_config(settings))


def topic_metadata(admin: AdminClient, settings: Settings) -> dict[str, Any]:
    """Return the cluster's topics by name.

    The first request, which shows whether the brokers answer at all.
    """
    topics: dict[str, Any] = _metadata(admin, settings, CONNECT_TIMEOUT_S).topics
    return topics


def broker_count(admin: AdminClient, settings: Settings, timeout_s: float) -> int:
    """Return how many brokers the cluster has. Raises StoreError where none answers in time."""
    return len(_metadata(admin, settings, timeout_s).brokers)


def _metadata(admin: AdminClient, settings: Settings, timeout_s: float) -> ClusterMetadata:
    try:
        return admin.list_topics(timeout=timeout_s)
    except KafkaException as error:
        raise StoreError(
            f"Kafka at {settings.kafka.address} does not answer ({error.args[0].str()}): "
            "start it with `helix up`, or set KAFKA_BOOTSTRAP_SERVERS"
        ) from None


def result_of(future: "Future[_T]", settings: Settings, what: str) -> _T:
    """Return what a request gave. Raises StoreError, which says what could not be done."""
    try:
        return future.result(REQUEST_TIMEOUT_S + CONNECT_TIMEOUT_S)
    except (KafkaException, FutureTimeoutError) as error:
        raise StoreError(f"Kafka at {settings.kafka.address}: cannot {what}: {error}") from error


def code_of(error: StoreError) -> int | None:
    """Return the KafkaError code behind an error that `result_of` raised; none where there is none."""
    cause = error.__cause__
    return int(cause.args[0].code()) if isinstance(cause, KafkaException) else None
