"""What analytics are asked of the stores: sums, whichever store has added them up. Shares and means come from these."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, TypeVar

from helix_pipeline.domain.analytics.window import Bucket, WholeHours, Window

_A = TypeVar("_A")
_B = TypeVar("_B")

Quantiles = tuple[float, float, float]
"""The quantiles .5, .95 and .99."""

NONE: Quantiles = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of a provider. Latency is in milliseconds, over all calls; cost in US dollars."""

    requests: int = 0
    failures: int = 0
    latency_ms: float = 0.0
    latency: Quantiles = NONE
    tokens_prompt: int = 0
    tokens_completion: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Turns:
    """Turns in debates; `timed` of them say how long they took, `rated` how sure they are (0 to 1 each)."""

    turns: int = 0
    timed: int = 0
    response_time_ms: float = 0.0
    response_time: Quantiles = NONE
    rated: int = 0
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Parts taken in debates that ended, and how many of them won."""

    debates: int = 0
    wins: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """All sums under one name: that of a provider, or of one of its models."""

    name: str
    calls: Calls = Calls()
    turns: Turns = Turns()
    outcomes: Outcomes = Outcomes()


@dataclass(frozen=True, slots=True)
class ProviderSums:
    """A provider, each of its models, and how often its calls failed by the type of the error."""

    whole: Figures
    models: Sequence[Figures]
    errors: dict[str, int]


@dataclass(frozen=True, slots=True)
class Sample:
    """One point of a series: the calls of a provider from `time` on, for one bucket."""

    time: datetime
    provider: str
    requests: int
    failures: int
    latency_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class ConversationDay:
    """Conversations in which something was said on a day; `seconds` from first to last message, added up."""

    date: date
    conversations: int
    messages: int
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Winner:
    """A model with the debates that ended with it, and those that it won."""

    provider: str
    model: str
    wins: int
    debates: int


@dataclass(frozen=True, slots=True)
class Winners:
    """The models with most wins; `ended` debates there were, `decided` of them with a winner."""

    models: tuple[Winner, ...] = ()
    ended: int = 0
    decided: int = 0


@dataclass(frozen=True, slots=True)
class WinsPoint:
    """One point of a series: a model's debates that ended in the bucket from `time` on, and those that it won."""

    time: datetime
    provider: str
    model: str
    wins: int
    debates: int


@dataclass(frozen=True, slots=True)
class Side:
    """A participant of one debate."""

    participant: str
    position: str | None
    provider: str
    model: str
    turns: Turns


@dataclass(frozen=True, slots=True)
class Debate:
    """One debate as its events tell it; `verdicts` are judges by the participant whom they named, '' for none."""

    debate_id: str
    topic: str | None
    started_at: datetime
    ended_at: datetime | None
    last_event_at: datetime
    rounds: int
    winner: str | None
    consensus_reached: bool | None
    sides: tuple[Side, ...]
    verdicts: dict[str, int]


@dataclass(frozen=True, slots=True)
class EntityDay:
    """What messages of a day named: `extractions` are pairs of message and entity, `messages` those that named any."""

    date: date
    extractions: int
    mentions: int
    entities: int
    messages: int


@dataclass(frozen=True, slots=True)
class EntityRise:
    """An entity with its mentions in a time, and in the time of equal length before."""

    entity_id: str
    name: str
    type: str
    mentions: int
    before: int


@dataclass(frozen=True, slots=True)
class Compressions:
    """Conversations that one strategy compressed; `quality` is the sum over the `rated` ones."""

    strategy: str
    contexts: int
    cached: int
    original_tokens: int
    compressed_tokens: int
    rated: int
    quality: float
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests that the API answered; `failures` with a status of 500 or more. Durations are milliseconds."""

    requests: int = 0
    failures: int = 0
    duration_ms: float = 0.0
    duration: Quantiles = NONE


class AnalyticsReader(Protocol):
    """What a store of events answers. `knows_entities` tells whether it knows what messages name."""

    knows_entities: bool

    def both(self, first: Callable[[], _A], second: Callable[[], _B]) -> tuple[_A, _B]:
        """Return what two questions to this reader return, asked at the same time where that helps."""
        ...

    def providers(self, within: Window) -> Sequence[Figures]:
        """Return the sums of each provider."""
        ...

    def provider(self, within: Window, name: str) -> ProviderSums:
        """Return one provider; of one that nothing is known of, zeros."""
        ...

    def series(self, within: Window, bucket: Bucket, provider: str = "") -> Sequence[Sample]:
        """Return the calls by bucket and provider, of one provider or of all, in order of time."""
        ...

    def conversations(self, within: Window) -> Sequence[ConversationDay]:
        """Return the days on which something was said, in order."""
        ...

    def winners(self, within: Window, limit: int) -> Winners:
        """Return the models that won most of the debates that ended in the window."""
        ...

    def wins(self, within: Window, bucket: WholeHours, limit: int) -> Sequence[WinsPoint]:
        """Return the debates of those `winners` that won any, by bucket and model, in order of time."""
        ...

    def debate(self, debate_id: str) -> Debate | None:
        """Return one debate, None where there is no event of it."""
        ...

    def entity_days(self, within: Window) -> Sequence[EntityDay]:
        """Return the days on which messages named entities, in order."""
        ...

    def entity_rises(self, within: Window, limit: int) -> Sequence[EntityRise]:
        """Return the entities with most mentions."""
        ...

    def compressions(self, within: Window) -> Sequence[Compressions]:
        """Return what was compressed, by strategy."""
        ...

    def usage(self, within: Window) -> Usage:
        """Return the requests of the API."""
        ...
