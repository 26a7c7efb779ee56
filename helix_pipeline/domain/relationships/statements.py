"""What texts state about the entities that they name: typed relations, read by rules from cues around mentions.

Rules, not a model: there is no training data for these relations in conversations, and each statement can say which
words it rests on. What a question asks or a condition supposes is not stated; what is negated or over is stated as
`ended`; what is believed, past or under a condition has less confidence.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import pyarrow as pa

from helix_pipeline.domain.entities.types import in_graph
from helix_pipeline.domain.relationships import cues
from helix_pipeline.domain.relationships.clause import SPEAKER, Claim
from helix_pipeline.domain.relationships.kinds import USER, can_hold
from helix_pipeline.domain.relationships.readings import claims
from helix_pipeline.domain.relationships.roles import kind_of
from helix_pipeline.domain.relationships.sentences import lower, sentences

STATEMENTS = pa.schema(
    [
        pa.field("row", pa.int32(), nullable=False),
        pa.field("subject_id", pa.string(), nullable=False),
        pa.field("relation", pa.string(), nullable=False),
        pa.field("object_id", pa.string(), nullable=False),
        pa.field("object_kind", pa.string(), nullable=False),
        pa.field("ended", pa.bool_(), nullable=False),
        pa.field("confidence", pa.float64(), nullable=False),
        pa.field("cue", pa.string(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
    ]
)
"""One row for each thing that a text states, by `row`, `start` and `end`; a thing stated twice in a text is two rows.

`relation` is one of `cues.RELATIONS`; `object_kind` is that of `roles.kind_of`; `ended`
says that the relation does not hold, or no longer. `confidence`, in [0, 1], is that of the cue, of what is around it,
and of the less sure of the two mentions. `text[start:end]` are the words from the first to the last that state it."""

USER_PREFIX = "user:"
"""What the id of a speaker as a subject begins with."""

NOT_USERS = frozenset({"assistant", "system", "tool", "function", "developer"})
"""Roles that speak for no user: what they say in the first person is about nobody."""


LANGUAGES = frozenset({"language", ""})
"""Sub-types of what something can be written in; `written in` something else is that it uses it."""


class _Mention(NamedTuple):
    id: str
    type: str
    subtype: str
    confidence: float
    start: int
    end: int


_Row = tuple[int, str, str, str, str, bool, float, str, int, int]
_READ = ("row", "entity_id", "type", "subtype", "confidence", "start", "end")


def speaker(role: str | None, user_id: str | None) -> str | None:
    """Return who `I` and `we` are in a message: its user, or nobody where a model speaks."""
    return None if role in NOT_USERS else user_id


def statements(texts: Sequence[str], mentions: pa.Table, speakers: Sequence[str | None]) -> pa.Table:
    """Return what the texts state as `STATEMENTS`.

    `mentions` is the `MENTIONS` of the texts, in order; `speakers` are the ids of who says each text, or none where
    `I` and `we` are to state nothing. Each text is read on its own: how texts are batched changes nothing.
    """
    columns = zip(*(mentions[name].to_pylist() for name in _READ), strict=True)
    rows: list[_Row] = []
    for row, found in groupby(columns, key=lambda mention: mention[0]):
        lowered = lower(texts[row])
        if cues.has_cue(lowered):
            named = [_Mention(*one[1:]) for one in found]
            rows += sorted(set(_stated(row, (texts[row], lowered), named, speakers[row])), key=_place)
    read = list(zip(*rows, strict=True)) or [()] * len(STATEMENTS)
    return pa.table([pa.array(c, at.type) for c, at in zip(read, STATEMENTS, strict=True)], schema=STATEMENTS)


def _place(row: _Row) -> tuple[int, int, _Row]:
    return row[8], row[9], row


def _stated(row: int, text: tuple[str, str], mentions: Sequence[_Mention], speaker: str | None) -> Iterator[_Row]:
    if len(mentions) < 2 and speaker is None:
        return
    spans = [(mention.start, mention.end) for mention in mentions]
    for sentence in sentences(*text, spans, cues.has_cue):
        for claim in claims(sentence):
            if (found := _row(row, claim, mentions, speaker)) is not None:
                yield found


def _row(row: int, claim: Claim, mentions: Sequence[_Mention], speaker: str | None) -> _Row | None:
    """Return the row of a claim; none where it is about nobody, or can not be."""
    object = mentions[claim.object]
    relation = claim.relation
    if relation == cues.WRITTEN and object.subtype not in LANGUAGES:
        relation = cues.USES
    subject = _speaking(speaker) if claim.subject == SPEAKER else mentions[claim.subject]
    if subject is None or subject.id == object.id or not can_hold(relation, subject.type, object.type):
        return None
    if not (in_graph(object.type, object.subtype) and in_graph(subject.type, subject.subtype)):
        return None
    confidence = claim.confidence * min(subject.confidence, object.confidence)
    kind = kind_of(object.id, object.type, object.subtype)
    stated = claim.ended, confidence, claim.cue, claim.start, claim.end
    return row, subject.id, relation, object.id, kind, *stated


def _speaking(speaker: str | None) -> _Mention | None:
    return None if speaker is None else _Mention(f"{USER_PREFIX}{speaker}", USER, "", 1.0, 0, 0)
