"""Debates as the lake keeps them, event by event, turned into turns, the two sides, and verdicts about them.

Events are tables with the columns of `EVENTS`, whole debates together, in any order. The sides of a debate are its
first two participants to speak. A margin or preference of the event contract is about the participant that the start
names first; here it is turned round where the other one spoke first.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from helix_pipeline.contracts.tables import LAKE_DEBATES
from helix_pipeline.domain.debates.analysis import TURNS

_OF_EVENTS = (
    *("debate_id", "event_id", "event_type", "timestamp", "topic", "participants", "round", "turn", "participant"),
    *("position", "model", "content", "characters", "judge", "winner", "margin", "preference"),
)
EVENTS = pa.schema([LAKE_DEBATES.schema.field(name).with_nullable(True) for name in _OF_EVENTS])
"""Columns of the lake's debates that the analysis and the ratings read."""

_SIDE = (
    pa.field("participant", pa.string()),
    pa.field("position", pa.string()),
    pa.field("model", pa.string()),
    pa.field("length", pa.int64()),
)

SIDES = pa.schema(
    [
        pa.field("debate_id", pa.string()),
        pa.field("topic", pa.string()),
        *(field.with_name(f"{order}_{field.name}") for order in ("first", "second") for field in _SIDE),
    ]
)
"""Who debates whom: of each side the participant, its position (may be null), model, and characters in all."""

VERDICTS_GIVEN = pa.schema(
    [
        *SIDES,
        pa.field("judge", pa.string()),
        pa.field("winner", pa.string()),
        pa.field("margin", pa.float64()),
        pa.field("preference", pa.float64()),
    ]
)
"""A verdict beside the sides that it is about, which are null where fewer than two spoke. `margin` > 0 favours the
first side, and `preference` is its share of the win in [0, 1]; both may be null. `winner` is a participant, null for a
draw. `judge` is null where the end of the debate names the winner and no judge did."""


def turns(events: pa.Table) -> pa.Table:
    """Return the turns as `analysis.TURNS`, in order of debate and turn."""
    found = events.filter(pc.equal(events["event_type"], "debate.turn"))
    return found.select(TURNS.names).cast(TURNS).sort_by([("debate_id", "ascending"), ("turn", "ascending")])


def sides(events: pa.Table) -> pa.Table:
    """Return one row of `SIDES` per debate with two participants or more, in order of `debate_id`."""
    said = events.filter(pc.equal(events["event_type"], "debate.turn"))
    length = pc.coalesce(said["characters"], pc.utf8_length(said["content"]))
    ordered = said.append_column("length", pc.cast(length, pa.int64())).sort_by(
        [("debate_id", "ascending"), ("turn", "ascending")]
    )
    found = ordered.group_by(["debate_id", "participant"], use_threads=False).aggregate(
        [(name, "first") for name in ("topic", "position", "model")] + [("length", "sum"), ("turn", "min")]
    )
    found = found.rename_columns(["debate_id", "participant", "topic", "position", "model", "length", "turn"])
    first, second = _first_two(found.sort_by([("debate_id", "ascending"), ("turn", "ascending")]))
    columns = [first["debate_id"], first["topic"], *(side[f.name] for side in (first, second) for f in _SIDE)]
    return pa.table(dict(zip(SIDES.names, columns, strict=True))).cast(SIDES)


def verdicts_given(events: pa.Table) -> pa.Table:
    """Return the verdicts as `VERDICTS_GIVEN`, in order of debate and event.

    A debate without a judgment has the verdict of its end, if it ended.
    """
    kind = events["event_type"]
    judged = events.filter(pc.equal(kind, "debate.judged"))
    ended = events.filter(pc.equal(kind, "debate.completed"))
    unjudged = ended.filter(pc.invert(pc.is_in(ended["debate_id"], value_set=judged["debate_id"].combine_chunks())))
    given = ["debate_id", "event_id", *VERDICTS_GIVEN.names[len(SIDES) :]]
    found = pa.concat_tables([judged.select(given), unjudged.select(given)])
    about = found.join(_oriented(events), "debate_id").sort_by(
        [(name, "ascending") for name in ("debate_id", "event_id")]
    )
    turned = pc.fill_null(about["turned"], False)
    columns = {name: about[name] for name in VERDICTS_GIVEN.names}
    columns["margin"] = pc.if_else(turned, pc.negate(about["margin"]), about["margin"])
    columns["preference"] = pc.if_else(turned, pc.subtract(1.0, about["preference"]), about["preference"])
    return pa.table(columns).cast(VERDICTS_GIVEN)


def _first_two(people: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the first and the second participant of each debate that has two; `people` in order of speaking."""
    debate = people["debate_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    starts = np.flatnonzero(np.diff(debate, prepend=-1))
    firsts: NDArray[np.intp] = starts[np.diff(starts, append=len(debate)) > 1]
    return people.take(firsts), people.take(firsts + 1)


def _oriented(events: pa.Table) -> pa.Table:
    """Return the sides, and whether the start names another participant first than the first to speak."""
    started = events.filter(pc.equal(events["event_type"], "debate.started"))
    started = started.filter(pc.greater(pc.fill_null(pc.list_value_length(started["participants"]), 0), 0))
    named = pa.table({"debate_id": started["debate_id"], "named": pc.list_element(started["participants"], 0)})
    named = named.group_by("debate_id", use_threads=False).aggregate([("named", "min")])
    found = sides(events).join(named, "debate_id")
    return found.append_column("turned", pc.not_equal(found["named_min"], found["first_participant"]))
