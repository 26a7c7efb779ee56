"""A conversation as the context engine sees it: an Arrow table of messages, in the order in which they were said.

A table instead of objects: stores answer in Arrow, and a million messages must be handled in a second.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS

_NAMES = ("conversation_id", "event_id", "message_id", "sequence", "timestamp", "role", "name", "user_id", "session")

CONVERSATION = pa.schema([LAKE_CONVERSATIONS.schema.field(name) for name in (*_NAMES, "content")])
"""The columns of a conversation: those of the lake, and of the hot copy, that a replay needs."""


def ordered(messages: pa.Table) -> pa.Table:
    """Return the messages in order, each event once, as `CONVERSATION`.

    The order is that of sequence, then time, then event id. Equal event ids are one event that was read twice. Rows
    without content, which are no messages, are left out.
    """
    order = [(name, "ascending") for name in ("sequence", "timestamp", "event_id")]
    said = messages.select(CONVERSATION.names).filter(pc.is_valid(messages["content"]))
    rows = said.sort_by(order).combine_chunks().cast(CONVERSATION)
    ids = rows["event_id"]
    first = pc.not_equal(ids.slice(1), ids.slice(0, max(0, len(ids) - 1)))
    return rows.filter(np.concatenate([np.ones(min(1, len(ids)), bool), first.to_numpy()]))


def speakers(messages: pa.Table) -> pa.ChunkedArray:
    """Return who said each message: the name, or the role where there is none."""
    return pc.coalesce(messages["name"], messages["role"])
