"""The names that texts have for entities: what their evidence is looked for by."""

from collections.abc import Sequence

from helix_pipeline.domain.knowledge.answers import KnowledgeReader
from helix_pipeline.errors import UsageError
from helix_pipeline.services.knowledge.questions import known
from helix_pipeline.services.knowledge.stores import KnowledgeStores

MAX_ENTITIES = 5
"""Entities that a message may be asked to name."""


def names(stores: KnowledgeStores, entities: Sequence[str]) -> list[list[str]]:
    """Return the name and the aliases of each entity, given by its id, name or alias.

    Raises UsageError for more than 5 entities, UnknownEntityError, StoreError.
    """
    if len(entities) > MAX_ENTITIES:
        raise UsageError(f"entity: {len(entities)} given; at most {MAX_ENTITIES} at a time")
    if not entities:
        return []
    return stores.ask(lambda reader: [_names(stores, reader, entity) for entity in entities]).value


def _names(stores: KnowledgeStores, reader: KnowledgeReader, entity: str) -> list[str]:
    about = known(stores, reader, entity)
    found = reader.entity(about.id)
    return [about.name, *(alias.name for alias in found.aliases)] if found else [about.name]
