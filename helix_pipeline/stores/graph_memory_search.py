"""Finding entities of a snapshot by name: what `graph_search` answers from Neo4j's full-text index."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from helix_pipeline.domain.knowledge.answers import EntityName, Found
from helix_pipeline.domain.knowledge.matching import alike as likeness
from helix_pipeline.domain.knowledge.matching import edits, fit, score, words
from helix_pipeline.stores.graph_memory_details import name_at
from helix_pipeline.stores.graph_memory_names import Floats, Names
from helix_pipeline.stores.graph_memory_tables import Ints, Tables
from helix_pipeline.stores.graph_search import CANDIDATES, once


def find(tables: Tables, names: Names, text: str) -> EntityName | None:
    """Return the entity of this id, else the most mentioned one of this name or alias, ignoring case."""
    row = tables.row(text)
    if row is None:
        rows = np.unique(names.equal(text))
        if not len(rows):
            return None
        row = int(rows[np.argmax(tables.mentions[rows])])
    return name_at(tables, int(tables.canonical[row]))


def by_name(tables: Tables, names: Names, query: str, types: Sequence[str]) -> list[Found]:
    """Return the entities whose names fit a query: as a whole, or each of its words, begun or with a typing error."""
    rows, alike = _with_words(names, words(query))
    for whole in (names.equal(query), names.begun(query)) if query.strip() else ():
        rows, alike = np.concatenate([whole, rows]), np.concatenate([np.full(len(whole), np.inf), alike])
    rows = _best(tables, *_of_types(tables, rows, alike, types))
    canonical = tables.canonical[rows]
    most = int(tables.mentions[canonical].max(initial=0))
    found = []
    for one, row in zip(_named(tables, rows), canonical.tolist(), strict=True):
        aliases = one["aliases"] or ()
        fitting, matched = fit(query, one["name"], aliases, likeness(query, [one["name"], *aliases]))
        name, mentions = name_at(tables, row), int(tables.mentions[row])
        ranked = score(fitting, mentions, most)
        found.append(Found(name.id, name.name, name.type, ranked, mentions, matched, name.subtype))
    return once(found)


def _with_words(names: Names, asked: list[str]) -> tuple[Ints, Floats]:
    """Return the entities with a name that has each word or one like it, and how alike they are together."""
    rows, total = np.zeros(0, np.int32), np.zeros(0)
    for place, word in enumerate(asked):
        more, alike = names.with_word(word, edits(word), completed=place + 1 == len(asked))
        if place:
            more, of_before, of_these = np.intersect1d(rows, more, return_indices=True)
            alike = total[of_before] + alike[of_these]
        rows, total = more, alike
    return rows, total


def _of_types(tables: Tables, rows: Ints, alike: Floats, types: Sequence[str]) -> tuple[Ints, Floats]:
    if not types:
        return rows, alike
    kinds = tables.entities["type"].combine_chunks()
    wanted = [place for place, kind in enumerate(kinds.dictionary.to_pylist()) if kind in types]
    kept = np.isin(kinds.indices.to_numpy()[rows], wanted)
    return rows[kept], alike[kept]


def _best(tables: Tables, rows: Ints, alike: Floats) -> Ints:
    """Return the `CANDIDATES` that are most alike, of equal ones the most mentioned; each once."""
    order = np.lexsort((rows, -tables.mentions[rows], -alike))
    chosen = rows[order]
    first = np.sort(np.unique(chosen, return_index=True)[1])[:CANDIDATES]
    best: Ints = chosen[first]
    return best


def _named(tables: Tables, rows: Ints) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tables.entities.select(["name", "aliases"]).take(pa.array(rows)).to_pylist()
    return found
