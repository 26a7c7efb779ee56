"""The mentions of a batch of texts as columns: one row for each entity named, pointing back at its text."""

from collections.abc import Sequence

import pyarrow as pa

from helix_pipeline.contracts.job_tables.entities import ENTITIES
from helix_pipeline.domain.entities.extractor import EntityExtractor, Mention

_OF_ENTITIES = ("entity_id", "entity_name", "entity_type", "start", "end", "surface", "confidence")
MENTIONS = pa.schema([pa.field("row", pa.int64()), *(ENTITIES.schema.field(name) for name in _OF_ENTITIES)])
"""`row` is the index of the text. `start` and `end` count Unicode code points: `surface` is `text[start:end]`."""

_Row = tuple[int, str, str, str, int, int, str, float]


def mentions(texts: Sequence[str], extractor: EntityExtractor) -> pa.Table:
    """Return the entities that the texts name as a table of `MENTIONS`, in order of the texts and of `start`."""
    found = extractor.extract_batch(texts)
    rows = [_row(row, texts[row], mention) for row, named in enumerate(found) for mention in named]
    columns = zip(*rows, strict=True) if rows else ([] for _ in MENTIONS)
    return pa.table([pa.array(column, at.type) for column, at in zip(columns, MENTIONS, strict=True)], schema=MENTIONS)


def _row(row: int, text: str, found: Mention) -> _Row:
    surface = text[found.start : found.end]
    return row, found.id, found.name, found.type, found.start, found.end, surface, found.confidence
