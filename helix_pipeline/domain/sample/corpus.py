"""The whole corpus as one stream of events: conversations, then debates, then provider calls."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache

from helix_pipeline.contracts.events import Event
from helix_pipeline.domain.sample.chance import chance
from helix_pipeline.domain.sample.conversations import ConversationPlan, conversation, conversation_plan
from helix_pipeline.domain.sample.debates import LINKED_SHARE, DebatePlan, debate, debate_plan
from helix_pipeline.domain.sample.providers import provider_call

START = datetime(2026, 6, 1, tzinfo=UTC)
IN_CONVERSATION_SHARE = 0.65
IN_DEBATE_SHARE = 0.2
"""Shares of the provider calls that belong to a conversation or to a debate; the rest stand alone."""


def generate(
    seed: int = 7,
    conversations: int = 240,
    debates: int = 80,
    provider_calls: int = 4000,
    start: datetime = START,
) -> Iterator[Event]:
    """Yield the events of a corpus of this size, made one at a time: any size takes constant memory.

    The same arguments give the same bytes. The events of one conversation, debate or call are together and in
    order; the three kinds follow one another. `start` is midnight UTC of the first of about sixty days.
    Raises ValueError where a size is negative.
    """
    if min(conversations, debates, provider_calls) < 0:
        raise ValueError(f"sizes must not be negative: {conversations}, {debates}, {provider_calls}")
    return _events(_Plans(seed, conversations, debates, start), provider_calls)


class _Plans:
    """The plans of a corpus, made again whenever one is asked for, so that nothing is held."""

    def __init__(self, seed: int, conversations: int, debates: int, start: datetime) -> None:
        self.seed = seed
        self.start = start
        self.conversations = conversations
        self.debates = debates
        self.conversation = lru_cache(4096)(self._conversation)
        self.debate = lru_cache(4096)(self._debate)

    def _conversation(self, number: int) -> ConversationPlan:
        return conversation_plan(self.seed, number, self.start)

    def _debate(self, number: int) -> DebatePlan:
        rng = chance(self.seed, "debate-parent", number)
        linked = self.conversations and rng.random() < LINKED_SHARE
        parent = self.conversation(rng.randrange(self.conversations)) if linked else None
        return debate_plan(self.seed, number, self.start, parent)

    def caller(self, number: int) -> ConversationPlan | DebatePlan | None:
        """Return what provider call `number` belongs to."""
        rng = chance(self.seed, "call-parent", number)
        place = rng.random()
        if self.conversations and place < IN_CONVERSATION_SHARE:
            return self.conversation(rng.randrange(self.conversations))
        if self.debates and IN_CONVERSATION_SHARE <= place < IN_CONVERSATION_SHARE + IN_DEBATE_SHARE:
            return self.debate(rng.randrange(self.debates))
        return None


def _events(plans: _Plans, provider_calls: int) -> Iterator[Event]:
    for number in range(plans.conversations):
        yield from conversation(plans.seed, plans.conversation(number))
    for number in range(plans.debates):
        yield from debate(plans.seed, plans.debate(number))
    for number in range(provider_calls):
        yield provider_call(plans.seed, number, plans.start, plans.caller(number))
