"""Counts records that go to Kafka and come from it, by topic."""

from helix_pipeline.contracts.topics import TOPICS
from helix_pipeline.telemetry import KAFKA_CONSUMED, KAFKA_PRODUCED, bounded

_TOPIC_NAMES = frozenset(topic.name for topic in TOPICS)


def count_produced(topic: str, records: int) -> None:
    """Count records that the brokers acknowledged, also to another process."""
    KAFKA_PRODUCED.labels(bounded(topic, _TOPIC_NAMES)).inc(records)


def count_consumed(topic: str, records: int) -> None:
    """Count records that were read, also by another process."""
    KAFKA_CONSUMED.labels(bounded(topic, _TOPIC_NAMES)).inc(records)
