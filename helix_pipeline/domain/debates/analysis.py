"""What happened in debates: rounds, turns and words, agreement, change of position, who rebuts whom.

Turns are tables with the columns of `TURNS`, whole debates together, in any order; the result of a debate does not
depend on the others in its table. The first participant of a debate is the one with the earliest turn.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from helix_pipeline.contracts.job_tables.debates import DEBATE_ANALYSIS
from helix_pipeline.contracts.tables import LAKE_DEBATES
from helix_pipeline.domain.debates import wording

_OF_TURNS = ("debate_id", "topic", "round", "turn", "participant", "position", "model", "content")
TURNS = pa.schema([LAKE_DEBATES.schema.field(name).with_nullable(True) for name in _OF_TURNS])

_OF_DEBATES = (
    *("debate_id", "topic", "rounds", "turns", "words", "agreement", "agreement_first", "agreement_last"),
    *("participants", "rebuttals"),
)
DEBATES = pa.schema([DEBATE_ANALYSIS.schema.field(name) for name in _OF_DEBATES])
"""`agreement` is the mean cosine of the wording of participants within a round, over all rounds, and in the first
and the last round that have two participants; in [0, 1], null where no round has. `participants` are in order of
speaking."""

_Turn = dict[str, Any]
_Likeness = NDArray[np.float64]
"""Cosines of the turns of one debate: (turns, turns)."""


def debates(turns: pa.Table) -> pa.Table:
    """Return one row of `DEBATES` per debate, in order of `debate_id`.

    A turn takes up one participant who has spoken before: one that it names (by name, position or model), and of
    several the one whose latest turn it is most alike.
    """
    rows = [
        {
            **_debate(found, alike),
            "participants": list(_participants(found, alike)),
            "rebuttals": list(_rebuttals(found, alike)),
        }
        for found, alike in _each(turns)
    ]
    return pa.Table.from_pylist(rows, DEBATES)


def _each(turns: pa.Table) -> Iterator[tuple[list[_Turn], _Likeness]]:
    """Yield the turns of each debate in order, and how alike they are."""
    ordered = turns.select(TURNS.names).sort_by([("debate_id", "ascending"), ("turn", "ascending")]).to_pylist()
    vectors = wording.vectors([turn["content"] or "" for turn in ordered])
    starts = [n for n, turn in enumerate(ordered) if not n or turn["debate_id"] != ordered[n - 1]["debate_id"]]
    for start, end in pairwise([*starts, len(ordered)]):
        yield ordered[start:end], wording.likeness(vectors[start:end])


def _by_participant(turns: Sequence[_Turn]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, turn in enumerate(turns):
        places[turn["participant"]].append(place)
    return places


def _words(turns: Sequence[_Turn]) -> int:
    return int(wording.words([turn["content"] or "" for turn in turns]).sum())


def _debate(turns: list[_Turn], alike: _Likeness) -> dict[str, object]:
    agreement = _agreement(turns, alike)
    return {
        "debate_id": turns[0]["debate_id"],
        "topic": turns[0]["topic"],
        "rounds": len({turn["round"] for turn in turns}),
        "turns": len(turns),
        "words": _words(turns),
        "agreement": float(np.mean(agreement)) if agreement else None,
        "agreement_first": agreement[0] if agreement else None,
        "agreement_last": agreement[-1] if agreement else None,
    }


def _agreement(turns: Sequence[_Turn], alike: _Likeness) -> list[float]:
    """The mean cosine of turns of different participants, for each round that has some."""
    rounds: dict[int, list[int]] = defaultdict(list)
    for place, turn in enumerate(turns):
        rounds[turn["round"]].append(place)
    speaker = [turn["participant"] for turn in turns]
    found = []
    for number in sorted(rounds):
        pairs = [(a, b) for a, b in combinations(rounds[number], 2) if speaker[a] != speaker[b]]
        if pairs:
            found.append(float(np.mean([alike[pair] for pair in pairs])))
    return found


def _participants(turns: list[_Turn], alike: _Likeness) -> Iterator[dict[str, object]]:
    by_participant = _by_participant(turns)
    for name, places in by_participant.items():
        first = turns[places[0]]
        others = [theirs[0] for other, theirs in by_participant.items() if other != name]
        yield {
            "participant": name,
            "position": first["position"],
            "model": first["model"],
            "turns": len(places),
            "words": _words([turns[place] for place in places]),
            **_change(alike, places, others),
        }


def _change(alike: _Likeness, places: Sequence[int], others: Sequence[int]) -> dict[str, float]:
    if len(places) < 2:
        return {}
    first, last = places[0], places[-1]
    change = {
        "change": 1.0 - float(alike[first, last]),
        "drift": 1.0 - float(alike[places[:-1], places[1:]].mean()),
    }
    if others:
        change["towards_others"] = float((alike[last, others] - alike[first, others]).mean())
    return change


def _rebuttals(turns: list[_Turn], alike: _Likeness) -> Iterator[dict[str, object]]:
    latest: dict[str, int] = {}
    replies: dict[tuple[str, str], list[tuple[bool, float]]] = defaultdict(list)
    for place, turn in enumerate(turns):
        candidates = {name: spoken for name, spoken in latest.items() if name != turn["participant"]}
        if candidates:
            cosines = alike[place, list(candidates.values())]
            named = [_names(turn["content"] or "", turns[spoken]) for spoken in candidates.values()]
            best = max(range(len(named)), key=lambda n: (named[n], cosines[n]))
            replies[turn["participant"], list(candidates)[best]].append((named[best], float(cosines[best])))
        latest[turn["participant"]] = place
    for (name, target), found in replies.items():
        flags, likeness = zip(*found, strict=True)
        yield {
            "participant": name,
            "target": target,
            "replies": len(found),
            "named": sum(flags),
            "engagement": float(np.mean(likeness)),
        }


def _names(text: str, turn: _Turn) -> bool:
    names = {turn[key] for key in ("participant", "position", "model")} - {None, ""}
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) for name in names)
