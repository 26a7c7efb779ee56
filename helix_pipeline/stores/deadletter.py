"""The dead-letter topic: tells other systems of each record that was put aside, at least once."""

from base64 import b64encode
from datetime import UTC, datetime
from functools import cache

import pyarrow as pa

from helix_pipeline.contracts.events import DeadLetter, stable_id
from helix_pipeline.contracts.topics import DEADLETTER
from helix_pipeline.settings import Settings
from helix_pipeline.stores.bus import EventProducer

FLUSH_S = 30.0


def publish_dead_letters(settings: Settings, rejected: pa.Table) -> None:
    """Publish a record of `QUARANTINE` rows each; returns when Kafka has acknowledged them.

    Raw bytes that would not fit into a record in base64 are cut; the quarantine table holds them whole.
    """
    producer = _producer(settings)
    room = settings.kafka.max_message_bytes // 2
    for row in rejected.to_pylist():
        letter = _letter(row, room)
        producer.publish(DEADLETTER.name, letter.key, letter.model_dump_json().encode())
    producer.flush(FLUSH_S)


def _letter(row: dict[str, object], room: int) -> DeadLetter:
    place = (row["topic"], row["kafka_partition"], row["kafka_offset"])
    raw = row["value"] or b""
    assert isinstance(raw, bytes)
    return DeadLetter.model_validate(
        {
            "event_id": stable_id("deadletter", *place),
            "timestamp": datetime.now(UTC),
            "topic": place[0],
            "partition": place[1],
            "offset": place[2],
            "reason": row["reason"],
            "raw": b64encode(raw[:room]).decode(),
        }
    )


@cache
def _producer(settings: Settings) -> EventProducer:
    """Return the producer of this worker process."""
    return EventProducer(settings)
