"""The Kafka topics: name, partitions and which events they carry."""

from dataclasses import dataclass

from helix_pipeline.contracts import events
from helix_pipeline.contracts.knowledge_events import EntityStated, RelationshipStated


@dataclass(frozen=True)
class Topic:
    """A topic and its contract. `retention_factor` multiplies the configured retention."""

    name: str
    partitions: int
    events: tuple[type[events.Event], ...]
    retention_factor: int = 1


CONVERSATIONS = Topic("helixagent.conversations", 16, (events.MessageAdded, events.ConversationCompleted))
DEBATES = Topic(
    "helixagent.debates",
    8,
    (events.DebateStarted, events.DebateTurn, events.DebateJudged, events.DebateCompleted),
)
PROVIDERS = Topic("helixagent.providers", 8, (events.ProviderCalled,))
KNOWLEDGE = Topic("helixagent.knowledge", 8, (EntityStated, RelationshipStated))
DEADLETTER = Topic("helixagent.deadletter", 1, (events.DeadLetter,), retention_factor=4)

TOPICS = (CONVERSATIONS, DEBATES, PROVIDERS, KNOWLEDGE, DEADLETTER)


def topic_of(event: events.Event) -> Topic:
    """Return the topic that carries this kind of event."""
    return next(topic for topic in TOPICS if isinstance(event, topic.events))
