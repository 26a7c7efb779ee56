"""The conversations of the corpus: who talks about what, what they state, and what they come back to."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random

from helix_pipeline.contracts.events import ConversationCompleted, MessageAdded, stable_id
from helix_pipeline.domain.sample.chance import chance
from helix_pipeline.domain.sample.clock import after, next_working_day, working_moment
from helix_pipeline.domain.sample.personas import Persona, personas
from helix_pipeline.domain.sample.phrasing import Phrasing, sentence_case, service
from helix_pipeline.domain.sample.vocabulary import Topic, phrases, topics

LONG_EVERY = 20
"""Of so many conversations one has 200 to 320 messages and three have 32 to 80; the others have 8 to 28."""

COMPLETED_SHARE = 0.92
ASSISTANT = "helix"
_STATED = frozenset({"decision", "preference", "commitment", "number", "version"})
_ACTS = {
    "question": 22.0,
    "error": 16.0,
    "code": 9.0,
    "decision": 12.0,
    "preference": 4.0,
    "commitment": 8.0,
    "number": 10.0,
    "version": 5.0,
    "recall": 10.0,
    "correction": 4.0,
}
_SESSION_MESSAGES = (24, 44)
_THINKING_S = {"user": 75.0, "assistant": 6.0}


@dataclass(frozen=True, slots=True)
class ConversationPlan:
    """What is settled about a conversation before its first message. `messages` is how many it will have."""

    id: str
    number: int
    topic: Topic
    persona: Persona
    started: datetime
    messages: int


@dataclass(frozen=True, slots=True)
class _Statement:
    """Something the user stated, that may be recalled or corrected later."""

    sequence: int
    act: str
    clause: str


def conversation_plan(seed: int, number: int, start: datetime) -> ConversationPlan:
    """Return the plan of conversation `number` (from 0): it depends on the arguments alone."""
    rng = chance(seed, "conversation-plan", number)
    messages = _length(rng, number)
    return ConversationPlan(
        id=f"conv-{stable_id(seed, 'conversation', number)[:16]}",
        number=number,
        topic=rng.choice(topics()),
        persona=rng.choice(personas()),
        started=working_moment(rng, start),
        messages=messages,
    )


def conversation(seed: int, plan: ConversationPlan) -> Iterator[MessageAdded | ConversationCompleted]:
    """Yield the messages of a conversation in order and, for most conversations, its completion."""
    dialogue = _Dialogue(chance(seed, "conversation", plan.number), plan)
    yield from dialogue.messages()
    if dialogue.rng.random() < COMPLETED_SHARE:
        yield dialogue.completed()


def _length(rng: Random, number: int) -> int:
    place = number % LONG_EVERY
    if place == 7:
        return 2 * rng.randint(100, 160)
    return 2 * (rng.randint(16, 40) if place in {2, 11, 16} else rng.randint(4, 14))


class _Dialogue:
    """The state of one conversation while it is made: the clock, the session, and what has been stated."""

    def __init__(self, rng: Random, plan: ConversationPlan) -> None:
        self.rng = rng
        self._plan = plan
        self._moment = plan.started
        self._service = service(rng)
        self._statements: list[_Statement] = []
        self._session = 1
        self._session_left = rng.randint(*_SESSION_MESSAGES)

    def messages(self) -> Iterator[MessageAdded]:
        """Yield the messages: the user speaks first, and each of their messages is answered."""
        for sequence in range(0, self._plan.messages, 2):
            opens = self._turn_session(sequence)
            act = self._act(sequence, opens)
            earlier = self._earlier(act)
            phrasing = self._phrasing(earlier)
            self._state(act, sequence, phrasing, earlier)
            metadata = {"topic": self._plan.topic.name, "act": act} | _reference(act, earlier)
            yield self._message(sequence, "user", self._user_text(act, phrasing), metadata)
            yield self._message(sequence + 1, "assistant", self._answer(act, phrasing), metadata)

    def completed(self) -> ConversationCompleted:
        """Return the event that closes the conversation, minutes after its last message."""
        return ConversationCompleted(
            event_id=stable_id("conversation.completed", self._plan.id),
            timestamp=after(self.rng, self._moment, 300),
            conversation_id=self._plan.id,
            user_id=self._plan.persona.user_id,
            messages=self._plan.messages,
            metadata={"topic": self._plan.topic.name},
        )

    def _turn_session(self, sequence: int) -> bool:
        """Begin the next session where this one is used up; True where a later session begins."""
        self._session_left -= 2
        if not sequence or self._session_left > 0:
            return False
        self._session += 1
        self._session_left = self.rng.randint(*_SESSION_MESSAGES)
        self._moment = next_working_day(self.rng, self._moment)
        return True

    def _act(self, sequence: int, opens_session: bool) -> str:
        if not sequence:
            return "goal"
        if sequence + 2 >= self._plan.messages:
            return "thanks"
        if opens_session:
            return "smalltalk"
        weights = dict(_ACTS)
        if self._plan.persona.style == "code-heavy":
            weights["code"] *= 2.5
        if not self._statements:
            weights["recall"] = 0
        if not self._decisions():
            weights["correction"] = 0
        return self.rng.choices(list(weights), list(weights.values()))[0]

    def _decisions(self) -> list[_Statement]:
        return [statement for statement in self._statements if statement.act == "decision"]

    def _earlier(self, act: str) -> _Statement | None:
        if act == "recall":
            return self.rng.choice(self._statements)
        if act == "correction":
            return self.rng.choice(self._decisions())
        return None

    def _phrasing(self, earlier: _Statement | None) -> Phrasing:
        persona = self._plan.persona
        fixed = {
            "service": self._service if self.rng.random() < 0.6 else service(self.rng),
            "name": persona.name,
            "role": persona.role,
            "city": persona.city,
            "teammate": self.rng.choice(persona.teammates),
            "style_preference": self.rng.choice(phrases()["styles"][persona.style]["preference"]),
        }
        if earlier:
            fixed |= {"earlier": earlier.clause, "earlier_number": str(earlier.sequence)}
        return Phrasing(self.rng, self._plan.topic, self._moment, fixed)

    def _state(self, act: str, sequence: int, phrasing: Phrasing, earlier: _Statement | None) -> None:
        """Decide what the user states here and remember it; a correction replaces what it corrects."""
        act = "decision" if act == "correction" else act
        if act == "goal":
            phrasing.bind(goal=phrasing.fill("{goal}"))
        if act not in _STATED:
            return
        clause = phrasing.fill(self.rng.choice(phrases()["clauses"][act]))
        phrasing.bind(clause=clause)
        self._statements = [kept for kept in self._statements if kept is not earlier]
        self._statements.append(_Statement(sequence, act, clause))

    def _user_text(self, act: str, phrasing: Phrasing) -> str:
        style = self._plan.persona.style
        lead = self.rng.choice(phrases()["leads"][style])
        tail = self.rng.choice(phrases()["tails"][style])
        return _compose(phrasing, lead, self.rng.choice(phrases()["user"][act]), tail)

    def _answer(self, act: str, phrasing: Phrasing) -> str:
        templates = [self.rng.choice(phrases()["assistant"][act])]
        if self._plan.persona.style == "detailed" and act != "thanks" and self.rng.random() < 0.5:
            templates.append(self.rng.choice(phrases()["assistant"]["question"]))
        return _compose(phrasing, *templates)

    def _message(self, sequence: int, role: str, content: str, metadata: dict[str, str | int]) -> MessageAdded:
        plan = self._plan
        if sequence:
            self._moment = after(self.rng, self._moment, _THINKING_S[role])
        message_id = f"{plan.id}:{sequence}"
        return MessageAdded(
            event_id=stable_id("message.added", plan.id, message_id),
            timestamp=self._moment,
            conversation_id=plan.id,
            message_id=message_id,
            sequence=sequence,
            role=role,
            name=plan.persona.name if role == "user" else ASSISTANT,
            user_id=plan.persona.user_id,
            session=f"session-{self._session}",
            content=content,
            tokens=tokens(content),
            metadata=metadata,
        )


def tokens(text: str) -> int:
    """Return roughly how many tokens a model would count: one for four characters, at least one."""
    return max(1, (len(text) + 3) // 4)


def _reference(act: str, earlier: _Statement | None) -> dict[str, str | int]:
    if earlier is None:
        return {}
    return {"supersedes" if act == "correction" else "refers_to": earlier.sequence}


def _compose(phrasing: Phrasing, *templates: str) -> str:
    return sentence_case(" ".join(phrasing.fill(template) for template in templates if template))
