"""The mentions of a batch of texts as columns: one row for each entity named, pointing back at its text."""

from collections.abc import Sequence

import pyarrow as pa

from helix_pipeline.domain.entities.extractor import EntityExtractor, Mention

MENTIONS = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("entity_id", pa.string()),
        pa.field("entity_name", pa.string()),
        pa.field("entity_type", pa.string()),
        pa.field("start", pa.int32()),
        pa.field("end", pa.int32()),
        pa.field("surface", pa.string()),
        pa.field("confidence", pa.float64()),
    ]
)
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
