"""Debates and provider calls of the bundled corpus: winners, failures, speed and cost are as planted."""

from collections import Counter, defaultdict
from statistics import fmean, median

import pytest

from helix_pipeline.contracts.events import (
    DebateCompleted,
    DebateJudged,
    DebateStarted,
    DebateTurn,
    MessageAdded,
    ProviderCalled,
)
from helix_pipeline.domain.sample.corpus import START, generate
from helix_pipeline.domain.sample.models import MODELS, SIDE_EFFECT, win_probability
from helix_pipeline.domain.sample.providers import (
    ERROR_SHARES,
    INCIDENT_DAYS,
    INCIDENT_FAILURE_RATE,
    INCIDENT_PROVIDER,
)


@pytest.fixture(scope="module")
def debate_events():
    return list(generate(conversations=0, debates=2000, provider_calls=0))


@pytest.fixture(scope="module")
def calls():
    return list(generate(conversations=0, debates=0, provider_calls=40_000))


def of_type(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_debates_hold_together(debate_events):
    turns, judged = (
        defaultdict(list),
        Counter(event.debate_id for event in of_type(debate_events, DebateJudged)),
    )
    for turn in of_type(debate_events, DebateTurn):
        turns[turn.debate_id].append(turn)
    participants = {event.debate_id: event.participants for event in of_type(debate_events, DebateStarted)}
    for end in of_type(debate_events, DebateCompleted):
        said = turns[end.debate_id]
        assert [turn.round for turn in said] == [round_ for round_ in range(1, end.round + 1) for _ in range(2)]
        assert [turn.position for turn in said] == ["pro", "con"] * end.round
        assert [turn.participant for turn in said] == participants[end.debate_id] * end.round
        assert judged[end.debate_id] == 3
        assert end.winner is None or end.winner in participants[end.debate_id]
        assert said[-1].timestamp < end.timestamp


def test_judges_agree_with_their_margins(debate_events):
    participants = {event.debate_id: event.participants for event in of_type(debate_events, DebateStarted)}
    for verdict in of_type(debate_events, DebateJudged):
        if verdict.winner:
            assert verdict.winner == participants[verdict.debate_id][0 if verdict.margin > 0 else 1]
        assert (verdict.preference > 0.5) == (verdict.margin > 0)


def test_consensus_is_when_all_judges_name_the_same_winner(debate_events):
    votes = defaultdict(list)
    for verdict in of_type(debate_events, DebateJudged):
        votes[verdict.debate_id].append(verdict.winner)
    ends = of_type(debate_events, DebateCompleted)
    for end in ends:
        assert end.winner is None or votes[end.debate_id].count(end.winner) >= 2
        assert end.consensus_reached == (end.winner is not None and set(votes[end.debate_id]) == {end.winner})
    assert 0.6 < fmean(end.consensus_reached for end in ends) < 0.95


def duels(debate_events):
    sides = defaultdict(dict)
    for turn in of_type(debate_events, DebateTurn):
        sides[turn.debate_id][turn.participant] = turn
    for end in of_type(debate_events, DebateCompleted):
        if end.winner:
            pro, con = sorted(sides[end.debate_id].values(), key=lambda turn: turn.position, reverse=True)
            yield pro.model, con.model, end.winner == pro.participant


def test_winners_follow_the_planted_strength(debate_events):
    strength = {model.name: model for model in MODELS}
    wins, expected, fought = Counter(), Counter(), Counter()
    for pro, con, pro_won in duels(debate_events):
        chance = win_probability(strength[pro], strength[con])
        wins.update({pro: pro_won, con: not pro_won})
        expected.update({pro: chance, con: 1 - chance})
        fought.update([pro, con])
    ranked = sorted(MODELS, key=lambda model: wins[model.name] / fought[model.name], reverse=True)
    assert [model.name for model in ranked] == [model.name for model in MODELS]
    for model in MODELS:
        assert wins[model.name] / fought[model.name] == pytest.approx(
            expected[model.name] / fought[model.name], abs=0.06
        )


def test_arguing_against_the_motion_helps(debate_events):
    pro_wins = fmean(pro_won for _, _, pro_won in duels(debate_events))
    assert SIDE_EFFECT > 0
    assert 0.40 < pro_wins < 0.48


def test_winners_grow_confident(debate_events):
    ends = {event.debate_id: event.winner for event in of_type(debate_events, DebateCompleted)}
    first, last = {}, {}
    for turn in of_type(debate_events, DebateTurn):
        first.setdefault((turn.debate_id, turn.participant), turn.confidence)
        last[turn.debate_id, turn.participant] = turn.confidence
    change = {place: last[place] - first[place] for place in last}
    assert fmean(value for (debate, name), value in change.items() if ends[debate] == name) > 0.04
    assert fmean(value for (debate, name), value in change.items() if ends[debate] not in {name, None}) < -0.04


def test_calls_fail_as_planted(calls):
    outside = [call for call in calls if not in_incident(call)]
    for model in MODELS:
        mine = [call for call in outside if (call.provider, call.model) == (model.provider, model.name)]
        assert fmean(not call.success for call in mine) == pytest.approx(model.failure_rate, abs=0.012)
    errors = Counter(call.error_type for call in outside if not call.success)
    for error, share in ERROR_SHARES.items():
        assert errors[error] / errors.total() == pytest.approx(share, abs=0.06)
    assert all(call.success == (call.error_type is None) for call in calls)


def test_one_provider_has_a_bad_week(calls):
    week = [call for call in calls if in_incident(call)]
    assert len(week) > 100
    assert fmean(not call.success for call in week) == pytest.approx(INCIDENT_FAILURE_RATE, abs=0.1)


def in_incident(call):
    days = (call.timestamp - START).days
    return call.provider == INCIDENT_PROVIDER and INCIDENT_DAYS[0] <= days < INCIDENT_DAYS[1]


def test_latency_and_cost_belong_to_the_model(calls):
    for model in MODELS:
        mine = [call for call in calls if call.model == model.name and call.success]
        assert median(call.latency_ms for call in mine) == pytest.approx(model.latency_ms, rel=0.06)
        for call in mine[:50]:
            assert call.cost == model.cost(call.tokens_prompt, call.tokens_completion) > 0
    assert all(call.cost == 0 and call.tokens_completion == 0 for call in calls if not call.success)


def test_calls_belong_to_what_made_them():
    events = list(generate())
    conversations = {message.conversation_id for message in of_type(events, MessageAdded)}
    debaters = defaultdict(set)
    for turn in of_type(events, DebateTurn):
        debaters[turn.debate_id].add(turn.model)
    calls = of_type(events, ProviderCalled)
    in_debates = [call for call in calls if call.debate_id]
    assert all(call.model in debaters[call.debate_id] for call in in_debates)
    assert {call.conversation_id for call in calls if call.conversation_id} <= conversations
    assert 0.15 < len(in_debates) / len(calls) < 0.25
    assert fmean(call.conversation_id is not None for call in calls) > 0.6
