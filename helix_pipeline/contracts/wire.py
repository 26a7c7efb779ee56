"""Reading records: JSON bytes to Arrow rows, with a reason for each record that breaks the contract.

The decoders are msgspec structs derived from the Pydantic models. They check types, ranges, unknown fields and
UTF-8 at about a million events per second and core; tests prove that they accept exactly what the models accept.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, get_args, get_origin

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic.fields import FieldInfo

from helix_pipeline.contracts.events import EARLIEST, LATEST, Event
from helix_pipeline.contracts.rows import SOURCE_FIELDS, TIMESTAMP, bare_type, constraints, event_schema
from helix_pipeline.contracts.topics import Topic

MAX_REASON = 500
_NULL = b"\\u0000"
_NULL_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True, slots=True)
class Rejection:
    """The record at `index` of the batch broke the contract, and why."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """A batch read: the accepted rows (schema `event_schema(topic)`), and the rejected records."""

    rows: pa.RecordBatch
    rejected: list[Rejection]


class Decoder:
    """Reads the records of one topic."""

    def __init__(self, topic: Topic) -> None:
        self.schema = event_schema(topic)
        fields = list(self.schema)[: -len(SOURCE_FIELDS)]
        self._decode = msgspec.json.Decoder(_union(topic, tuple(field.name for field in fields))).decode
        self._columns = [(attrgetter(field.name), field.type) for field in fields]

    def reason(self, value: bytes | None) -> str | None:
        """Return why one record would be rejected, or none where it is fine."""
        rejected = self._one_by_one([value])[1]
        return rejected[0].reason if rejected else None

    def decode(
        self, values: Sequence[bytes | None], partitions: pa.Array, offsets: pa.Array, times: pa.Array
    ) -> Decoded:
        """Read a batch of record values that stand at these partitions, offsets and broker times."""
        arrays = self._whole(values)
        rejected: list[Rejection] = []
        if arrays is None:
            events, rejected = self._one_by_one(values)
            arrays = self._arrays(events)
        source = [partitions, offsets, times.cast(TIMESTAMP)]
        if rejected:
            kept = np.delete(np.arange(len(values)), [rejection.index for rejection in rejected])
            source = [array.take(pa.array(kept)) for array in source]
        return Decoded(pa.RecordBatch.from_arrays([*arrays, *source], schema=self.schema), rejected)

    def _arrays(self, events: list[Any]) -> list[pa.Array]:
        return [pa.array(list(map(column, events)), kind) for column, kind in self._columns]

    def _whole(self, values: Sequence[bytes | None]) -> list[pa.Array] | None:
        """Read a batch in which nothing is wrong, as nearly all are; none where a closer look is needed."""
        present = [value for value in values if value is not None]
        if len(present) < len(values) or _NULL in b"".join(present):
            return None
        try:
            events = [self._decode(value) for value in present]
            for event in events:
                event.metadata = str(event.metadata, "utf-8")
        except (msgspec.MsgspecError, ValueError, OverflowError):
            return None
        arrays = self._arrays(events)
        objects = all(event.metadata[0] == "{" for event in events)
        return arrays if objects and self._in_range(arrays) else None

    def _in_range(self, arrays: list[pa.Array]) -> bool:
        bounds = pc.min_max(arrays[self.schema.get_field_index("timestamp")]).as_py()
        return bounds["min"] is None or bool(bounds["min"] >= EARLIEST and bounds["max"] < LATEST)

    def _one_by_one(self, values: Sequence[bytes | None]) -> tuple[list[Any], list[Rejection]]:
        events: list[Any] = []
        rejected: list[Rejection] = []
        for index, value in enumerate(values):
            try:
                events.append(self._event(value or b""))
            except UnicodeDecodeError as error:
                rejected.append(Rejection(index, f"invalid UTF-8: {error}"[:MAX_REASON]))
            except (msgspec.MsgspecError, ValueError, OverflowError) as error:
                rejected.append(Rejection(index, str(error)[:MAX_REASON]))
        return events, rejected

    def _event(self, value: bytes) -> Any:
        event = self._decode(value)
        if not EARLIEST <= event.timestamp < LATEST:
            raise ValueError(f"timestamp {event.timestamp.isoformat()} is not within 2000 to 2099 - at `$.timestamp`")
        event.metadata = _json_object(event.metadata)
        if _NULL_ESCAPE.search(value):
            raise ValueError("a string holds a null byte (\\u0000)")
        return event


@cache
def decoder(topic: Topic) -> Decoder:
    """Return the decoder of a topic, built once per process."""
    return Decoder(topic)


def _json_object(raw: Any) -> str:
    text = str(raw, "utf-8")
    if text[0] != "{":
        raise ValueError("Expected `object` - at `$.metadata`")
    return text


def _union(topic: Topic, names: tuple[str, ...]) -> Any:
    structs = [_struct(event, names) for event in topic.events]
    result = structs[0]
    for struct in structs[1:]:
        result = result | struct
    return result


def _struct(event: type[Event], names: tuple[str, ...]) -> Any:
    """Derive a struct; fields of the topic's other events read as none through class attributes."""
    tag = event.model_fields["event_type"].default
    own = {name: info for name, info in event.model_fields.items() if name != "event_type"}
    required = [(name, _annotation(info)) for name, info in own.items() if info.is_required()]
    optional = [(name, _annotation(info), _default(info)) for name, info in own.items() if not info.is_required()]
    absent = {name: None for name in names if name not in own}
    return msgspec.defstruct(
        event.__name__,
        [*required, *optional],
        namespace={**absent, "event_type": tag},
        tag_field="event_type",
        tag=tag,
        forbid_unknown_fields=True,
        gc=False,
    )


def _default(info: FieldInfo) -> Any:
    value = info.get_default(call_default_factory=True)
    return msgspec.field(default_factory=list) if value == [] else msgspec.Raw(b"{}") if value == {} else value


def _annotation(info: FieldInfo) -> Any:
    bare = bare_type(info.annotation)
    optional = type(None) in get_args(info.annotation)
    if bare is datetime:
        typed: Any = Annotated[datetime, msgspec.Meta(tz=True)]
    elif get_origin(bare) is dict:
        typed = msgspec.Raw
    else:
        limits = _limits(constraints(info.annotation, info.metadata))
        typed = Annotated[bare, msgspec.Meta(**limits)] if limits else bare
    return typed | None if optional else typed


def _limits(found: list[Any]) -> dict[str, Any]:
    names = {Ge: "ge", Le: "le", MinLen: "min_length", MaxLen: "max_length"}
    return {names[type(c)]: getattr(c, names[type(c)]) for c in found if type(c) in names}
