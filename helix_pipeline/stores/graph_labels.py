"""Writes the counters of entities, and their labels where a batch calls them as none did before.

The labels join in Python, under the locks of the nodes (see stores.graph_writer): a steady stream has nothing new to
say of nearly all its entities, and only of the others a label is read and written.
"""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa
from neo4j import ManagedTransaction

from helix_pipeline.domain.graph.labels import Label, joined, unpacked

COUNT = """
UNWIND $rows AS r
WITH r, datetime({epochMillis: r[3]}) AS first, datetime({epochMillis: r[4]}) AS last
MATCH (e:Entity {id: r[0]})
SET e.mentions = coalesce(e.mentions, 0) + r[1], e.messages = coalesce(e.messages, 0) + r[2],
  e.first_seen = CASE WHEN e.first_seen <= first THEN e.first_seen ELSE first END,
  e.last_seen = CASE WHEN e.last_seen >= last THEN e.last_seen ELSE last END
WITH e, r, coalesce(e.subtypes, []) AS known, coalesce(e.aliases, []) AS aliases
WITH e, r, [i IN range(0, size(known) - 1) | e.subtype_counts[i] + coalesce(r[7][known[i]], 0)] AS counts,
  e.name IS NULL OR [e.name, e.type] <> r[5] OR NOT all(alias IN r[6] WHERE alias IN aliases)
    OR NOT all(subtype IN keys(r[7]) WHERE subtype IN known) AS news
FOREACH (_ IN CASE WHEN news OR size(counts) = 0 THEN [] ELSE [1] END |
  SET e.subtype_counts = counts, e.subtype = e.subtypes[
    reduce(best = 0, i IN range(1, size(counts) - 1) | CASE WHEN counts[i] > counts[best] THEN i ELSE best END)])
WITH e, news WHERE news
RETURN e.id, e.name, e.type, e.subtypes, e.subtype_counts, e.aliases
"""
"""A row is [id, mentions, messages, first, last, [name, type], aliases, {sub-type: mentions}]."""

LABEL = """
UNWIND $rows AS r
MATCH (e:Entity {id: r.id})
SET e += r
"""

_FIELDS = ("a", "b", "detail", "n", "messages", "first", "last")


def write_entities(tx: ManagedTransaction, deltas: pa.Table) -> None:
    """Apply deltas of kind ENTITY, sorted by `a`."""
    labels: dict[str, Label] = {}
    rows = []
    for id, label, figures in _by_entity(deltas):
        labels[id] = label
        rows.append([id, *figures, [label.name, label.type], label.aliases, dict(label.subtypes)])
    found = [record.values() for record in tx.run(COUNT, rows=rows)]
    if found:
        tx.run(LABEL, rows=[_properties(id, _with_held(held, labels[id])) for id, *held in found]).consume()


def _properties(id: str, label: Label) -> dict[str, Any]:
    subtypes, counts = zip(*label.subtypes, strict=True) if label.subtypes else ((), ())
    about = {"name": label.name, "type": label.type, "subtype": label.subtype, "aliases": list(label.aliases)}
    return {"id": id, **about, "subtypes": list(subtypes), "subtype_counts": list(counts)}


def _by_entity(deltas: pa.Table) -> Iterator[tuple[str, Label, tuple[int, int, int, int]]]:
    """Yield id, label and (mentions, messages, first, last) of each entity."""
    rows = zip(*(deltas[name].to_pylist() for name in _FIELDS), strict=True)
    for id, group in groupby(rows, key=itemgetter(0)):
        _, surfaces, details, n, messages, first, last = zip(*group, strict=True)
        label = joined(map(unpacked, details, surfaces, n))
        yield id, label, (sum(n), sum(messages), min(first), max(last))


def _with_held(held: list[Any], new: Label) -> Label:
    """Return a label together with what the graph held: name, type, sub-types, their numbers, and aliases, if any."""
    name, type, subtypes, counts, aliases = held
    if name is None:
        return new
    counted = tuple(zip(subtypes or (), counts or (), strict=True))
    return joined([Label(name, type or new.type, counted, tuple(aliases or ())), new])
