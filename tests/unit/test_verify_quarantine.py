"""Quarantined records without any store: names of places, previews, and reasons that can be counted."""

from datetime import UTC, datetime

import pytest

from helix_pipeline.contracts.events import ConversationCompleted
from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.errors import UsageError
from helix_pipeline.services.quarantine import PREVIEW_CHARACTERS, Quarantined, generic, still_unreadable

TIME = datetime(2026, 1, 2, tzinfo=UTC)


def record(value: bytes | None, offset: int = 7, ingested_at: datetime = TIME) -> Quarantined:
    return Quarantined(CONVERSATIONS.name, 1, offset, ingested_at, None, value, "reason")


@pytest.mark.parametrize(
    ("value", "preview"),
    [
        (None, ""),
        (b"plain", "plain"),
        ("Grüße".encode(), "Grüße"),
        (b"\x00\x1b[31m\n", "\\x00\\x1b[31m\\n"),
        (b"\xff", "\\xff"),
        ("\u202eabc".encode(), "\\u202eabc"),
        (b"x" * 10_000, "x" * (PREVIEW_CHARACTERS - 1) + "…"),
        (b"\x00" * 10_000, ("\\x00" * PREVIEW_CHARACTERS)[: PREVIEW_CHARACTERS - 1] + "…"),
    ],
)
def test_a_preview_is_short_and_printable(value: bytes | None, preview: str) -> None:
    assert record(value).preview == preview


def test_a_place_of_a_topic_created_again_is_another_one() -> None:
    later = TIME.replace(microsecond=1)
    assert record(b"").id == record(b"other value").id
    assert len({record(b"").id, record(b"", offset=8).id, record(b"", ingested_at=later).id}) == 3


def test_reasons_are_counted_without_their_particulars() -> None:
    first = generic("Expected `int` >= 0 - at `$.tokens` (byte 17)")
    assert first == generic("Expected `int` >= 0 - at `$.sequence` (byte 4)")
    assert first != generic("Object missing required field `topic`")


def test_what_is_unreadable_is_told_by_the_contract() -> None:
    assert still_unreadable(CONVERSATIONS.name, b"{}") is not None
    good = ConversationCompleted(event_id="e", timestamp=TIME, conversation_id="c").model_dump_json(exclude_none=True)
    assert still_unreadable(CONVERSATIONS.name, good.encode()) is None
    with pytest.raises(UsageError, match="unknown topic"):
        still_unreadable("other", good)
