"""When relations hold, from a set of statements: intervals with two times, when it was true and when it was learnt.

A statement opens the interval of its object or goes on with it; one with `ended` closes it, at the time stated. A
*functional* relation has one value at a time: of `prefers` and `decided` for each kind of object, of `written_in` for
each subject. There, a statement closes whatever else is open. What one statement lists together (`written in Scala
and Java`: same time, same id) is one value. Equal times are ordered by id. An end of what is not open changes nothing.

What must be kept: each distinct statement (a row of `Statement`, 12 values), found by its `key`. Nothing less will
do, as a statement that arrives late may divide the time between any two. It is a grow-only set, so that adding one
twice or in another order changes nothing, and a batch has to compute again only the keys that it touches:
`intervals(all statements of these keys)`. A key that no statement ended and that is not functional has one open
interval, and grows without its statements: `joined` adds up those of two disjoint sets. That is nearly every key that
many texts state.

All times are milliseconds since 1970 in UTC. The idea of two times is that of temporal databases (Snodgrass and Ahn,
"A Taxonomy of Time in Databases", SIGMOD 1985).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import groupby
from typing import NamedTuple

from helix_pipeline.contracts.events import stable_id
from helix_pipeline.domain.relationships.cues import DECIDED, PREFERS, WRITTEN

MOST_EVIDENCE = 8
"""Statements kept as evidence of an interval: the latest."""


class Statement(NamedTuple):
    """That something holds, or has `ended`, at `stated_at`, which was learnt at `learnt_at`.

    `object_kind` is that of `roles.kind_of`. `id` is `statement_id`, or an event's id; statements of a key
    with the same time and id were made together. Evidence is the message, where there is one.
    """

    subject_id: str
    relation: str
    object_id: str
    object_kind: str
    ended: bool
    stated_at: int
    id: str
    learnt_at: int
    confidence: float
    cue: str = ""
    conversation_id: str = ""
    message_id: str = ""


class Key(NamedTuple):
    """What has one value at a time where the relation is functional, and else the relation itself."""

    subject_id: str
    relation: str
    slot: str


class Source(NamedTuple):
    """Where an interval rests on, or what closed it, in the order of what was stated later."""

    stated_at: int
    id: str
    conversation_id: str
    message_id: str


class Interval(NamedTuple):
    """That a relation held from `valid_from` on and until before `valid_to`, if that is known.

    `learnt_at` is when the first of its statements came, `closed_at` when it was known that it ended, which is never
    before. `confidence` is that of its surest statement.
    """

    subject_id: str
    relation: str
    object_id: str
    valid_from: int
    valid_to: int | None
    learnt_at: int
    closed_at: int | None
    closed_by: Source | None
    confidence: float
    statements: int
    last_stated: int
    evidence: tuple[Source, ...]


def statement_id(conversation_id: str, message_id: str, start: int) -> str:
    """Return the id of what a message states in words that begin at `start`: within a message it grows with it."""
    return f"{stable_id(conversation_id, message_id)}-{start:08d}"


def is_functional(relation: str) -> bool:
    """Say whether a later statement of the relation closes an earlier one with another object."""
    return relation in (PREFERS, DECIDED, WRITTEN)


def key(subject_id: str, relation: str, object_id: str, object_kind: str) -> Key:
    """Return what the statements about this must be read together with."""
    slots = {PREFERS: object_kind, DECIDED: object_kind, WRITTEN: ""}
    return Key(subject_id, relation, slots.get(relation, object_id))


def intervals(statements: Iterable[Statement]) -> list[Interval]:
    """Return the intervals of all statements of any number of keys, by key and time.

    Neither the order of the statements nor how often each is given changes anything.
    """
    ordered = sorted(((_key(one), one) for one in statements), key=_order)
    return [found for _, group in groupby(ordered, key=lambda pair: pair[0]) for found in _of_key(s for _, s in group)]


def joined(one: Interval, other: Interval) -> Interval:
    """Return the open interval of two disjoint sets of statements, from those of each.

    Only for a relation that is not functional and that no statement ended. It is associative and commutative.
    """
    return one._replace(
        valid_from=min(one.valid_from, other.valid_from),
        learnt_at=min(one.learnt_at, other.learnt_at),
        confidence=max(one.confidence, other.confidence),
        statements=one.statements + other.statements,
        last_stated=max(one.last_stated, other.last_stated),
        evidence=tuple(nlargest(MOST_EVIDENCE, (*one.evidence, *other.evidence))),
    )


@dataclass(slots=True)
class _Open:
    """The statements of an interval that has not ended yet, by id: of copies, the first that was learnt counts."""

    by_id: dict[str, Statement] = field(default_factory=dict)

    def add(self, one: Statement) -> None:
        known = self.by_id.setdefault(one.id, one)
        self.by_id[one.id] = known._replace(confidence=max(known.confidence, one.confidence))

    def closed(self, by: Statement | None, learnt_at: int) -> Interval:
        """Return the interval, closed by a statement that was learnt then, if any."""
        found = list(self.by_id.values())
        first, learnt = found[0], min(one.learnt_at for one in found)
        return Interval(
            first.subject_id,
            first.relation,
            first.object_id,
            first.stated_at,
            by and by.stated_at,
            learnt,
            max(learnt, learnt_at) if by else None,
            by and _source(by),
            max(one.confidence for one in found),
            len(found),
            found[-1].stated_at,
            tuple(_source(one) for one in reversed(found[-MOST_EVIDENCE:])),
        )


def _key(one: Statement) -> Key:
    return key(one.subject_id, one.relation, one.object_id, one.object_kind)


def _order(pair: tuple[Key, Statement]) -> tuple[Key, int, str, Statement]:
    return pair[0], pair[1].stated_at, pair[1].id, pair[1]


def _of_key(ordered: Iterable[Statement]) -> Iterator[Interval]:
    """Return the intervals of one key by `valid_from` and object."""
    still: dict[str, _Open] = {}
    done: list[Interval] = []
    for _, together in groupby(ordered, key=lambda one: (one.stated_at, one.id)):
        said = list(together)
        stated = {one.object_id for one in said if not one.ended}
        over = {one.object_id for one in said if one.ended}
        closing = over if not (stated and is_functional(said[0].relation)) else still.keys() - stated
        learnt = min(one.learnt_at for one in said)
        done += [still.pop(name).closed(said[0], learnt) for name in sorted(closing & still.keys())]
        for one in said:
            if not one.ended:
                still.setdefault(one.object_id, _Open()).add(one)
    done += [opened.closed(None, 0) for opened in still.values()]
    return iter(sorted(done, key=lambda found: (found.valid_from, found.object_id)))


def _source(one: Statement) -> Source:
    return Source(one.stated_at, one.id, one.conversation_id, one.message_id)
