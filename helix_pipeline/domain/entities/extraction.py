"""The entities of texts: what a recogniser finds, under the ids that the resolver gives. The one way, for all users."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import pyarrow as pa

from helix_pipeline.domain.entities.recogniser import SPANS, Recogniser

MENTIONS = pa.schema(
    [
        *SPANS,
        pa.field("entity_id", pa.string(), nullable=False),
        pa.field("entity_name", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)
"""`SPANS` with the entity that each stands for. `type` and `subtype` are the entity's; `reason` says why the surface
is that entity, such as `gazetteer alias` or `plural`."""


class Entity(NamedTuple):
    """What a surface stands for. `id` is the same wherever and whenever it is resolved."""

    id: str
    name: str
    type: str
    subtype: str
    reason: str


class Resolver(Protocol):
    """Gives the entity of a surface, from the surface and its kind alone: no order, no state, no other text."""

    version: str

    def resolve(self, surface: str, type: str, subtype: str) -> Entity:
        """Return the entity; every surface has one."""
        ...


@dataclass(frozen=True)
class Extraction:
    """A recogniser and a resolver together. Safe to share between threads if they are."""

    recogniser: Recogniser
    resolver: Resolver

    @property
    def version(self) -> str:
        """Return what identifies the result: equal texts give equal mentions as long as it stays."""
        return f"{self.recogniser.version}/{self.resolver.version}"

    def mentions(self, texts: Sequence[str]) -> pa.Table:
        """Return the entities that the texts name, as `MENTIONS`."""
        found = self.recogniser.recognise(texts)
        kinds = zip(*(found[name].to_pylist() for name in ("surface", "type", "subtype")), strict=True)
        entities = [self.resolver.resolve(*kind) for kind in kinds]
        resolved = dict(zip(_RESOLVED, zip(*entities, strict=True), strict=True)) if entities else {}
        columns = [resolved.get(name, found[name] if name in SPANS.names else ()) for name in MENTIONS.names]
        return pa.table([_column(c, at) for c, at in zip(columns, MENTIONS, strict=True)], schema=MENTIONS)


_RESOLVED = ("entity_id", "entity_name", "type", "subtype", "reason")
"""The columns that an `Entity` fills, in the order of its fields."""


def _column(values: Sequence[str] | pa.ChunkedArray, at: pa.Field) -> pa.Array | pa.ChunkedArray:
    return values if isinstance(values, pa.ChunkedArray) else pa.array(values, at.type)
