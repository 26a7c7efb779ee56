"""Which framing and which shape a file has, found out from its content and never from its name."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from helix_pipeline.formats import chatgpt, chats, debates, messages, recorded
from helix_pipeline.formats.outcomes import BadFileError, Outcome, UnknownFormatError
from helix_pipeline.formats.records import BYTE_ORDER_MARK, Framing, Record, decode, first_keys
from helix_pipeline.formats.source import Source

Convert = Callable[[dict[str, Any], str], Iterator[Outcome]]

_PREFIXES = (1, 1 << 16, 1 << 20)
_FOREIGN = {
    b"PK\x03\x04": "a zip archive; unpack it and give the folder",
    b"PAR1": "Parquet, not JSON",
    b"\xff\xfe": "UTF-16; convert it to UTF-8",
    b"\xfe\xff": "UTF-16; convert it to UTF-8",
    b"\x28\xb5\x2f\xfd": "zstd; unpack it first (gzip is read as it is)",
    b"BZh": "bzip2; unpack it first (gzip is read as it is)",
    b"\xfd7zXZ": "xz; unpack it first (gzip is read as it is)",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of record: the keys that tell it, and what makes a reader of one file's records."""

    name: str
    keys: frozenset[str]
    converter: Callable[[], Convert]


SHAPES = (
    Shape("contract events", frozenset({"event_type"}), lambda: recorded.events),
    Shape("ChatGPT export", frozenset({"mapping"}), lambda: chatgpt.events),
    Shape("ShareGPT", frozenset({"conversations"}), lambda: chats.sharegpt_events),
    Shape("OpenAI chat", frozenset({"messages"}), lambda: chats.openai_events),
    Shape("debates", frozenset({"debate_id", "turns"}), lambda: debates.debate_events),
    Shape("pairwise preferences", frozenset({"debate_id", "participants"}), lambda: debates.preference_events),
    Shape("conversations", frozenset({"conversation_id", "content"}), messages.reader),
)
"""The shapes, the most telling keys first."""


def bare_messages(conversation_id: str) -> Shape:
    """Return the shape of messages that say nothing of a conversation: all are of the one with this id."""
    return Shape("messages", frozenset({"role", "content"}), lambda: messages.reader(conversation_id))


def detect(source: Source, shapes: Sequence[Shape] = SHAPES) -> tuple[Framing, Shape]:
    """Look at up to the first MiB and return how to read the source.

    Raises UnknownFormatError where no record of a known shape is in there, BadFileError where there is
    nothing to read.
    """
    found: tuple[Framing, frozenset[str]] | None = None
    for size in _PREFIXES:
        prefix = source.peek(size).removeprefix(BYTE_ORDER_MARK)
        whole = len(prefix) < size
        for framing, keys in _candidates(prefix, whole or size == _PREFIXES[-1]):
            if shape := _shape_of(keys, shapes):
                return framing, shape
            found = found or (framing, keys)
    raise _refusal(source, prefix, found[1] if found else frozenset(), shapes)


def _shape_of(keys: Iterable[str], shapes: Sequence[Shape]) -> Shape | None:
    return next((shape for shape in shapes if shape.keys <= set(keys)), None)


def _candidates(prefix: bytes, last: bool) -> Iterator[tuple[Framing, frozenset[str]]]:
    """Yield framings with the keys of a record under it; `last` says that no more bytes will be looked at."""
    start = prefix.lstrip()
    if start.startswith(b"["):
        yield Framing.ARRAY, first_keys(start, Framing.ARRAY)
        return
    lines = prefix.split(b"\n")
    for line in lines if last else lines[:-1]:
        if isinstance(record := decode(line, ""), Record):
            yield Framing.LINES, frozenset(record.value)
    if last and start.startswith(b"{"):
        yield (
            Framing.OBJECTS if b"\n" in start.rstrip() else Framing.LINES,
            first_keys(start, Framing.OBJECTS),
        )


def _refusal(source: Source, prefix: bytes, keys: frozenset[str], shapes: Sequence[Shape]) -> BadFileError:
    if source.failure is not None and not prefix:
        return source.failure
    if not prefix.strip():
        return BadFileError(f"{source.name}: the file is empty")
    for magic, what in _FOREIGN.items():
        if prefix.startswith(magic):
            return UnknownFormatError(f"{source.name}: unknown format: {what}")
    known = ", ".join(shape.name for shape in shapes)
    if not keys:
        return UnknownFormatError(f"{source.name}: unknown format: no JSON object in the first MiB; known: {known}")
    shown = ", ".join(sorted(keys)[:12])
    return UnknownFormatError(f"{source.name}: unknown format: records with the keys {shown:.200}; known: {known}")
