"""What recognises entities in texts: the protocol, and the table of spans that each recogniser gives."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import pyarrow as pa

SPANS = pa.schema(
    [
        pa.field("row", pa.int32(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
        pa.field("surface", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("subtype", pa.string(), nullable=False),
        pa.field("confidence", pa.float64(), nullable=False),
    ]
)
"""One row for each entity named, by `row` and `start`, without overlaps within a text.

`row` is the index of the text, `start` and `end` count its Unicode code points, so that `surface` is
`texts[row][start:end]`; `type` is one of `types.TYPES`, `subtype` may be empty; `confidence`, in [0, 1], is how often
a span like this one has exactly these bounds and this type."""


class Span(NamedTuple):
    """A row of `SPANS`."""

    row: int
    start: int
    end: int
    surface: str
    type: str
    subtype: str
    confidence: float


@runtime_checkable
class Recogniser(Protocol):
    """Finds entities in texts. Each text is read on its own: how texts are batched changes nothing."""

    version: str

    def recognise(self, texts: Sequence[str]) -> pa.Table:
        """Return the entities that the texts name, as `SPANS`."""
        ...


def spans(rows: Iterable[Span]) -> pa.Table:
    """Return the spans as a table of `SPANS`."""
    columns = list(zip(*rows, strict=True)) or [()] * len(SPANS)
    return pa.table([pa.array(column, at.type) for column, at in zip(columns, SPANS, strict=True)], schema=SPANS)
