"""Bodies of the requests and answers of /v1/context, with the examples of /docs."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from helix_pipeline.domain.context.request import Strategy
from helix_pipeline.domain.context.result import ChatMessage, CompressionStats, KeptMessage, SummaryBy
from helix_pipeline.services.context.conversation import Source
from helix_pipeline.services.context.messages import MAX_MESSAGES, AddedMessage
from helix_pipeline.services.context.requests import MAX_PAGE
from helix_pipeline.services.outbox import Stored

REPLAY_EXAMPLES: dict[str, Any] = {
    "compressed": {
        "summary": "At most 4,000 tokens, with what answers a question",
        "value": {
            "conversation_id": "conv-123",
            "compression_strategy": "hybrid",
            "max_tokens": 4000,
            "query": "When does she move?",
        },
    },
    "a share": {
        "summary": "A third of it",
        "value": {"conversation_id": "conv-123", "compression_strategy": "window", "ratio": 0.33},
    },
    "complete": {
        "summary": "All messages, a page at a time; with Accept: application/x-ndjson all at once",
        "value": {"conversation_id": "conv-123", "compression_strategy": "none", "limit": 1000},
    },
    "a time": {
        "summary": "What was said in January",
        "value": {
            "conversation_id": "conv-123",
            "compression_strategy": "none",
            "from": "2026-01-01T00:00:00Z",
            "to": "2026-02-01T00:00:00Z",
        },
    },
}
SEARCH_EXAMPLES: dict[str, Any] = {
    "a conversation": {"value": {"conversation_id": "conv-123", "query": "When does she move?", "top_k": 5}},
    "all of a user": {"value": {"user_id": "user-7", "query": "Which database did we choose?"}},
}
MESSAGES_EXAMPLES: dict[str, Any] = {
    "two messages": {
        "value": {
            "conversation_id": "conv-123",
            "messages": [
                {"role": "user", "name": "Caroline", "content": "I move on 4 May.", "message_id": "m-418"},
                {"role": "assistant", "content": "Noted."},
            ],
        }
    }
}

ConversationId = Annotated[str, Field(examples=["conv-123"])]
Notes = Annotated[
    list[str],
    Field(description="Why not from a better source, and what may be missing", examples=[["lake not used: …"]]),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=False)


class ReplayBody(_Body):
    """A conversation, whole or compressed. What is left open is as the settings `context.*` say."""

    conversation_id: ConversationId
    compression_strategy: Literal["none"] | Strategy | None = None
    max_tokens: int | None = Field(default=None, description="Of this and `ratio` the smaller budget counts")
    ratio: float | None = Field(default=None, description="Share of the original tokens, over 0, at most 1")
    query: str | None = Field(default=None, max_length=10_000, description="What the context will be used for")
    start: datetime | None = Field(default=None, alias="from", description="Only what was said then or later")
    end: datetime | None = Field(default=None, alias="to", description="Only what was said before")
    min_quality: float | None = Field(default=None, description="The answer carries a warning below it")
    importance_threshold: float | None = None
    retrieval_top_k: int | None = None
    encoding: str | None = Field(default=None, description="estimate, cl100k_base or o200k_base")
    cursor: str | None = Field(default=None, max_length=2_000, description="`next_cursor` of the page before")
    limit: int = Field(default=1_000, description=f"Messages of a page, 1 to {MAX_PAGE:,}")


class StoredMessage(BaseModel):
    """A message of a conversation, as it was added."""

    conversation_id: str
    event_id: str
    message_id: str | None
    sequence: int | None
    timestamp: datetime
    role: str | None
    name: str | None
    user_id: str | None
    session: str | None
    content: str | None


class _Replay(BaseModel):
    conversation_id: ConversationId
    source: Source = Field(description="Where most of it was read")
    complete: bool = Field(description="False where something may be missing; `notes` say what")
    notes: Notes
    cached: bool
    seconds: float


class CompressedReplay(_Replay):
    """A conversation within its budget. `messages` is all of it, ready to send to a chat model."""

    summary: str
    summary_by: SummaryBy
    summary_note: str | None = Field(description="Why the summary of the model was not taken, where one was asked")
    key_entities: list[str]
    key_decisions: list[str]
    recent_messages: list[KeptMessage]
    selected_messages: list[KeptMessage]
    compression_stats: CompressionStats
    warning: str | None
    messages: list[ChatMessage]


class ReplayPage(_Replay):
    """Messages of a conversation in order; `next_cursor` asks for those that follow, where there are more."""

    messages: list[StoredMessage]
    next_cursor: str | None


class SearchBody(_Body):
    """A question to one conversation, or to all in which a user spoke."""

    query: str = Field(max_length=10_000)
    conversation_id: str | None = None
    user_id: str | None = None
    top_k: int | None = None
    neighbours: int = Field(default=1, description="Messages before and after each that come with it, 0 to 20")


class MessageBody(_Body):
    """A message to add; without `sequence` it comes last, without `timestamp` it is said now."""

    role: str = Field(examples=["user"])
    content: str
    message_id: str | None = Field(default=None, description="Sent again with the same id, it is the same message")
    sequence: int | None = None
    name: str | None = None
    user_id: str | None = None
    session: str | None = None
    timestamp: datetime | None = None
    tokens: int | None = None
    metadata: dict[str, Any] | None = None


class MessagesBody(_Body):
    """Messages of one conversation, which may be new."""

    conversation_id: ConversationId
    messages: list[MessageBody] = Field(min_length=1, max_length=MAX_MESSAGES)


class AddedMessages(BaseModel):
    """What became of the messages; the duplicates were there already and changed nothing.

    Those that came without a `sequence` get it in Kafka: in the `journal` it is null.
    """

    conversation_id: str
    accepted: int
    duplicates: int
    messages: list[AddedMessage]
    stored: Stored
