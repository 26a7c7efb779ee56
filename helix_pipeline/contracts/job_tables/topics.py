"""Schemas of what TopicModeling writes."""

import pyarrow as pa

from helix_pipeline.contracts.job_tables.table import DATE_FIELDS, JobTable

TOPICS = JobTable(
    "topics",
    pa.schema(
        [
            pa.field("topic", pa.int32()),
            pa.field("topic_id", pa.string()),
            pa.field("label", pa.string()),
            pa.field("words", pa.list_(pa.string())),
            pa.field("weights", pa.list_(pa.float64())),
            pa.field("documents", pa.int64()),
            pa.field("share", pa.float64()),
            pa.field("npmi", pa.float64()),
            pa.field("c_v", pa.float64()),
            pa.field("x", pa.float64()),
            pa.field("y", pa.float64()),
            pa.field("matched_from", pa.string()),
            pa.field("similarity", pa.float64()),
        ]
    ),
)
"""A topic of a period. `topic` numbers the topics of one run from 0, heaviest first; `topic_id` stays that of the topic
of an earlier run which it continues: `matched_from` says which (`<period>/<topic>`), `similarity` how alike in (0, 1].
`weights` are P(word | topic) of `words`; `documents` and `share` count those whose heaviest topic it is. `npmi` in
[-1, 1] and `c_v`, at most 1, are null for a topic of fewer than two words. `x`, `y` is its place among the topics:
alike ones are near each other."""

DOCUMENT_TOPICS = JobTable(
    "document_topics",
    pa.schema(
        [
            pa.field("conversation_id", pa.string()),
            pa.field("topic", pa.int32()),
            pa.field("topic_id", pa.string()),
            pa.field("weight", pa.float64()),
            pa.field("fallback", pa.bool_()),
            pa.field("period", pa.string()),
            *DATE_FIELDS,
        ]
    ),
    dated=True,
)
"""The heaviest topic of a conversation and its share in (0, 1], by the run over `period` (join `topics` on `period` and
`topic`). `fallback` marks one without a word that any topic knows: it has the heaviest topic of the corpus, with that
topic's share. The date is that of its first message in the period."""
