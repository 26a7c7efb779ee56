"""The events on Kafka: one Pydantic model per event type. This is the contract; all other schemas derive from it.

JSON on the wire, one event per record. The record key is the id of the entity that the event belongs to, so
that order holds per entity. Every event is immutable: a correction is a new event.
"""

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)

Identifier = Annotated[str, Field(min_length=1, max_length=512)]
Name = Annotated[str, Field(min_length=1, max_length=256)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Sequence = Annotated[int, Field(ge=0, le=2**63 - 1)]
Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]


class Event(BaseModel):
    """What every event carries. `timestamp` is UTC event time within [2000, 2100)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    entity_field: ClassVar[str]

    schema_version: Annotated[int, Field(ge=1, le=SCHEMA_VERSION)] = SCHEMA_VERSION
    event_id: Identifier
    timestamp: Annotated[AwareDatetime, Field(ge=EARLIEST, lt=LATEST)]
    metadata: dict[str, Any] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        """Id of the entity that the event belongs to: the Kafka record key."""
        return str(getattr(self, self.entity_field))


class MessageAdded(Event):
    """One message said in a conversation. `sequence` orders the messages of a conversation, from 0."""

    entity_field: ClassVar[str] = "conversation_id"

    event_type: Literal["message.added"] = "message.added"
    conversation_id: Identifier
    message_id: Identifier
    sequence: Sequence
    role: Name
    name: Name | None = None
    user_id: Identifier | None = None
    session: Name | None = None
    content: str
    tokens: Count | None = None


class ConversationCompleted(Event):
    """A conversation was closed. `messages` is how many it had, where the producer knows."""

    entity_field: ClassVar[str] = "conversation_id"

    event_type: Literal["conversation.completed"] = "conversation.completed"
    conversation_id: Identifier
    user_id: Identifier | None = None
    messages: Count | None = None


class DebateStarted(Event):
    """A debate between models began. `participants` are their names within the debate."""

    entity_field: ClassVar[str] = "debate_id"

    event_type: Literal["debate.started"] = "debate.started"
    debate_id: Identifier
    conversation_id: Identifier | None = None
    topic: str
    participants: list[str] = Field(default_factory=list)


class DebateTurn(Event):
    """One turn of a participant. `round` counts from 1; `characters` is the length where `content` is not kept."""

    entity_field: ClassVar[str] = "debate_id"

    event_type: Literal["debate.turn"] = "debate.turn"
    debate_id: Identifier
    conversation_id: Identifier | None = None
    topic: str
    round: Count
    turn: Count
    participant: Name
    position: Name | None = None
    provider: Name
    model: Name
    content: str
    characters: Count | None = None
    response_time_ms: Amount | None = None
    confidence: Share | None = None


class DebateJudged(Event):
    """One judge's verdict. `margin` > 0 favours the first participant; `preference` is its share in [0, 1]."""

    entity_field: ClassVar[str] = "debate_id"

    event_type: Literal["debate.judged"] = "debate.judged"
    debate_id: Identifier
    conversation_id: Identifier | None = None
    judge: Name
    winner: Name | None = None
    margin: float | None = None
    preference: Share | None = None
    confidence: Share | None = None


class DebateCompleted(Event):
    """A debate ended. `winner` is a participant, or none for a draw; `round` is the number of rounds held."""

    entity_field: ClassVar[str] = "debate_id"

    event_type: Literal["debate.completed"] = "debate.completed"
    debate_id: Identifier
    conversation_id: Identifier | None = None
    topic: str
    round: Count
    winner: Name | None = None
    consensus_reached: bool
    confidence: Share | None = None


class ProviderCalled(Event):
    """One call of a provider's model. Latency in milliseconds, cost in US dollars."""

    entity_field: ClassVar[str] = "request_id"

    event_type: Literal["provider.called"] = "provider.called"
    request_id: Identifier
    conversation_id: Identifier | None = None
    debate_id: Identifier | None = None
    provider: Name
    model: Name
    latency_ms: Amount
    tokens_prompt: Count
    tokens_completion: Count
    success: bool
    error_type: Name | None = None
    cost: Amount


class DeadLetter(Event):
    """A record that could not be read: where it was, why, and its raw bytes in base64."""

    entity_field: ClassVar[str] = "event_id"

    event_type: Literal["record.rejected"] = "record.rejected"
    topic: Name
    partition: Count
    offset: Sequence
    reason: str
    raw: str


def stable_id(*parts: object) -> str:
    """Return a 128-bit hex id that is the same for the same parts: how producers name events (blake2b)."""
    return blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).hexdigest()
