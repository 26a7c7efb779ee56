"""Schemas of what EntityExtraction writes: mentions, entities that are one, and the snapshot of the distinct ones."""

import pyarrow as pa

from helix_pipeline.contracts.job_tables.table import DATE_FIELDS, JobTable
from helix_pipeline.contracts.rows import TIMESTAMP

ENTITIES = JobTable(
    "entities",
    pa.schema(
        [
            pa.field("entity_id", pa.string()),
            pa.field("entity_name", pa.string()),
            pa.field("entity_type", pa.string()),
            pa.field("entity_subtype", pa.string()),
            pa.field("start", pa.int32()),
            pa.field("end", pa.int32()),
            pa.field("surface", pa.string()),
            pa.field("confidence", pa.float64()),
            pa.field("reason", pa.string()),
            pa.field("conversation_id", pa.string()),
            pa.field("message_id", pa.string()),
            pa.field("sequence", pa.int64()),
            pa.field("role", pa.string()),
            pa.field("user_id", pa.string()),
            pa.field("timestamp", TIMESTAMP),
            pa.field("extractor", pa.string()),
            *DATE_FIELDS,
        ]
    ),
    dated=True,
)
"""One row for each time that a message names an entity. `start` and `end` count Unicode code points of the message's
text, from 0 and without the end, so that `surface` is `content[start:end]` in Python; `confidence` is in [0, 1];
`entity_subtype` may be empty; `reason` says why the surface is that entity; `timestamp` is the message's; `extractor`
is the version of what found it."""

ENTITY_ALIASES = JobTable(
    "entity_aliases",
    pa.schema(
        [
            pa.field("entity_id", pa.string()),
            pa.field("into_id", pa.string()),
            pa.field("name", pa.string()),
            pa.field("into_name", pa.string()),
            pa.field("reason", pa.string()),
            pa.field("confidence", pa.float64()),
        ]
    ),
)
"""One row for each entity that is another one under another name, of the whole table whatever the run's dates.

`into_id` stands for both, and has no row itself; `reason` is `spelling`, `acronym`, ...; `confidence` is in [0, 1].
Links, never a rewrite: `entities` keeps its ids, and leaving a row out withdraws it."""

ENTITIES_SNAPSHOT = pa.schema(
    [
        pa.field("entity_id", pa.string()),
        pa.field("entity_name", pa.string()),
        pa.field("entity_type", pa.string()),
        pa.field("entity_subtype", pa.string()),
        pa.field("mentions", pa.int64()),
        pa.field("messages", pa.int64()),
        pa.field("conversations", pa.int64()),
        pa.field("first_seen", TIMESTAMP),
        pa.field("last_seen", TIMESTAMP),
    ]
)
"""One row for each entity of the whole table: how often and in how many messages and conversations it was named."""
