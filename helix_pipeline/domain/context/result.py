"""What the context engine gives back: a conversation within its budget, and how good that is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from helix_pipeline.domain.context.request import Strategy

SummaryBy = Literal["extract", "model"]


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message, or what is kept of it, in its own words; ` … ` stands where something is left out.

    `place` counts the messages of the conversation from 0; `score` in [0, 1] is how important it is held to be.
    """

    place: int
    message_id: str
    sequence: int
    timestamp: datetime
    speaker: str
    role: str
    text: str
    complete: bool
    score: float


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message as a chat model takes it."""

    role: str
    content: str
    name: str | None = None


@dataclass(frozen=True)
class CompressionStats:
    """Tokens before and after, and `quality_score` in [0, 1] as docs/CONTEXT.md defines it.

    `ratio` is compressed by original tokens; `seconds` is the time of the compression alone.
    """

    original_messages: int
    original_tokens: int
    budget_tokens: int
    compressed_tokens: int
    ratio: float
    quality_score: float
    strategy: Strategy
    encoding: str
    seconds: float


@dataclass(frozen=True)
class CompressedContext:
    """A compressed conversation. `messages` is all of it, ready to send, and what `compressed_tokens` counts.

    `selected` are the kept parts of older messages, in order, `recent` the newest messages; `summary` and
    `key_decisions` are sentences of the conversation, `key_entities` names in it, the most important first. `warning`
    says that the quality is below what was asked for, and what would help. `summary_by` is `model` where a language
    model wrote the summary; `summary_note` says why its summary was not taken, where one was asked.
    """

    summary: str
    key_entities: tuple[str, ...]
    key_decisions: tuple[str, ...]
    selected: tuple[KeptMessage, ...]
    recent: tuple[KeptMessage, ...]
    messages: tuple[ChatMessage, ...]
    stats: CompressionStats
    warning: str | None = None
    summary_by: SummaryBy = "extract"
    summary_note: str | None = None

    def answer(self) -> dict[str, Any]:
        """Return the parts under the names that the API and the shell give them."""
        return {
            "summary": self.summary,
            "summary_by": self.summary_by,
            "summary_note": self.summary_note,
            "key_entities": self.key_entities,
            "key_decisions": self.key_decisions,
            "recent_messages": self.recent,
            "selected_messages": self.selected,
            "compression_stats": self.stats,
            "warning": self.warning,
            "messages": self.messages,
        }
