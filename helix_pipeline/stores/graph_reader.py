"""The knowledge graph as Neo4j answers it: see `domain.knowledge.answers.KnowledgeReader`."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import LiteralString

from helix_pipeline.domain.knowledge import around
from helix_pipeline.domain.knowledge.answers import (
    Community,
    EntityDetails,
    EntityName,
    Found,
    Meaning,
    Node,
    Path,
    Related,
    Relation,
    Subgraph,
)
from helix_pipeline.domain.knowledge.around import Link, Neighbour, Pair
from helix_pipeline.stores import graph_details, graph_neighbours, graph_paths, graph_picture, graph_relations
from helix_pipeline.stores.graph_search import by_meaning, by_name, phrase, together
from helix_pipeline.stores.graph_session import Ask

NAMED: LiteralString = """
OPTIONAL MATCH (known:Entity {id: $id})
CALL (known) {
  WITH known WHERE known IS NOT NULL
  RETURN known AS e
UNION
  WITH known WHERE known IS NULL
  MATCH (e:Entity {name: $text})
  RETURN e
UNION
  WITH known WHERE known IS NULL
  CALL db.index.fulltext.queryNodes('entity_names', $query, {limit: 100}) YIELD node AS e
  WHERE toLower(e.name) = toLower($text) OR any(alias IN e.aliases WHERE toLower(alias) = toLower($text))
  RETURN e
}
WITH e ORDER BY coalesce(e.mentions, 0) DESC, e.id LIMIT 1
OPTIONAL MATCH (e)-[:SAME_AS]->(canonical:Entity)
WITH coalesce(canonical, e) AS e
RETURN e {.id, .name, .type, .subtype} AS entity
"""


class Neo4jReader:
    """Reads the graph by `ask`, which may be called from several threads at a time. Raises StoreError."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def find(self, name_or_id: str) -> EntityName | None:
        """See KnowledgeReader."""
        text = name_or_id.strip()
        if not text:
            return None
        found = self._ask(NAMED, id=name_or_id, text=text, query=phrase(text))
        return graph_relations.entity_name(found[0]["entity"]) if found else None

    def related(
        self, entity_id: str, depth: int, limit: int, types: Sequence[str], at: datetime
    ) -> tuple[Related, ...]:
        """See KnowledgeReader."""
        return around.related(self, entity_id, at, depth=depth, limit=limit, types=types)

    def search(self, query: str, types: Sequence[str], limit: int, meaning: Meaning | None = None) -> tuple[Found, ...]:
        """See KnowledgeReader."""
        named = by_name(self._ask, query, types)
        found = together(query, named, by_meaning(self._ask, meaning, types)) if meaning else named
        return tuple(found[:limit])

    def entity(self, entity_id: str) -> EntityDetails | None:
        """See KnowledgeReader."""
        return graph_details.details(self._ask, entity_id, datetime.now(UTC))

    def path(self, source_id: str, target_id: str, longest: int, at: datetime) -> Path | None:
        """See KnowledgeReader."""
        if source_id == target_id:
            return Path(tuple(graph_relations.names(self._ask, [source_id]).values()), ())
        return graph_paths.shortest(self._ask, source_id, target_id, longest, at)

    def communities(self, limit: int) -> tuple[Community, ...]:
        """See KnowledgeReader."""
        return graph_details.largest(self._ask, limit)

    def subgraph(self, entity_ids: Sequence[str], depth: int, limit: int, at: datetime) -> Subgraph:
        """See KnowledgeReader."""
        return around.picture(self, entity_ids, depth, limit, at)

    def neighbours(self, ids: Sequence[str], at: datetime, types: Sequence[str] = ()) -> list[Neighbour]:
        """See `around.Relations`."""
        return graph_neighbours.neighbours(self._ask, ids, at, types)

    def between(self, pairs: Iterable[Pair], at: datetime) -> dict[Pair, list[Relation]]:
        """See `around.Relations`."""
        return graph_relations.between(self._ask, pairs, at)

    def links(self, pairs: Iterable[Pair], at: datetime) -> dict[Pair, Link]:
        """See `around.Relations`."""
        return graph_relations.links(self._ask, pairs, at)

    def nodes(self, ids: Sequence[str]) -> list[Node]:
        """See `around.Relations`."""
        return graph_picture.nodes(self._ask, ids)

    def connected(self, ids: Sequence[str]) -> list[Pair]:
        """See `around.Relations`."""
        return graph_picture.connected(self._ask, ids)

    def most_mentioned(self, limit: int) -> list[str]:
        """See `around.Relations`."""
        return graph_picture.most_mentioned(self._ask, limit)
