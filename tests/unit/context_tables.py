"""Conversations for tests: tables as the context engine takes them, and any by hypothesis."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import strategies as st

from helix_pipeline.domain.context.conversation import CONVERSATION

START = datetime(2026, 6, 1, 9, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
PIECES = [
    "I",
    "went",
    "to",
    "Oslo",
    "on",
    "3",
    "May.",
    "Wow!",
    "She",
    "likes",
    "tea,",
    "we",
    "agreed.",
    "今日。",
    "\n\n",
    "…",
]
WORDS = st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join)


def conversation(*said: tuple[str, str], every: timedelta = timedelta(minutes=1)) -> pa.Table:
    """Return a conversation of (speaker, text), a message after each stretch of time."""
    rows = [
        {
            "conversation_id": "c",
            "event_id": f"e{place:06}",
            "message_id": f"m{place}",
            "sequence": place,
            "timestamp": START + place * every,
            "role": "user",
            "name": speaker,
            "content": text,
        }
        for place, (speaker, text) in enumerate(said)
    ]
    return pa.Table.from_pylist(rows, CONVERSATION)


@st.composite
def conversations(draw: st.DrawFn, min_size: int = 1) -> pa.Table:
    """Draw conversations of a few speakers over hours or days, in any script, with texts said twice and empty ones."""
    message = st.tuples(st.sampled_from(["Ann", "Bo", "assistant"]), TEXT | WORDS)
    said: Sequence[tuple[str, str]] = draw(st.lists(message, min_size=min_size, max_size=25))
    return conversation(*said, every=draw(st.sampled_from([timedelta(minutes=1), timedelta(hours=11)])))
