"""The knowledge graph as Neo4j answers it: see `domain.knowledge.answers.KnowledgeReader`."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import LiteralString

from helix_pipeline.domain.knowledge import around
from helix_pipeline.domain.knowledge.answers import (
    Community,
    EntityDetails,
    EntityName,
    Evidence,
    Found,
    Node,
    Path,
    Related,
    Relation,
    Subgraph,
)
from helix_pipeline.domain.knowledge.around import Neighbour, Pair
from helix_pipeline.stores import graph_details, graph_neighbours, graph_paths, graph_picture, graph_relations
from helix_pipeline.stores.graph_search import by_meaning, by_name, phrase, together
from helix_pipeline.stores.graph_session import Ask

NAMED: LiteralString = """
CALL () {
  MATCH (e:Entity {id: $id}) RETURN e, 1 AS rank
UNION
  MATCH (e:Entity {name: $text}) RETURN e, 0 AS rank
UNION
  CALL db.index.fulltext.queryNodes('entity_names', $query, {limit: 100}) YIELD node AS e
  WHERE toLower(e.name) = toLower($text) OR any(alias IN e.aliases WHERE toLower(alias) = toLower($text))
  RETURN e, 0 AS rank
}
WITH e ORDER BY rank DESC, coalesce(e.mentions, 0) DESC, e.id LIMIT 1
OPTIONAL MATCH (e)-[:SAME_AS]->(canonical:Entity)
WITH coalesce(canonical, e) AS e
RETURN e {.id, .name, .type, .subtype} AS entity
"""


Embed = Callable[[str], Sequence[float] | None]
"""Gives the vector of a text, or none where the model has none for it."""


class Neo4jReader:
    """Reads the graph by `ask`, which may be called from several threads at a time. Raises StoreError."""

    def __init__(self, ask: Ask, embed: Embed | None = None) -> None:
        """`embed` gives the vector of a query, where the graph has those of its entities' contexts."""
        self._ask = ask
        self._embed = embed

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

    def search(self, query: str, types: Sequence[str], limit: int) -> tuple[Found, ...]:
        """See KnowledgeReader."""
        rankings = [by_name(self._ask, query, types)]
        vector = self._embed(query) if self._embed else None
        if vector is not None:
            rankings.append(by_meaning(self._ask, vector, types))
        return tuple(together(rankings)[:limit] if len(rankings) > 1 else rankings[0][:limit])

    def entity(self, entity_id: str) -> EntityDetails | None:
        """See KnowledgeReader."""
        return graph_details.details(self._ask, entity_id, datetime.now(UTC))

    def path(self, source_id: str, target_id: str, longest: int, at: datetime) -> Path | None:
        """See KnowledgeReader."""
        if source_id == target_id:
            return Path(tuple(self.names([source_id]).values()), ())
        return graph_paths.shortest(self._ask, source_id, target_id, longest, at)

    def communities(self, limit: int) -> tuple[Community, ...]:
        """See KnowledgeReader."""
        return graph_details.largest(self._ask, limit)

    def subgraph(self, entity_ids: Sequence[str], depth: int, limit: int, at: datetime) -> Subgraph:
        """See KnowledgeReader."""
        return around.picture(self, entity_ids, depth, limit, at)

    def neighbours(self, ids: Sequence[str], at: datetime) -> list[Neighbour]:
        """See `around.Relations`."""
        return graph_neighbours.neighbours(self._ask, ids, at)

    def between(self, pairs: Iterable[Pair], at: datetime) -> dict[Pair, list[Relation]]:
        """See `around.Relations`."""
        return graph_relations.between(self._ask, pairs, at)

    def shared_conversations(self, pairs: Iterable[Pair]) -> dict[Pair, tuple[Evidence, ...]]:
        """See `around.Relations`."""
        return graph_relations.shared_conversations(self._ask, pairs)

    def names(self, ids: Iterable[str]) -> dict[str, EntityName]:
        """See `around.Relations`."""
        return graph_relations.names(self._ask, ids)

    def nodes(self, ids: Sequence[str]) -> list[Node]:
        """See `around.Relations`."""
        return graph_picture.nodes(self._ask, ids)

    def connected(self, ids: Sequence[str]) -> list[Pair]:
        """See `around.Relations`."""
        return graph_picture.connected(self._ask, ids)

    def most_mentioned(self, limit: int) -> list[str]:
        """See `around.Relations`."""
        return graph_picture.most_mentioned(self._ask, limit)
