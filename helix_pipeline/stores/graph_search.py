"""Finding entities in Neo4j by name: its full-text index, and its vector index where embeddings are on."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, LiteralString

from neo4j import Record

from helix_pipeline.domain.knowledge.answers import Found, Meaning, NoVectorsError
from helix_pipeline.domain.knowledge.matching import LONGEST_WORD, MOST_WORDS, alike, edits, fit, fused, score, words
from helix_pipeline.errors import StoreError
from helix_pipeline.stores.graph_embeddings import INDEX_SIZE
from helix_pipeline.stores.graph_session import Ask, GraphAwayError

CANDIDATES = 100
"""Entities of which the index gives the best fitting ones, for the ranking; ten times as many before types are kept."""

REFRESH = "run `helix graph refresh`"

BY_TEXT: LiteralString = """
CALL db.index.fulltext.queryNodes('entity_names', $query, {limit: $depth}) YIELD node, score
WHERE size($types) = 0 OR node.type IN $types
WITH node, score LIMIT $candidates
OPTIONAL MATCH (node)-[:SAME_AS]->(canonical:Entity)
WITH node, score, coalesce(canonical, node) AS e
RETURN e {.id, .name, .type, .subtype, .mentions} AS entity, node.name AS name, node.aliases AS aliases, score
"""

BY_VECTOR: LiteralString = """
CALL db.index.vector.queryNodes('entity_embedding', $depth, $vector) YIELD node, score
WHERE size($types) = 0 OR node.type IN $types
WITH node, score LIMIT $candidates
OPTIONAL MATCH (node)-[:SAME_AS]->(canonical:Entity)
WITH node, score, coalesce(canonical, node) AS e
RETURN e {.id, .name, .type, .subtype, .mentions} AS entity, node.name AS name, node.embedded_by AS model, score
"""


def by_name(ask: Ask, query: str, types: Sequence[str]) -> list[Found]:
    """Return the entities whose names fit a query: as a whole, or each of its words, begun or with a typing error."""
    text = lucene(query)
    records = ask(BY_TEXT, query=text, **_bounds(types)) if text else []
    most, found = max(map(_mentions, records), default=0), []
    for record in records:
        name, aliases = record["name"] or "", record["aliases"] or ()
        fitting, matched = fit(query, name, aliases, alike(query, [name, *aliases]))
        found.append(_found(record, score(fitting, _mentions(record), most), matched))
    return once(found)


def by_meaning(ask: Ask, meaning: Meaning, types: Sequence[str]) -> list[Found]:
    """Return the entities whose contexts are nearest to a meaning.

    Raises NoVectorsError where the graph has no vectors of this model yet.
    """
    records = _nearest(ask, meaning, types)
    of_model = [record for record in records if record["model"] == meaning.model]
    if not of_model and (records or not types):
        raise NoVectorsError(f"the graph has no vectors of {meaning.model!r} yet: {REFRESH}")
    return once([_found(record, record["score"], record["name"] or "") for record in of_model])


def together(query: str, named: Sequence[Found], meant: Sequence[Found]) -> list[Found]:
    """Return what a query found by name and by meaning as one ranking; whose name is the query stays first."""
    found = {one.id: one for one in (*meant, *named)}
    scores = fused([[one.id for one in ranking] for ranking in (named, meant)])
    asked = query.casefold().strip()
    first = {one.id: 1.0 for one in named if one.matched.casefold() == asked}
    rest = {id: score for id, score in scores.items() if id not in first}
    return [replace(found[id], score=score) for id, score in (first | rest).items()]


def lucene(query: str) -> str:
    """Return a query as Lucene reads it: the phrase, or every word as it is, begun (the last one) or misspelt.

    Nothing of the query is syntax: words are letters and digits, and the phrase is quoted. Empty for an empty query.
    """
    whole = _plain(query)
    asked = words(query)
    required = [f"+({' '.join(_variants(word, place + 1 == len(asked)))})" for place, word in enumerate(asked)]
    together = f" ({' '.join(required)})" if required else ""
    return f"{phrase(query)}^8{together}" if whole else ""


def phrase(query: str) -> str:
    """Return a query as a phrase of Lucene."""
    escaped = _plain(query).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _nearest(ask: Ask, meaning: Meaning, types: Sequence[str]) -> list[Record]:
    try:
        return ask(BY_VECTOR, vector=list(meaning.vector), **_bounds(types))
    except GraphAwayError:
        raise
    except StoreError as error:
        raise _why_not(ask, meaning, error) from None


def _why_not(ask: Ask, meaning: Meaning, error: StoreError) -> StoreError:
    """Return why there is no answer by meaning: the index is missing, or of vectors of another size; else the error."""
    sizes = [record["size"] for record in ask(INDEX_SIZE)]
    if not sizes:
        return NoVectorsError(f"the graph has no index of vectors: {REFRESH}")
    if sizes[0] != len(meaning.vector):
        others = f"those of {meaning.model!r} have {len(meaning.vector)}"
        return NoVectorsError(f"the graph has vectors of {sizes[0]} numbers, {others}: {REFRESH}")
    return error


def _plain(query: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", query).lower().split())[: MOST_WORDS * LONGEST_WORD]


def _variants(word: str, last: bool) -> list[str]:
    """Return a word as it is, as the beginning of one, and with typing errors: one in 4 letters, two in 8."""
    errors = edits(word)
    return [f'"{word}"^4', *([f"{word}*^2"] if last else []), *([f"{word}~{errors}"] if errors else [])]


def _bounds(types: Sequence[str]) -> dict[str, Any]:
    depth = CANDIDATES * (10 if types else 1)
    return {"types": list(types), "depth": depth, "candidates": CANDIDATES}


def _found(record: Record, score: float, matched: str) -> Found:
    entity = record["entity"]
    id, name = entity["id"], entity["name"] or entity["id"]
    return Found(id, name, entity["type"] or "", score, _mentions(record), matched or name, entity["subtype"] or "")


def _mentions(record: Record) -> int:
    return record["entity"]["mentions"] or 0


def once(found: list[Found]) -> list[Found]:
    """Return each entity once, with its best score, best first; of equal ones the more mentioned."""
    best: dict[str, Found] = {}
    for one in sorted(found, key=lambda one: (-one.score, -one.mentions, one.id)):
        best.setdefault(one.id, one)
    return list(best.values())
