"""What an entity extractor is, and how one is chosen by configuration."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol, runtime_checkable

from helix_pipeline.errors import UsageError

BUILT_IN = {"gazetteer": "helix_pipeline.domain.entities.gazetteer:load"}
"""Names that `load_extractor` knows, and the factory that each stands for."""


@dataclass(frozen=True, slots=True)
class Mention:
    """One entity named in a text: `text[start:end]` is the surface form, `confidence` is in [0, 1].

    `id` is a stable slug such as `tech:kubernetes`; `name` is canonical, whatever the text calls the entity.
    """

    id: str
    name: str
    type: str
    start: int
    end: int
    confidence: float


@runtime_checkable
class EntityExtractor(Protocol):
    """Finds entities in texts. Each text is read on its own: how texts are batched changes nothing."""

    version: str

    def extract_batch(self, texts: Sequence[str]) -> list[list[Mention]]:
        """Return the mentions of each text, in order of `start`, without overlaps."""
        ...

    def extract_ids_batch(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the entity ids of each text's mentions in order, with repeats: no spans, but faster."""
        ...

    def entity(self, id: str) -> tuple[str, str]:
        """Return the canonical name and the type of an entity. Raises KeyError for an id never given out."""
        ...


@cache
def load_extractor(spec: str = "gazetteer") -> EntityExtractor:
    """Return the extractor named by `spec`: a built-in name or `package.module:factory`, once per process.

    The factory takes no arguments. Raises UsageError where `spec` names nothing, or no extractor.
    """
    extractor = _factory(spec)()
    if not isinstance(extractor, EntityExtractor):
        raise UsageError(
            f"extractor {spec!r} made a {type(extractor).__name__}, which lacks one of version, "
            "extract_batch, extract_ids_batch, entity; see EntityExtractor in helix_pipeline.domain.entities"
        )
    return extractor


def _factory(spec: str) -> Callable[[], object]:
    module, _, name = BUILT_IN.get(spec, spec).partition(":")
    if not module or not name:
        raise UsageError(
            f"unknown extractor {spec!r}; use one of {', '.join(sorted(BUILT_IN))} or package.module:factory"
        )
    try:
        factory = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"cannot load the extractor {spec!r}: {error}; install it or name another") from None
    if not callable(factory):
        raise UsageError(f"extractor {spec!r}: {name} is a {type(factory).__name__}; name a function")
    return factory  # type: ignore[no-any-return]
