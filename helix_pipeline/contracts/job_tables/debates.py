"""Schemas of what DebateAnalysis writes: a row per debate, records by position, and how good the predictor is."""

import pyarrow as pa

from helix_pipeline.contracts.job_tables.table import DATE_FIELDS, JobTable
from helix_pipeline.contracts.rows import TIMESTAMP

PARTICIPANT = pa.struct(
    [
        pa.field("participant", pa.string()),
        pa.field("position", pa.string()),
        pa.field("model", pa.string()),
        pa.field("turns", pa.int64()),
        pa.field("words", pa.int64()),
        pa.field("change", pa.float64()),
        pa.field("drift", pa.float64()),
        pa.field("towards_others", pa.float64()),
    ]
)
"""`change` is 1 - cosine of the first and the last turn, `drift` the mean of 1 - cosine of consecutive turns, both
in [0, 1]. `towards_others` is how much nearer the last turn is than the first to what the others said first, in
[-1, 1]. Null below two turns, or without others."""

REBUTTAL = pa.struct(
    [
        pa.field("participant", pa.string()),
        pa.field("target", pa.string()),
        pa.field("replies", pa.int64()),
        pa.field("named", pa.int64()),
        pa.field("engagement", pa.float64()),
    ]
)
"""`replies` are the turns for which `target` is whom the turn takes up; `named` those of them that name the target;
`engagement` is their mean cosine with the target's latest turn, in [0, 1]."""

JUDGMENT = pa.struct(
    [pa.field("judge", pa.string()), pa.field("winner", pa.string()), pa.field("margin", pa.float64())]
)
"""`winner` is a participant, null for a draw; `margin` > 0 favours the first to speak, in the judge's units."""

DEBATE_ANALYSIS = JobTable(
    "debate_analysis",
    pa.schema(
        [
            pa.field("debate_id", pa.string()),
            pa.field("topic", pa.string()),
            pa.field("started_at", TIMESTAMP),
            pa.field("rounds", pa.int64()),
            pa.field("turns", pa.int64()),
            pa.field("words", pa.int64()),
            pa.field("agreement", pa.float64()),
            pa.field("agreement_first", pa.float64()),
            pa.field("agreement_last", pa.float64()),
            pa.field("participants", pa.list_(PARTICIPANT)),
            pa.field("rebuttals", pa.list_(REBUTTAL)),
            pa.field("judgments", pa.list_(JUDGMENT)),
            pa.field("judges", pa.int64()),
            pa.field("votes_first", pa.int64()),
            pa.field("votes_second", pa.int64()),
            pa.field("disagreement", pa.float64()),
            pa.field("margin", pa.float64()),
            pa.field("margin_spread", pa.float64()),
            pa.field("majority", pa.string()),
            pa.field("winner", pa.string()),
            pa.field("winner_position", pa.string()),
            pa.field("winner_model", pa.string()),
            pa.field("chance_first", pa.float64()),
            pa.field("held_out", pa.bool_()),
            *DATE_FIELDS,
        ]
    ),
    dated=True,
)
"""One debate. `agreement` is the mean cosine of the wording of participants within a round, over all rounds, and in the
first and the last; in [0, 1]. `disagreement` is the share of pairs of judges that differ; `margin` the judges' mean and
`margin_spread` its standard deviation. `majority` has more votes, `winner` the higher sum of margins, or more votes
where margins give none; null: nobody. `chance_first` is the predicted probability that the first to speak wins the
majority, `held_out` whether it was predicted from debates of other topics only; null where no predictor could be
fitted."""

DEBATE_POSITIONS = JobTable(
    "debate_positions",
    pa.schema(
        [
            pa.field("position", pa.string()),
            pa.field("model", pa.string()),
            pa.field("debates", pa.int64()),
            pa.field("wins", pa.int64()),
            pa.field("win_rate", pa.float64()),
            pa.field("low", pa.float64()),
            pa.field("high", pa.float64()),
            pa.field("best", pa.bool_()),
        ]
    ),
)
"""The record of each model in each position; `low` and `high` are Wilson's 95 % interval, the `best` of a position has
the highest `low`. A debate that nobody won is one without a win."""

DEBATE_PREDICTOR = JobTable(
    "debate_predictor",
    pa.schema(
        [
            pa.field("predictor", pa.string()),
            pa.field("winner_by", pa.string()),
            pa.field("debates", pa.int64()),
            pa.field("accuracy", pa.float64()),
            pa.field("log_loss", pa.float64()),
            pa.field("brier", pa.float64()),
            pa.field("calibration_error", pa.float64()),
        ]
    ),
)
"""How well winners are predicted on topics held out. `winner_by` says what had to be predicted: the `majority` of the
judges, the side with the higher sum of `margins`, or each single `verdict`. A vote is no probability: of the majority
of the other judges only the accuracy is given."""
