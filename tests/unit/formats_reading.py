"""Reads bytes as a file of conversations, for the tests of the formats."""

import io
import json
from collections.abc import Iterable

from helix_pipeline.contracts.events import Event
from helix_pipeline.formats import BadFileError, Outcome, Rejected, Skipped, Source, read


def outcomes(data: bytes) -> list[Outcome]:
    return list(read(Source("file", io.BytesIO(data), len(data))))


def until_bad(data: bytes) -> tuple[list[Outcome], str]:
    """Return what was read before the file turned out bad, and the message."""
    found: list[Outcome] = []
    try:
        for outcome in read(Source("file", io.BytesIO(data), len(data))):
            found.append(outcome)
    except BadFileError as error:
        return found, str(error)
    raise AssertionError("the file was read to its end")


def events(data: bytes) -> list[Event]:
    found = outcomes(data)
    assert not [outcome for outcome in found if isinstance(outcome, Rejected | Skipped)], found
    return found


def rejections(data: bytes) -> list[tuple[str, str]]:
    return [(found.place, found.reason) for found in outcomes(data) if isinstance(found, Rejected)]


def jsonl(records: Iterable[object]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def said(position: int = 0, **changes: object) -> dict[str, object]:
    """Return a message record."""
    record = {
        "conversation_id": "c1",
        "message_id": f"m{position}",
        "role": "user",
        "content": f"text {position}",
        "timestamp": "2026-01-01T00:00:00Z",
    }
    return {key: value for key, value in (record | changes).items() if value is not ...}
