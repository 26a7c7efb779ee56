"""The debates of the corpus: two models argue for and against a motion, three judges decide."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random

from helix_pipeline.contracts.events import (
    DebateCompleted,
    DebateJudged,
    DebateStarted,
    DebateTurn,
    Event,
    stable_id,
)
from helix_pipeline.domain.sample.chance import chance
from helix_pipeline.domain.sample.clock import after, working_moment
from helix_pipeline.domain.sample.conversations import ConversationPlan
from helix_pipeline.domain.sample.models import MODELS, Model, win_probability
from helix_pipeline.domain.sample.phrasing import Phrasing, sentence_case, service
from helix_pipeline.domain.sample.vocabulary import Topic, phrases, topics

JUDGES = ("judge-accuracy", "judge-clarity", "judge-depth")
LINKED_SHARE = 0.4
"""Share of the debates that were called from a conversation, where there are any, and are about its topic."""

_ROLES = (("researcher", "critic"), ("architect", "sceptic"), ("advocate", "reviewer"))
_DRAW_MARGIN = 0.12
_JUDGE_NOISE = 0.6


@dataclass(frozen=True, slots=True)
class Debater:
    """One side of a debate: its name within the debate, its position and the model that speaks."""

    name: str
    position: str
    model: Model


@dataclass(frozen=True, slots=True)
class DebatePlan:
    """What is settled about a debate before it begins. The first debater argues for the motion."""

    id: str
    number: int
    conversation_id: str | None
    topic: Topic
    motion: str
    debaters: tuple[Debater, Debater]
    rounds: int
    started: datetime


def debate_plan(seed: int, number: int, start: datetime, parent: ConversationPlan | None = None) -> DebatePlan:
    """Return the plan of debate `number` (from 0), held during conversation `parent` where one is given."""
    rng = chance(seed, "debate-plan", number)
    topic = parent.topic if parent else rng.choice(topics())
    started = after(rng, parent.started, 240) if parent else working_moment(rng, start)
    roles = rng.sample(rng.choice(_ROLES), 2)
    pro, con = rng.sample(MODELS, 2)
    return DebatePlan(
        id=f"debate-{stable_id(seed, 'debate', number)[:16]}",
        number=number,
        conversation_id=parent.id if parent else None,
        topic=topic,
        motion=rng.choice(topic.motions).replace("{small}", str(rng.randint(2, 9))),
        debaters=(Debater(roles[0], "pro", pro), Debater(roles[1], "con", con)),
        rounds=rng.choices((2, 3, 4, 5), (2, 5, 3, 1))[0],
        started=started,
    )


def debate(seed: int, plan: DebatePlan) -> Iterator[Event]:
    """Yield the events of a debate: start, a turn of each side per round, three verdicts, end."""
    rng = chance(seed, "debate", plan.number)
    lead = _lead(rng, plan)
    yield DebateStarted(
        event_id=stable_id("debate.started", plan.id),
        timestamp=plan.started,
        debate_id=plan.id,
        conversation_id=plan.conversation_id,
        topic=plan.motion,
        participants=[debater.name for debater in plan.debaters],
        metadata=_metadata(plan),
    )
    moment = plan.started
    for turn in _turns(rng, plan, lead):
        moment = turn.timestamp
        yield turn
    verdicts = list(_verdicts(rng, plan, lead, moment))
    yield from verdicts
    yield _completed(rng, plan, verdicts)


def _lead(rng: Random, plan: DebatePlan) -> float:
    """Draw by how much the first debater was better, in log-odds: above 0 as Bradley-Terry says."""
    likely = win_probability(plan.debaters[0].model, plan.debaters[1].model)
    uniform = min(1 - 1e-9, max(1e-9, rng.random()))
    return math.log(likely / (1 - likely)) + math.log(uniform / (1 - uniform))


def _turns(rng: Random, plan: DebatePlan, lead: float) -> Iterator[DebateTurn]:
    moment = plan.started
    confidence = [rng.uniform(0.55, 0.75), rng.uniform(0.55, 0.75)]
    shift = 0.05 * math.tanh(lead)
    for turn in range(1, 2 * plan.rounds + 1):
        side = (turn - 1) % 2
        debater, round_ = plan.debaters[side], (turn + 1) // 2
        response_ms = debater.model.latency_ms * rng.lognormvariate(1.2, debater.model.latency_sigma)
        moment = after(rng, moment, response_ms / 1000 + 1)
        content = _argument(rng, plan, debater, round_, moment)
        yield DebateTurn(
            event_id=stable_id("debate.turn", plan.id, turn),
            timestamp=moment,
            debate_id=plan.id,
            conversation_id=plan.conversation_id,
            topic=plan.motion,
            round=round_,
            turn=turn,
            participant=debater.name,
            position=debater.position,
            provider=debater.model.provider,
            model=debater.model.name,
            content=content,
            characters=len(content),
            response_time_ms=round(response_ms, 1),
            confidence=round(confidence[side], 3),
            metadata=_metadata(plan),
        )
        drift = shift if side == 0 else -shift
        confidence[side] = min(0.98, max(0.05, confidence[side] + drift + rng.gauss(0, 0.015)))


def _argument(rng: Random, plan: DebatePlan, debater: Debater, round_: int, moment: datetime) -> str:
    kind = "opening" if round_ == 1 else "closing" if round_ == plan.rounds else "rebuttal"
    motion = plan.motion.rstrip(".")
    fixed = {"service": service(rng), "motion": motion, "motion_lower": motion[:1].lower() + motion[1:]}
    phrasing = Phrasing(rng, plan.topic, moment, fixed)
    book = phrases()["debate"]
    templates = [rng.choice(book[kind][debater.position])]
    if kind != "rebuttal":
        templates.append(rng.choice(book["rebuttal"][debater.position]))
    return sentence_case(" ".join(phrasing.fill(template) for template in templates))


def _verdicts(rng: Random, plan: DebatePlan, lead: float, moment: datetime) -> Iterator[DebateJudged]:
    for judge in JUDGES:
        margin = round(lead + rng.gauss(0, _JUDGE_NOISE), 3)
        moment = after(rng, moment, 8)
        yield DebateJudged(
            event_id=stable_id("debate.judged", plan.id, judge),
            timestamp=moment,
            debate_id=plan.id,
            conversation_id=plan.conversation_id,
            judge=judge,
            winner=_favoured(plan, margin),
            margin=margin,
            preference=round(1 / (1 + math.exp(-margin)), 4),
            confidence=round(min(0.99, 0.55 + 0.15 * abs(margin)), 3),
            metadata=_metadata(plan),
        )


def _favoured(plan: DebatePlan, margin: float) -> str | None:
    if abs(margin) < _DRAW_MARGIN:
        return None
    return plan.debaters[0 if margin > 0 else 1].name


def _completed(rng: Random, plan: DebatePlan, verdicts: list[DebateJudged]) -> DebateCompleted:
    votes = [verdict.winner for verdict in verdicts]
    winner = next((name for name in votes if name and votes.count(name) * 2 > len(votes)), None)
    model = next((debater.model.name for debater in plan.debaters if debater.name == winner), None)
    return DebateCompleted(
        event_id=stable_id("debate.completed", plan.id),
        timestamp=after(rng, verdicts[-1].timestamp, 2),
        debate_id=plan.id,
        conversation_id=plan.conversation_id,
        topic=plan.motion,
        round=plan.rounds,
        winner=winner,
        consensus_reached=winner is not None and votes.count(winner) == len(votes),
        confidence=round(max(votes.count(vote) for vote in votes) / len(votes), 3),
        metadata=_metadata(plan) | ({"winner_model": model} if model else {}),
    )


def _metadata(plan: DebatePlan) -> dict[str, str]:
    return {"topic": plan.topic.name}
