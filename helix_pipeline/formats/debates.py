"""Reads debates: transcripts of several rounds with judges' margins, and pairwise preferences against a
baseline.

A debate gives one `DebateStarted`, its turns, one `DebateJudged` per judge and one `DebateCompleted`, in that
order in time. Within a debate the participants are called by their side (`pro`, `con`) or by the given name
(`candidate`, `baseline`): one model may debate itself. The models are in the turns and in the metadata of the
start.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from helix_pipeline.contracts.events import (
    DebateCompleted,
    DebateJudged,
    DebateStarted,
    DebateTurn,
    Event,
    stable_id,
)  # fmt: skip
from helix_pipeline.formats.fields import ASSUMED_EPOCH, FieldError, instant, label, provider_of
from helix_pipeline.formats.outcomes import Outcome, Rejected, build, shown

SIDES = ("pro", "con")


class _Debate:
    """Builds the events of one debate: common fields, ids, and times a second apart."""

    def __init__(self, record: dict[str, Any], topic: object, place: str) -> None:
        self._id = label(record.get("debate_id"))
        self._place = place
        self._topic = {"topic": topic}
        self._conversation = {"conversation_id": label(record.get("conversation_id"))}
        given = record.get("timestamp")
        self._start = ASSUMED_EPOCH if given is None else instant(given)
        self._assumed = {} if given is not None else {"timestamp_assumed": True}
        self._events = 0

    def event(
        self, model: type[Event], part: object, fields: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> Outcome:
        """Return the next event; its id comes from its kind and its `part` of the debate."""
        kind = model.model_fields["event_type"].default
        common = self._conversation if model is DebateJudged else {**self._conversation, **self._topic}
        self._events += 1
        return build(
            model,
            {
                "event_id": stable_id(kind, self._id, part),
                "timestamp": self._start + timedelta(seconds=self._events - 1),
                "metadata": {**(metadata or {}), **self._assumed},
                "debate_id": self._id,
                **common,
                **fields,
            },
            f"{self._place}, {kind} {part}".rstrip(),
        )


def debate_events(record: dict[str, Any], place: str) -> Iterator[Outcome]:
    """Yield the events of `{"debate_id", "proposition", "pro", "con", "turns", "judgments"}`.

    A round is the n-th turn of a side. The winner has the higher sum of margins (of verdicts, where margins
    give none); the judges agree where all name the same side.
    """
    try:
        debate = _Debate(record, record.get("proposition", record.get("topic")), place)
    except FieldError as error:
        yield Rejected(place, error.reason, str(error))
        return
    if refusal := _not_objects(record, place):
        yield refusal
        return
    judgments = record.get("judgments") or []
    yield debate.event(DebateStarted, "", {"participants": list(SIDES)}, _about(record))
    rounds: Counter[object] = Counter()
    for turn in record["turns"]:
        yield _turn(debate, turn, rounds)
    for number, judgment in enumerate(judgments, start=1):
        yield _judgment(debate, judgment, number)
    held = {"round": max(rounds.values(), default=0)}
    yield debate.event(DebateCompleted, "", held | _verdict(judgments))


def _not_objects(record: dict[str, Any], place: str) -> Rejected | None:
    for key in ("turns", "judgments"):
        values = record.get(key) or []
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            return Rejected(place, "wrong type", f"`{key}` is not a list of objects: {shown(values)}")
    return None


def _about(record: dict[str, Any]) -> dict[str, Any]:
    known = {
        "debate_id",
        "conversation_id",
        "timestamp",
        "proposition",
        "topic",
        "turns",
        "judgments",
        *SIDES,
    }
    return {"models": {side: record.get(side) for side in SIDES}} | {
        key: value for key, value in record.items() if key not in known
    }


def _turn(debate: _Debate, turn: dict[str, Any], rounds: Counter[object]) -> Outcome:
    side, model, content = label(turn.get("side")), turn.get("model"), turn.get("content")
    rounds[side if isinstance(side, str) else None] += 1
    number = turn.get("turn", sum(rounds.values()))
    fields = {
        "round": rounds[side if isinstance(side, str) else None],
        "turn": number,
        "participant": side,
        "position": side,
        "provider": provider_of(model),
        "model": model,
        "content": content,
        "characters": len(content) if isinstance(content, str) else None,
        "response_time_ms": turn.get("response_time_ms"),
        "confidence": turn.get("confidence"),
    }
    rest = {key: value for key, value in turn.items() if key not in fields and key != "side"}
    return debate.event(DebateTurn, number, fields, rest)


def _judgment(debate: _Debate, judgment: dict[str, Any], number: int) -> Outcome:
    fields = {
        "judge": judgment.get("judge"),
        "winner": _side(judgment),
        "margin": judgment.get("margin_pro"),
        "confidence": judgment.get("confidence"),
    }
    rest = {key: value for key, value in judgment.items() if key not in {*fields, "winner_side", "margin_pro"}}
    return debate.event(DebateJudged, number, fields, rest)


def _side(judgment: dict[str, Any]) -> str | None:
    side = judgment.get("winner_side")
    return side if side in SIDES else None


def _verdict(judgments: list[dict[str, Any]]) -> dict[str, Any]:
    sides = [_side(judgment) for judgment in judgments]
    margins = [value for judgment in judgments if isinstance(value := judgment.get("margin_pro"), int | float)]
    balance = sum(margins) or sides.count("pro") - sides.count("con")
    winner = None if balance == 0 else SIDES[balance < 0]
    return {
        "winner": winner,
        "consensus_reached": bool(sides) and sides[0] is not None and len(set(sides)) == 1,
    }


def preference_events(record: dict[str, Any], place: str) -> Iterator[Outcome]:
    """Yield the events of `{"debate_id", "topic", "participants", "preference_for_candidate"}`.

    One round of two turns whose content the source does not hold; the first participant wins above 0.5, the
    second below, at 0.5 nobody. The one judge agrees with itself where somebody wins.
    """
    try:
        debate = _Debate(record, record.get("topic"), place)
    except FieldError as error:
        yield Rejected(place, error.reason, str(error))
        return
    sides, preference = record.get("participants"), record.get("preference_for_candidate")
    if not isinstance(sides, list) or len(sides) != 2 or not all(isinstance(side, dict) for side in sides):
        yield Rejected(place, "wrong type", f"`participants` is not a list of two objects: {shown(sides)}")
        return
    if not isinstance(preference, int | float) or not 0 <= preference <= 1:
        yield Rejected(place, "bad value", f"`preference_for_candidate` = {shown(preference)} is not within 0 to 1")
        return
    yield from _preference(debate, record, sides, preference)


def _preference(
    debate: _Debate, record: dict[str, Any], sides: list[dict[str, Any]], preference: float
) -> Iterator[Outcome]:
    names = [label(side.get("participant")) for side in sides]
    winner = None if preference == 0.5 else names[preference < 0.5]
    known = {
        "debate_id",
        "conversation_id",
        "timestamp",
        "topic",
        "participants",
        "preference_for_candidate",
        "judge",
    }
    about = {key: value for key, value in record.items() if key not in known}
    models = {str(name): side.get("model") for name, side in zip(names, sides, strict=True)}
    yield debate.event(DebateStarted, "", {"participants": names}, {"models": models, **about})
    for number, (name, side) in enumerate(zip(names, sides, strict=True), start=1):
        yield debate.event(DebateTurn, number, _unseen_turn(number, name, side))
    verdict = {"judge": record.get("judge", "preference"), "winner": winner, "preference": float(preference)}
    yield debate.event(DebateJudged, 1, verdict)
    held = {"round": 1, "winner": winner, "consensus_reached": winner is not None}
    yield debate.event(DebateCompleted, "", held)


def _unseen_turn(number: int, name: object, side: dict[str, Any]) -> dict[str, Any]:
    model = side.get("model")
    return {
        "round": 1,
        "turn": number,
        "participant": name,
        "provider": provider_of(model),
        "model": model,
        "content": "",
        "characters": side.get("output_chars"),
    }
