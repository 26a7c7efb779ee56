"""One row per debate: what happened in it, what the judges made of it, and what a predictor sees of it."""

import pyarrow as pa
import pyarrow.compute as pc

from helix_pipeline.contracts.job_tables.debates import JUDGMENT
from helix_pipeline.contracts.rows import TIMESTAMP
from helix_pipeline.domain.debates import analysis, events, features, verdicts

_KNOWN = pa.schema(
    [
        pa.field("debate_id", pa.string()),
        pa.field("events", pa.int64()),
        pa.field("started_at", TIMESTAMP),
        pa.field("topic_id", pa.string()),
    ]
)
_JUDGED = pa.schema([pa.field("debate_id", pa.string()), pa.field("judgments", pa.list_(JUDGMENT))])
_PARTS = (analysis.DEBATES, events.SIDES, verdicts.VERDICTS, _JUDGED, features.CONTESTS)

CASES = pa.schema(list({field.name: field for schema in (_KNOWN, *_PARTS) for field in schema}.values()))
"""`events` is how many the debate has; `topic_id` is null where its start names none. The columns of a part are null
where there is none: no turn, fewer than two sides, no verdict."""


def cases(found: pa.Table) -> pa.Table:
    """Return one row of `CASES` per debate, in order of `debate_id`.

    `found` has the columns of `events.EVENTS`, `started_at` (the same for all events of a debate) and `topic_id`, the
    topic's number in the metadata of the start, if any.
    """
    grouped = found.group_by("debate_id", use_threads=False)
    known = grouped.aggregate([([], "count_all"), ("started_at", "min"), ("topic_id", "max")])
    known = known.rename_columns(_KNOWN.names).cast(_KNOWN).sort_by("debate_id")
    turns, given = events.turns(found), events.verdicts_given(found)
    decided = given.filter(pc.is_valid(given["first_participant"]))
    parts = (
        analysis.debates(turns),
        events.sides(found),
        verdicts.verdicts(decided, decided["first_participant"], decided["second_participant"]),
        _judgments(decided),
        features.as_table(features.contests(turns)),
    )
    columns = {name: known[name] for name in known.column_names}
    for part in parts:
        aligned = part.take(pc.index_in(known["debate_id"], value_set=part["debate_id"].combine_chunks()))
        columns |= {name: aligned[name] for name in part.column_names if name not in columns}
    return pa.table(columns).select(CASES.names).cast(CASES)


def _judgments(given: pa.Table) -> pa.Table:
    """Return the judgments of each debate as a list; `given` in order of `debate_id`."""
    runs = pc.run_end_encode(given["debate_id"].combine_chunks())
    structs = pa.StructArray.from_arrays(
        [given[field.name].combine_chunks() for field in JUDGMENT], fields=list(JUDGMENT)
    )
    starts = pa.concat_arrays([pa.array([0], pa.int32()), runs.run_ends])
    return pa.table([runs.values, pa.ListArray.from_arrays(starts, structs)], _JUDGED)
