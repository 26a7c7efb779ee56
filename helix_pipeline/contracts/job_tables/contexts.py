"""Schema of what ContextCompression writes."""

import pyarrow as pa

from helix_pipeline.contracts.job_tables.table import DATE_FIELDS, JobTable
from helix_pipeline.contracts.rows import TIMESTAMP

KEPT_MESSAGE = pa.struct(
    [
        pa.field("message_id", pa.string()),
        pa.field("sequence", pa.int64()),
        pa.field("timestamp", TIMESTAMP),
        pa.field("speaker", pa.string()),
        pa.field("role", pa.string()),
        pa.field("text", pa.string()),
        pa.field("complete", pa.bool_()),
    ]
)
"""A message, or what is kept of it: sentences as they were said, with ` … ` where something between them, or at the
end, is left out."""

COMPRESSED_CONTEXTS = JobTable(
    "compressed_contexts",
    pa.schema(
        [
            pa.field("conversation_id", pa.string()),
            pa.field("stretch", pa.int64()),
            pa.field("closed", pa.bool_()),
            pa.field("strategy", pa.string()),
            pa.field("original_messages", pa.int64()),
            pa.field("kept_messages", pa.int64()),
            pa.field("original_tokens", pa.int64()),
            pa.field("target_tokens", pa.int64()),
            pa.field("compressed_tokens", pa.int64()),
            pa.field("ratio", pa.float64()),
            pa.field("target_ratio", pa.float64()),
            pa.field("quality_score", pa.float64()),
            pa.field("summary", pa.string()),
            pa.field("key_entities", pa.list_(pa.string())),
            pa.field("key_decisions", pa.list_(pa.string())),
            pa.field("messages", pa.list_(KEPT_MESSAGE)),
            pa.field("first_message", TIMESTAMP),
            pa.field("last_message", TIMESTAMP),
            pa.field("last_sequence", pa.int64()),
            pa.field("last_event_id", pa.string()),
            pa.field("version", pa.string()),
            *DATE_FIELDS,
        ]
    ),
    dated=True,
)
"""The compressed context of a conversation that is over its budget: one row, or one a stretch of its messages, numbered
from 0, where there are very many. A `closed` stretch is final, new messages come after it. The date is that of the
conversation's first message, times, messages and tokens are the stretch's own. Tokens are those of
`domain.context.tokens`; `ratio` is compressed by original tokens; `version` is the release that made the row."""
