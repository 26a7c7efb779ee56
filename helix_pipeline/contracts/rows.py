"""Arrow schemas of the rows that the stores keep, derived from the events of a topic: never written twice."""

from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pyarrow as pa
from annotated_types import Le
from pydantic import AwareDatetime

from helix_pipeline.contracts.events import Event
from helix_pipeline.contracts.topics import Topic

TIMESTAMP = pa.timestamp("us", tz="UTC")
INT32_MAX = 2**31 - 1

SOURCE_FIELDS = (
    pa.field("kafka_partition", pa.int32(), nullable=False),
    pa.field("kafka_offset", pa.int64(), nullable=False),
    pa.field("ingested_at", TIMESTAMP, nullable=False),
)
"""Where a row came from: the record's partition, offset and broker time."""

QUARANTINE = pa.schema(
    [
        pa.field("topic", pa.string(), nullable=False),
        *SOURCE_FIELDS,
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("reason", pa.string(), nullable=False),
    ]
)
"""A record that could not be read, with its raw bytes and the reason."""

PARTITION_COLUMNS = ("year", "month", "day")


def event_schema(topic: Topic) -> pa.Schema:
    """Return the schema of a topic's rows: the union of its events' fields, then `SOURCE_FIELDS`.

    A column is nullable unless every event of the topic requires it. `metadata` is JSON text.
    """
    fields: dict[str, pa.Field] = {}
    for event in topic.events:
        for name in event.model_fields:
            fields.setdefault(name, pa.field(name, _arrow_type(event, name), _nullable(topic, name)))
    return pa.schema([*fields.values(), *SOURCE_FIELDS])


def partitioned(schema: pa.Schema) -> pa.Schema:
    """Return the schema with the lake's partition columns appended."""
    return pa.schema([*schema, *(pa.field(name, pa.int32()) for name in PARTITION_COLUMNS)])


def _nullable(topic: Topic, name: str) -> bool:
    return any(name not in event.model_fields or _is_optional(event, name) for event in topic.events)


def _is_optional(event: type[Event], name: str) -> bool:
    return NoneType in get_args(event.model_fields[name].annotation)


def bare_type(annotation: Any) -> Any:
    """Return the type under `Annotated` and `| None`: `Annotated[int, …] | None` gives `int`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return bare_type(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return bare_type(next(part for part in get_args(annotation) if part is not NoneType))
    return datetime if annotation is AwareDatetime else annotation


def constraints(annotation: Any, metadata: list[Any]) -> list[Any]:
    """Return the constraint objects (`Ge`, `Le`, `MinLen`, `MaxLen`) of a field, also those within `| None`."""
    found = list(metadata)
    for part in (annotation, *get_args(annotation)):
        for extra in getattr(part, "__metadata__", ()):
            found += getattr(extra, "metadata", None) or [extra]
    return found


def _arrow_type(event: type[Event], name: str) -> pa.DataType:
    info = event.model_fields[name]
    bare = bare_type(info.annotation)
    if bare is int:
        limits = [c.le for c in constraints(info.annotation, info.metadata) if isinstance(c, Le)]
        return pa.int32() if limits and limits[0] <= INT32_MAX else pa.int64()
    if get_origin(bare) is list:
        return pa.list_(pa.string())
    simple = {str: pa.string(), float: pa.float64(), bool: pa.bool_(), datetime: TIMESTAMP}
    return simple.get(bare, pa.string())
