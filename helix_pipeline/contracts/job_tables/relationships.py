"""Schema of what RelationshipMining writes."""

import pyarrow as pa

from helix_pipeline.contracts.job_tables.table import JobTable
from helix_pipeline.contracts.rows import TIMESTAMP

_EVIDENCE = pa.struct([pa.field("conversation_id", pa.string()), pa.field("message_id", pa.string())])

RELATIONSHIPS = JobTable(
    "relationships",
    pa.schema(
        [
            pa.field("a_id", pa.string()),
            pa.field("a_name", pa.string()),
            pa.field("a_type", pa.string()),
            pa.field("b_id", pa.string()),
            pa.field("b_name", pa.string()),
            pa.field("b_type", pa.string()),
            pa.field("frequency", pa.int64()),
            pa.field("a_frequency", pa.int64()),
            pa.field("b_frequency", pa.int64()),
            pa.field("npmi", pa.float64()),
            pa.field("lift", pa.float64()),
            pa.field("p_value", pa.float64()),
            pa.field("q_value", pa.float64()),
            pa.field("window_frequency", pa.int64()),
            pa.field("window_npmi", pa.float64()),
            pa.field("window_lift", pa.float64()),
            pa.field("window_p_value", pa.float64()),
            pa.field("window_q_value", pa.float64()),
            pa.field("a_first", pa.int64()),
            pa.field("b_first", pa.int64()),
            pa.field("direction_p_value", pa.float64()),
            pa.field("direction_q_value", pa.float64()),
            pa.field("introduced_by", pa.string()),
            pa.field("first_seen", TIMESTAMP),
            pa.field("last_seen", TIMESTAMP),
            pa.field("evidence", pa.list_(_EVIDENCE)),
        ]
    ),
)
"""One row for each unordered pair of entities (`a_id` < `b_id`) that belong together.

`frequency`, `a_frequency`, `b_frequency` count the messages that name both, a, and b; `window_frequency` counts the
windows of successive messages of a conversation that hold both. NPMI is in [-1, 1], lift is 1 for independent
entities; `p_value` is of Fisher's exact test, `q_value` the same corrected for all pairs (Benjamini-Hochberg).
`a_first` and `b_first` count the conversations that name both and a, or b, first; `introduced_by` is the id of the one
that significantly often comes first, if any. `first_seen`, `last_seen` and the messages of `evidence`, the earliest,
are of messages where the two are near each other: the later message of their windows.
"""
