"""Files of conversations, debates and events, read as a stream of contract events.

`read(source)` detects the format from the content and yields one outcome per message, turn or event: an
`Event`, a `Rejected` (with place and reason) or a `Skipped` (holds nothing to read). Memory does not grow
with the file: at most one record (a line, or an object of a JSON array, of at most
`records.MAX_RECORD_BYTES`) is held.

Ids do not depend on the machine, the path or the time of reading. An id that the source gives is kept; a
missing conversation id is a digest of the conversation, a missing message id one of conversation, position
and text. So the same conversation in two files, or twice in one, is one conversation.

A missing time is `fields.ASSUMED_EPOCH` plus one second per position and is marked by `timestamp_assumed` in
the event's metadata; a time without a zone is UTC.
"""

from collections.abc import Iterator

from helix_pipeline.formats.detection import SHAPES, bare_messages, detect
from helix_pipeline.formats.outcomes import BadFileError, Outcome, Rejected, Skipped, UnknownFormatError
from helix_pipeline.formats.records import Record, records
from helix_pipeline.formats.source import Source, find_files, open_source

__all__ = [
    "BadFileError",
    "Outcome",
    "Rejected",
    "Skipped",
    "Source",
    "UnknownFormatError",
    "find_files",
    "open_source",
    "read",
]


def read(source: Source, conversation_id: str | None = None) -> Iterator[Outcome]:
    """Yield what the source holds, in its order. `conversation_id` is that of bare messages (role and content), which
    are of no known shape without it.

    Raises UnknownFormatError before the first outcome where the content is of no known shape, and
    BadFileError where the rest cannot be read (truncated, corrupt); everything before that place has been
    yielded by then.
    """
    framing, shape = detect(source, (*SHAPES, bare_messages(conversation_id)) if conversation_id else SHAPES)
    convert = shape.converter()
    for record in records(source, framing):
        source.place = record.place
        if isinstance(record, Record):
            yield from convert(record.value, record.place)
        else:
            yield record
