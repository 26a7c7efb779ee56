"""The quarantine: the records that could not be read, listed by place and reason, exported for correction."""

import heapq
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds

from helix_pipeline.contracts.tables import LAKE_QUARANTINE
from helix_pipeline.contracts.topics import TOPICS, Topic
from helix_pipeline.contracts.wire import decoder
from helix_pipeline.errors import UsageError
from helix_pipeline.settings import Settings
from helix_pipeline.stores.lake import open_lake, open_table
from helix_pipeline.stores.ledger import digest

PREVIEW_CHARACTERS = 120
SCAN_ROWS = 256
_NUMBER = re.compile(r"\d+")
_QUOTED = re.compile(r"`[^`]*`|'[^']*'")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that could not be read: where and when it stood in Kafka, its raw bytes, and the reason."""

    topic: str
    partition: int
    offset: int
    ingested_at: datetime
    key: bytes | None
    value: bytes | None
    reason: str

    @property
    def place(self) -> str:
        """Name of the record, also where its topic was deleted and created again since."""
        return f"{self.topic}/{self.partition}/{self.offset}/{int(self.ingested_at.timestamp() * 1e6)}"

    @property
    def id(self) -> bytes:
        """Name of the record in the ledger of what was sent again."""
        return replay_id(self.place)

    @property
    def preview(self) -> str:
        """Return the beginning of the raw bytes as printable text: what is not is escaped."""
        text = (self.value or b"")[: 4 * PREVIEW_CHARACTERS].decode("utf-8", "backslashreplace")
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
        return shown if len(shown) <= PREVIEW_CHARACTERS else shown[: PREVIEW_CHARACTERS - 1] + "…"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records: of one topic, and with a text in their reason (case is ignored); none means all."""

    topic: str | None = None
    reason: str | None = None

    def expression(self) -> ds.Expression | None:
        """Return the selection as a filter of the quarantine table."""
        wanted = [ds.field("topic") == self.topic] if self.topic else []
        if self.reason:
            wanted.append(pc.match_substring(ds.field("reason"), self.reason, ignore_case=True))
        return wanted[0] & wanted[-1] if wanted else None


@dataclass(frozen=True, slots=True)
class Listing:
    """The newest records of a selection; `total` and `reasons` count all of it."""

    total: int
    reasons: dict[str, int]
    records: list[Quarantined]


def topic_named(name: str) -> Topic:
    """Return a topic of the contract. Raises UsageError for another name."""
    for topic in TOPICS:
        if topic.name == name:
            return topic
    raise UsageError(f"unknown topic {name!r}; use one of {', '.join(topic.name for topic in TOPICS)}")


def replay_id(place: str) -> bytes:
    """Return the id under which the ledger keeps that the record of a place was sent again."""
    return digest("quarantine", place)


def read(settings: Settings, selection: Selection) -> Iterator[Quarantined]:
    """Yield the records of a selection in bounded memory. Raises StoreError where there is no table."""
    if selection.topic:
        topic_named(selection.topic)
    dataset = open_table(open_lake(settings), LAKE_QUARANTINE.name).to_pyarrow_dataset()
    batches = dataset.to_batches(
        columns=LAKE_QUARANTINE.schema.names,
        batch_size=SCAN_ROWS,
        batch_readahead=1,
        fragment_readahead=1,
    )
    wanted = selection.expression()
    for batch in batches:
        # Not pushed into the scan: delta-rs drops files whose log has no statistics for the column.
        for row in (batch if wanted is None else batch.filter(wanted)).to_pylist():
            yield _record(row)


def list_records(settings: Settings, selection: Selection, limit: int) -> Listing:
    """Return the newest `limit` records of a selection, and how many there are for each reason."""
    reasons: Counter[str] = Counter()

    def counted() -> Iterator[Quarantined]:
        for record in read(settings, selection):
            reasons[generic(record.reason)] += 1
            yield record

    newest = heapq.nlargest(limit, counted(), key=lambda record: (record.ingested_at, record.place))
    return Listing(reasons.total(), dict(reasons.most_common()), newest)


def generic(reason: str) -> str:
    """Return a reason without what is particular to one record, so that reasons can be counted."""
    return _NUMBER.sub("N", _QUOTED.sub("`…`", reason))


def still_unreadable(topic: str, value: bytes | None) -> str | None:
    """Return why a record of a topic cannot be read by this version, or none where it can."""
    return decoder(topic_named(topic)).reason(value)


def export(settings: Settings, selection: Selection, out: Path) -> int:
    """Write what is still unreadable as JSON lines to correct; return how many.

    `value` is the object where the bytes are JSON, else their text with what is not UTF-8 escaped. Raises
    UsageError where the file cannot be written.
    """
    count = 0
    try:
        with out.open("w", encoding="utf-8") as lines:
            for record in read(settings, selection):
                if still_unreadable(record.topic, record.value):
                    lines.write(json.dumps(_to_correct(record), ensure_ascii=False) + "\n")
                    count += 1
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from None
    return count


def _record(row: dict[str, Any]) -> Quarantined:
    return Quarantined(
        topic=row["topic"],
        partition=row["kafka_partition"],
        offset=row["kafka_offset"],
        ingested_at=row["ingested_at"].astimezone(UTC),
        key=row["key"],
        value=row["value"],
        reason=row["reason"],
    )


def _to_correct(record: Quarantined) -> dict[str, Any]:
    raw = record.value or b""
    try:
        value = json.loads(raw)
    except ValueError:
        value = raw.decode("utf-8", "backslashreplace")
    place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    return {**place, "reason": record.reason, "value": value}
