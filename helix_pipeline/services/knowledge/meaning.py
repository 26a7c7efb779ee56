"""Which model gives the vectors of entities and of queries for them: one for both, else they cannot be compared."""

from collections.abc import Callable, Sequence

from helix_pipeline.domain.knowledge.meaning import Vectors, vectors
from helix_pipeline.settings import Settings
from helix_pipeline.stores.embeddings import encode

Embed = Callable[[Sequence[str]], Vectors]
"""Gives one vector for each text. Raises StoreError where an endpoint fails: no other model stands in."""


def embedder(settings: Settings) -> Embed:
    """Return the endpoint of `context.embeddings_base_url` where it is set, else the shipped static embedding."""
    if settings.context.embeddings_base_url is None:
        return vectors
    return lambda texts: encode(settings.context, texts)
