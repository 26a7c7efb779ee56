"""Which model gives the vectors of entities and of queries for them: one for both, else they cannot be compared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from helix_pipeline.domain.knowledge.answers import Meaning
from helix_pipeline.domain.knowledge.meaning import Vectors, vectors
from helix_pipeline.settings import Settings
from helix_pipeline.stores.embeddings import encode

SHIPPED = "static embedding"
"""What the graph calls the model that ships with the project."""

QUERY_S = 2.0
"""Seconds at most for the vector of a query: names are found without."""


@dataclass(frozen=True)
class Embedder:
    """A model and its name. `vectors` gives one for each text; it raises StoreError where an endpoint fails."""

    model: str
    vectors: Callable[[Sequence[str]], Vectors]

    def meaning(self, text: str) -> Meaning | None:
        """Return what a text is about; None where the model knows no word of it. Raises StoreError."""
        [found] = self.vectors([text])
        return Meaning(self.model, found.tolist()) if found.any() else None


def embedder(settings: Settings, most_s: float | None = None) -> Embedder:
    """Return the model of `context.embeddings_base_url` where that is set, else the shipped static embedding.

    No other model stands in for an endpoint. Its answer takes `context.embeddings_timeout_s` seconds at most, and
    `most_s` where that is given.
    """
    context = settings.context
    if context.embeddings_base_url is None:
        return Embedder(SHIPPED, vectors)
    timeout_s = min(context.embeddings_timeout_s, most_s or context.embeddings_timeout_s)
    bounded = context.model_copy(update={"embeddings_timeout_s": timeout_s})
    return Embedder(context.embeddings_model or "", lambda texts: encode(bounded, texts))
