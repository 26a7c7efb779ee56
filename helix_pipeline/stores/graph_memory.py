"""The knowledge graph from its last snapshot, in memory: what answers while Neo4j is away.

It takes about 30 bytes for each pair of entities, 25 for each conversation of one, and what the names take.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain

from helix_pipeline.domain.knowledge import around
from helix_pipeline.domain.knowledge.answers import (
    Community,
    EntityDetails,
    EntityName,
    Found,
    Meaning,
    Node,
    NoVectorsError,
    Path,
    Related,
    Relation,
    Subgraph,
)
from helix_pipeline.domain.knowledge.around import Link, Neighbour, Pair
from helix_pipeline.errors import StoreError
from helix_pipeline.stores import graph_memory_details as details
from helix_pipeline.stores import graph_memory_paths as paths
from helix_pipeline.stores import graph_memory_relations as relations
from helix_pipeline.stores import graph_memory_search as search
from helix_pipeline.stores.graph_memory_names import Names, load_names
from helix_pipeline.stores.graph_memory_tables import Tables, load_tables
from helix_pipeline.stores.graph_snapshot import newest
from helix_pipeline.stores.lake import Lake


class MemoryReader:
    """Reads a snapshot in memory, see `domain.knowledge.answers.KnowledgeReader`. Safe for threads: nothing changes.

    Search is by name alone: a snapshot has no vectors.
    """

    def __init__(self, tables: Tables, names: Names) -> None:
        self._tables = tables
        self._names = names

    @property
    def as_of(self) -> datetime:
        """Return when the snapshot was begun."""
        return self._tables.as_of

    def find(self, name_or_id: str) -> EntityName | None:
        """See KnowledgeReader."""
        return search.find(self._tables, self._names, name_or_id.strip())

    def related(
        self, entity_id: str, depth: int, limit: int, types: Sequence[str], at: datetime
    ) -> tuple[Related, ...]:
        """See KnowledgeReader."""
        return around.related(self, entity_id, at, depth=depth, limit=limit, types=types)

    def search(self, query: str, types: Sequence[str], limit: int, meaning: Meaning | None = None) -> tuple[Found, ...]:
        """See KnowledgeReader."""
        if meaning:
            raise NoVectorsError("a snapshot of the graph has no vectors")
        return tuple(search.by_name(self._tables, self._names, query, types)[:limit])

    def entity(self, entity_id: str) -> EntityDetails | None:
        """See KnowledgeReader."""
        return details.details(self._tables, entity_id, datetime.now(UTC))

    def path(self, source_id: str, target_id: str, longest: int, at: datetime) -> Path | None:
        """See KnowledgeReader."""
        if source_id == target_id:
            return Path(tuple(details.names(self._tables, [source_id]).values()), ())
        return paths.shortest(self._tables, source_id, target_id, longest, at)

    def communities(self, limit: int) -> tuple[Community, ...]:
        """See KnowledgeReader."""
        return details.largest(self._tables, limit)

    def subgraph(self, entity_ids: Sequence[str], depth: int, limit: int, at: datetime) -> Subgraph:
        """See KnowledgeReader."""
        return around.picture(self, entity_ids, depth, limit, at)

    def neighbours(self, ids: Sequence[str], at: datetime, types: Sequence[str] = ()) -> list[Neighbour]:
        """See `around.Relations`; of an entity with very many the strongest of all types are looked at."""
        return relations.neighbours(self._tables, ids, at)

    def between(self, pairs: Iterable[Pair], at: datetime) -> dict[Pair, list[Relation]]:
        """See `around.Relations`."""
        return relations.between(self._tables, pairs, at)

    def links(self, pairs: Iterable[Pair], at: datetime) -> dict[Pair, Link]:
        """See `around.Relations`."""
        found = list(pairs)
        held, names = self.between(found, at), details.names(self._tables, set(chain.from_iterable(found)))
        return {
            (a, b): Link((names[a], names[b]), held.get((a, b), ()), relations.shared(self._tables, a, b))
            for a, b in found
            if a in names and b in names
        }

    def nodes(self, ids: Sequence[str]) -> list[Node]:
        """See `around.Relations`."""
        return details.nodes(self._tables, ids)

    def connected(self, ids: Sequence[str]) -> list[Pair]:
        """See `around.Relations`."""
        return relations.connected(self._tables, ids)

    def most_mentioned(self, limit: int) -> list[str]:
        """See `around.Relations`."""
        return details.most_mentioned(self._tables, limit)


def load_newest(lake: Lake) -> MemoryReader:
    """Read the newest snapshot of the graph. Raises StoreError where there is none, or it cannot be read."""
    folder = newest(lake)
    if folder is None:
        raise StoreError(f"there is no snapshot of the graph under {lake.root}: run `helix graph snapshot` once")
    tables = load_tables(folder)
    return MemoryReader(tables, load_names(tables))
