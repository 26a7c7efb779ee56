"""Schemas of what RelationshipMining writes: pairs and their communities, statements and their intervals."""

import pyarrow as pa

from helix_pipeline.contracts.job_tables.table import DATE_FIELDS, JobTable
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
            pa.field("strength", pa.float64()),
            pa.field("first_seen", TIMESTAMP),
            pa.field("last_seen", TIMESTAMP),
            pa.field("evidence", pa.list_(_EVIDENCE)),
        ]
    ),
)
"""One row for each unordered pair of entities (`a_id` < `b_id`) that belong together.

`strength`, in [0, 1], is the association of `domain.knowledge.strength`, decayed to the latest message of the run.

`frequency`, `a_frequency`, `b_frequency` count the messages that name both, a, and b; `window_frequency` counts the
windows of successive messages of a conversation that hold both. NPMI is in [-1, 1], lift is 1 for independent
entities; `p_value` is of Fisher's exact test, `q_value` the same corrected for all pairs (Benjamini-Hochberg).
`a_first` and `b_first` count the conversations that name both and a, or b, first; `introduced_by` is the id of the one
that significantly often comes first, if any. `first_seen`, `last_seen` and the messages of `evidence`, the earliest,
are of messages where the two are near each other: the later message of their windows.
"""

COMMUNITIES = JobTable(
    "communities",
    pa.schema(
        [
            pa.field("entity_id", pa.string()),
            pa.field("community", pa.int64()),
            pa.field("size", pa.int64()),
        ]
    ),
)
"""The community of each entity of a pair with a strength: communities are numbered from 0, largest first, and `size`
is the number of their entities."""

RELATION_STATEMENTS = JobTable(
    "relation_statements",
    pa.schema(
        [
            pa.field("statement_id", pa.string()),
            pa.field("subject_id", pa.string()),
            pa.field("relation", pa.string()),
            pa.field("object_id", pa.string()),
            pa.field("object_kind", pa.string()),
            pa.field("ended", pa.bool_()),
            pa.field("confidence", pa.float64()),
            pa.field("cue", pa.string()),
            pa.field("start", pa.int32()),
            pa.field("end", pa.int32()),
            pa.field("conversation_id", pa.string()),
            pa.field("message_id", pa.string()),
            pa.field("stated_at", TIMESTAMP),
            pa.field("learnt_at", TIMESTAMP),
            *DATE_FIELDS,
        ]
    ),
    dated=True,
)
"""One row for each thing that a message states: a typed relation that holds, or has `ended`, at `stated_at`, the time
of the message; `learnt_at` is when the broker got it. `start` and `end` count Unicode code points of the message's
text: the words from the first to the last that state it. `object_kind` is what the object is used as (an
editor), else its sub-type, else its type: of a kind one is preferred at a time.

What was posted as a relationship has the event's id, no `start` and `end`, and empty texts as `cue` and as what it
names no conversation or message for."""

RELATION_INTERVALS = JobTable(
    "relation_intervals",
    pa.schema(
        [
            pa.field("subject_id", pa.string()),
            pa.field("relation", pa.string()),
            pa.field("object_id", pa.string()),
            pa.field("valid_from", TIMESTAMP),
            pa.field("valid_to", TIMESTAMP),
            pa.field("learnt_at", TIMESTAMP),
            pa.field("closed_at", TIMESTAMP),
            pa.field("closed_by", pa.struct([pa.field("statement_id", pa.string()), *_EVIDENCE])),
            pa.field("confidence", pa.float64()),
            pa.field("statements", pa.int64()),
            pa.field("last_stated", TIMESTAMP),
            pa.field("evidence", pa.list_(_EVIDENCE)),
        ]
    ),
)
"""One row for each time that a typed relation held: from `valid_from` on, and until before `valid_to` where that is
known, because the statement `closed_by` says so, or something else. `learnt_at` and `closed_at` are when it was known.
`statements` counts those of the interval, `last_stated` is the time of the last, `evidence` are the latest messages."""
