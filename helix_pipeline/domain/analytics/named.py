"""Which entities messages name, as rows of figures: one for each message and entity."""

import pyarrow as pa
import pyarrow.compute as pc

from helix_pipeline.contracts.rows import TIMESTAMP

NAMED = pa.schema(
    [
        pa.field("timestamp", TIMESTAMP),
        pa.field("conversation_id", pa.string()),
        pa.field("message_id", pa.string()),
        pa.field("entity_id", pa.string()),
        pa.field("name", pa.string()),
        pa.field("type", pa.string()),
        pa.field("subtype", pa.string()),
        pa.field("mentions", pa.uint32()),
        pa.field("entities_per_message", pa.uint32()),
        pa.field("ingested_at", TIMESTAMP),
    ]
)
"""`mentions` of the entity in the message; `entities_per_message` are the different ones that it names."""

_OF_MESSAGE = ("timestamp", "conversation_id", "message_id", "ingested_at")
_OF_ENTITY = ("entity_name", "type", "subtype")


def named(messages: pa.Table, mentions: pa.Table) -> pa.Table:
    """Return rows of `NAMED`, by message and then by entity.

    `messages` have the first columns of `NAMED` and `ingested_at`; `mentions` are rows of `extraction.MENTIONS` whose
    `row` counts the messages from 0.
    """
    labels = [(name, "first") for name in _OF_ENTITY]
    pairs = mentions.group_by(["row", "entity_id"], use_threads=False).aggregate([*labels, ("surface", "count")])
    pairs = pairs.sort_by([("row", "ascending"), ("entity_id", "ascending")])
    said = messages.select(_OF_MESSAGE).take(pairs["row"])
    together = pc.value_counts(pairs["row"].combine_chunks())
    per_message = pc.index_in(pairs["row"], together.field("values"))
    columns = {
        **{name: said[name] for name in _OF_MESSAGE},
        "entity_id": pairs["entity_id"],
        **{column: pairs[f"{name}_first"] for column, name in zip(("name", *_OF_ENTITY[1:]), _OF_ENTITY, strict=True)},
        "mentions": pairs["surface_count"],
        "entities_per_message": together.field("counts").take(per_message),
    }
    return pa.table([columns[name] for name in NAMED.names], NAMED.names).cast(NAMED)
