"""Statements as deltas of the graph, and the keys under which the graph keeps them.

A statement is kept once, however often it comes; what follows from those of a key is domain.relationships.intervals.
"""

from collections.abc import Iterable

import msgspec
import pyarrow as pa

from helix_pipeline.contracts.events import stable_id
from helix_pipeline.domain.graph.deltas import STATEMENT, counted
from helix_pipeline.domain.graph.labels import LONGEST_ID
from helix_pipeline.domain.relationships.intervals import Statement, key
from helix_pipeline.domain.relationships.statements import USER_PREFIX


def statement_deltas(statements: Iterable[Statement]) -> pa.Table:
    """Return statements as a table of `deltas.SCHEMA`; one about an id that is too long for a node is left out."""
    kept = [one for one in statements if max(len(name_of(one.subject_id)), len(one.object_id)) <= LONGEST_ID]
    subjects = pa.array([one.subject_id for one in kept], pa.string())
    details = pa.array([msgspec.json.encode(one).decode() for one in kept], pa.string())
    return counted(STATEMENT, subjects, pa.array([one.stated_at for one in kept], pa.int64()), detail=details)


def statements_of(details: Iterable[str]) -> list[Statement]:
    """Return the statements of the `detail` of deltas."""
    return [_DECODER.decode(detail) for detail in details]


def key_of(statement: Statement) -> str:
    """Return the text that stands for a statement's key: statements with the same one are read together."""
    return stable_id(*key(statement.subject_id, statement.relation, statement.object_id, statement.object_kind))


def id_of(statement: Statement) -> str:
    """Return what a statement is kept under: copies of one that differ in what only describes it have the same."""
    return stable_id(key_of(statement), statement.id, statement.object_id, statement.ended)


def is_user(subject_id: str) -> bool:
    """Say whether a subject is a user, not an entity."""
    return subject_id.startswith(USER_PREFIX)


def name_of(subject_id: str) -> str:
    """Return the id of a subject's node."""
    return subject_id.removeprefix(USER_PREFIX)


_DECODER = msgspec.json.Decoder(Statement)
