"""Messages that only the journal of this process has, added to what the stores and Kafka have of their conversation."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.contracts.wire import decoder
from helix_pipeline.domain.context.conversation import CONVERSATION, ordered
from helix_pipeline.errors import HelixError, NotFoundError
from helix_pipeline.services.context.conversation import Conversation
from helix_pipeline.services.context.stores import ContextStores
from helix_pipeline.services.kept import KeptEvent


def kept_of(stores: ContextStores, conversation_id: str) -> list[KeptEvent]:
    """Return the messages of a conversation that are in the journal, in the order of their acceptance."""
    return stores.outbox.kept(CONVERSATIONS.name, conversation_id.encode())


def with_kept(found: Conversation, kept: Sequence[KeptEvent]) -> Conversation:
    """Return a conversation with those of the kept messages that it does not have yet.

    Those without a number come last, with the numbers that they would get now.
    """
    ids = {id_ for page in found.batches() for id_ in page["event_id"].to_pylist()}
    left = [event for event in kept if event.record.event_id not in ids]
    if not left:
        return found
    rows = _rows(left, found.last_sequence)
    return replace(
        found,
        notes=(*found.notes, _note(left)),
        head=None,
        newest=ordered(pa.concat_tables([found.newest, rows])),
        about_bytes=found.about_bytes + rows.nbytes,
        last_sequence=max(found.last_sequence, pc.max(rows["sequence"]).as_py()),
    )


def only_kept(conversation_id: str, kept: Sequence[KeptEvent], why: HelixError) -> Conversation:
    """Return a conversation of which no other source has anything, or none can be asked, as `why` says."""
    rows, known = _rows(kept, -1), isinstance(why, NotFoundError)
    return Conversation(
        conversation_id=conversation_id,
        source="journal",
        notes=(_note(kept),) if known else (str(why), _note(kept)),
        complete=known,
        head=None,
        pages=lambda *_: iter(()),
        newest=ordered(rows),
        about_bytes=rows.nbytes,
        last_sequence=pc.max(rows["sequence"]).as_py(),
        to_the_end=known,
    )


def _rows(kept: Sequence[KeptEvent], last: int) -> pa.Table:
    """Return messages as `CONVERSATION`; those without a number follow after `last` and each other."""
    zeros = pa.array(np.zeros(len(kept), np.int64))
    places = zeros.cast(pa.int32()), zeros, zeros.cast(pa.timestamp("ms", "UTC"))
    found = decoder(CONVERSATIONS).decode([one.record.value for one in kept], *places)
    rows = pa.Table.from_batches([found.rows]).select(CONVERSATION.names)
    numbers = []
    for number, event in zip(rows["sequence"].to_pylist(), kept, strict=True):
        numbers.append(number if event.numbered else last + 1)
        last = max(last, numbers[-1])
    field = rows.schema.field("sequence")
    return rows.set_column(rows.schema.get_field_index("sequence"), field, pa.array(numbers, field.type))


def _note(kept: Sequence[KeptEvent]) -> str:
    return f"{len(kept)} messages are in the journal until Kafka has them: their numbers may still change"
