"""Ingest: files to Kafka, each event once however often its file is read, in bounded memory."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from helix_pipeline.contracts.events import Event
from helix_pipeline.errors import UsageError
from helix_pipeline.formats import (
    BadFileError,
    Rejected,
    Skipped,
    Source,
    UnknownFormatError,
    find_files,
    open_source,
    read,
)
from helix_pipeline.formats.wire import Encoded, UnpublishableError, encode
from helix_pipeline.services.publishing import Publisher
from helix_pipeline.settings import Settings

CHUNK_EVENTS = 5_000
CHUNK_BYTES = 16 << 20
_EXAMPLES = 3
_FILES_SHOWN = 20


@dataclass
class IngestReport:
    """What an ingest did.

    `read` = `accepted` + `duplicates` + `rejected`, in events; `seconds` is elapsed time.
    """

    files: int = 0
    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    skipped: int = 0
    """Parts of the source that hold no message."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why events were rejected, with how many each."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    """Reason -> the first few places and details."""
    bad_files: list[str] = field(default_factory=list)
    """Files that could not be used, or not to their end, and why (the first few).

    Each counts as one rejection.
    """
    ignored_files: list[str] = field(default_factory=list)
    """Files found in folders that hold nothing of a known shape (the first few)."""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return asdict(self) | {"reasons": dict(self.reasons.most_common()), "seconds": round(self.seconds, 3)}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is.

    Bytes `consumed` of the file's `size` (none if unknown), events read in all files.
    """

    file: str
    consumed: int
    size: int | None
    read: int


def ingest(
    settings: Settings, paths: Sequence[Path], progress: Callable[[Progress], None] | None = None
) -> IngestReport:
    """Publish the events of files, folders and standard input (`-`), each event once; return what was done.

    Bad lines and bad files are counted in the report and reading goes on. Raises UsageError where a path does
    not exist, StoreError where Kafka or PostgreSQL fails: then the same call can be made again and completes
    the rest.
    """
    begin = time.monotonic()
    report = IngestReport()
    found = find_files(paths)
    with Publisher(settings) as publisher:
        run = _Run(settings, publisher, report, progress)
        for path, in_folder in found:
            run.file(path, in_folder)
    if not report.files and not report.bad_files:
        raise UsageError(f"{', '.join(map(str, paths))}: no file of a known format: {report.ignored_files[0]}")
    report.seconds = time.monotonic() - begin
    return report


class _Run:
    """The chunk that is being filled, and the counters."""

    def __init__(
        self,
        settings: Settings,
        publisher: Publisher,
        report: IngestReport,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._max_bytes = settings.kafka.max_message_bytes
        self._publisher = publisher
        self._report = report
        self._progress = progress or (lambda _: None)
        self._chunk: list[Encoded] = []
        self._bytes = 0

    def file(self, path: Path, in_folder: bool) -> None:
        """Publish all of a file; a file that is bad from some place on is published up to there."""
        try:
            with open_source(path) as source:
                self._events(source)
            self._report.files += 1
        except BadFileError as error:
            ignored = in_folder and isinstance(error, UnknownFormatError)
            shown = self._report.ignored_files if ignored else self._report.bad_files
            if len(shown) < _FILES_SHOWN:
                shown.append(str(error))
            if not ignored:
                self._reject("bad file", str(error))

    def _events(self, source: Source) -> None:
        """Publish what can be read, also where the file breaks off."""
        try:
            for outcome in read(source):
                if isinstance(outcome, Rejected):
                    self._reject(outcome.reason, f"{source.name}: {outcome.place}: {outcome.detail}")
                elif isinstance(outcome, Skipped):
                    self._report.skipped += 1
                else:
                    self._add(source, outcome)
        except BadFileError:
            self._publish(source)
            raise
        self._publish(source)

    def _add(self, source: Source, event: Event) -> None:
        try:
            record = encode(event, self._max_bytes)
        except UnpublishableError as error:
            self._reject(error.reason, f"{source.name}: {source.place}: {error}")
            return
        self._chunk.append(record)
        self._bytes += len(record.value)
        if len(self._chunk) >= CHUNK_EVENTS or self._bytes >= CHUNK_BYTES:
            self._publish(source)

    def _publish(self, source: Source) -> None:
        if self._chunk:
            accepted = self._publisher.publish(self._chunk)
            self._report.accepted += accepted
            self._report.duplicates += len(self._chunk) - accepted
            self._report.read += len(self._chunk)
            self._chunk, self._bytes = [], 0
        self._progress(Progress(source.name, source.consumed, source.size, self._report.read))

    def _reject(self, reason: str, example: str) -> None:
        self._report.read += 1
        self._report.rejected += 1
        self._report.reasons[reason] += 1
        examples = self._report.examples.setdefault(reason, [])
        if len(examples) < _EXAMPLES:
            examples.append(example)
