"""Sends quarantined records again, each at most once: what this version reads, or corrected versions.

The ledger of ingest keeps an id made of the record's place, under a name beside that of the cluster, so that
only a replay settles what a dead replay left behind: each record sent again carries its place in a header.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Self

from helix_pipeline.contracts.topics import TOPICS
from helix_pipeline.errors import UsageError
from helix_pipeline.services.quarantine import (
    Quarantined,
    Selection,
    generic,
    read,
    replay_id,
    still_unreadable,
    topic_named,
)
from helix_pipeline.settings import Settings
from helix_pipeline.stores import bus
from helix_pipeline.stores.ledger import Ledger, Offsets, entered

HEADER = "helix-replay-of"
CHUNK_RECORDS = 500
CHUNK_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Resend:
    """A record to send again: the one in quarantine, and the key and value that are sent."""

    original: Quarantined
    key: bytes
    value: bytes


@dataclass
class ReplayReport:
    """What a replay did: `sent` now (or would), sent `before`, and `left` because they cannot be read yet."""

    dry_run: bool = False
    sent: int = 0
    before: int = 0
    left: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Why records were left, with how many each."""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return asdict(self) | {"reasons": dict(self.reasons.most_common()), "seconds": round(self.seconds, 3)}

    def leave(self, reason: str) -> None:
        """Count a record that is left."""
        self.left += 1
        self.reasons[generic(reason)] += 1


def replay(settings: Settings, selection: Selection, dry_run: bool, corrected: Path | None = None) -> ReplayReport:
    """Send the records of a selection again, or with `corrected` the versions in that file.

    Each is sent at most once. Raises UsageError for a file that is not as `export` writes it, StoreError where
    a store fails; then the same call can be made again and completes the rest.
    """
    started = time.monotonic()
    report = ReplayReport(dry_run)
    source = _corrected(settings, corrected, report) if corrected else _as_they_are(settings, selection, report)
    if dry_run:
        for chunk in _chunks(source):
            before = entered(settings, [resend.original.id for resend in chunk])
            report.before += len(before)
            report.sent += len({resend.original.id for resend in chunk} - before)
    else:
        with Replayer(settings) as replayer:
            for chunk in _chunks(source):
                replayer.send(chunk, report)
    report.seconds = time.monotonic() - started
    return report


class Replayer:
    """Sends chunks of records, leaving out those that were sent before, by whomever."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        with ExitStack() as opened:
            self._ledger = opened.enter_context(Ledger(settings, f"{bus.cluster_id(settings)}/replay"))
            self._producer = opened.enter_context(bus.EventProducer(settings))
            self._ledger.recover(self._sent_since)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the producer, then give up what is pending: nothing is sent after it is given up."""
        self._opened.close()

    def send(self, chunk: Sequence[Resend], report: ReplayReport) -> None:
        """Send the records that were not sent before; all are acknowledged when this returns."""
        waiting = {resend.original.id: resend for resend in chunk}
        admission = self._ledger.admit(list(waiting), self._ends())
        for id_ in admission.new:
            self._publish(waiting[id_])
        if admission.chunk is not None:
            self._producer.flush()
            self._ledger.confirm(admission.chunk)
        for _ in admission.contested:
            report.leave("another replay is sending it")
        report.sent += len(admission.new)
        report.before += len(waiting) - len(admission.new) - len(admission.contested)

    def _publish(self, resend: Resend) -> None:
        header = (HEADER, resend.original.place.encode())
        self._producer.publish(resend.original.topic, resend.key, resend.value, [header])

    def _ends(self) -> Offsets:
        return {
            topic.name: {str(p): end for p, (_, end) in bus.record_ranges(self._settings, topic.name).items()}
            for topic in TOPICS
        }

    def _sent_since(self, offsets: Offsets) -> Iterator[bytes]:
        """Yield the ids of the records in Kafka that a replay has sent from these offsets on."""
        for topic, starts in offsets.items():
            ranges = {
                partition: (max(first, starts.get(str(partition), first)), end)
                for partition, (first, end) in bus.record_ranges(self._settings, topic).items()
            }
            for messages in bus.read_records(self._settings, topic, ranges):
                for message in messages:
                    yield from (replay_id(value.decode()) for name, value in message.headers() or () if name == HEADER)


def _as_they_are(settings: Settings, selection: Selection, report: ReplayReport) -> Iterator[Resend]:
    for record in read(settings, selection):
        reason = still_unreadable(record.topic, record.value)
        if reason:
            report.leave(reason)
        else:
            value = record.value or b""
            yield Resend(record, record.key or _entity_key(record.topic, json.loads(value)), value)


def _corrected(settings: Settings, path: Path, report: ReplayReport) -> Iterator[Resend]:
    """Yield the corrected versions that can be read, with the key of the entity that they name."""
    lines = _lines(path)
    while chunk := list(islice(lines, CHUNK_RECORDS)):
        wanted = {(line["topic"], line["partition"], line["offset"]): line["value"] for line in chunk}
        originals = _originals(settings, set(wanted))
        for place, value in wanted.items():
            encoded = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
            reason = still_unreadable(place[0], encoded)
            if place not in originals:
                report.leave("not in the quarantine")
            elif reason:
                report.leave(reason)
            else:
                yield Resend(originals[place], _entity_key(place[0], value), encoded)


def _entity_key(topic: str, event: dict[str, Any]) -> bytes:
    return str(event[topic_named(topic).events[0].entity_field]).encode()


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, text in enumerate(lines, start=1):
                if text.strip():
                    yield _line(text, f"{path}, line {number}")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: {error}") from None


def _line(text: str, where: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{where}: not JSON: {error}") from None
    kinds = {"topic": str, "partition": int, "offset": int, "value": dict}
    if not isinstance(line, dict):
        raise UsageError(f"{where}: expected an object with {', '.join(kinds)}")
    for name, kind in kinds.items():
        if not isinstance(line.get(name), kind):
            raise UsageError(f"{where}: `{name}` must be {kind.__name__}, found {str(line.get(name))[:80]!r}")
    topic_named(line["topic"])
    return line


def _originals(settings: Settings, places: set[tuple[str, int, int]]) -> dict[tuple[str, int, int], Quarantined]:
    """Return the records of these places; of a topic that was created again, the newest."""
    found: dict[tuple[str, int, int], Quarantined] = {}
    for record in read(settings, Selection()):
        place = (record.topic, record.partition, record.offset)
        if place in places and (place not in found or found[place].ingested_at < record.ingested_at):
            found[place] = record
    return found


def _chunks(resends: Iterable[Resend]) -> Iterator[list[Resend]]:
    chunk: list[Resend] = []
    size = 0
    for resend in resends:
        chunk.append(resend)
        size += len(resend.value)
        if len(chunk) >= CHUNK_RECORDS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
