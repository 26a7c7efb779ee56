"""What judges made of debates: winner, margin and disagreement, the judges themselves, side and model records.

Judgments are tables with the columns of `JUDGMENTS`; a debate's judgments must be in one table.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.stats import binomtest

from helix_pipeline.contracts.job_tables.debates import DEBATE_POSITIONS
from helix_pipeline.domain.ratings.intervals import wilson

JUDGMENTS = pa.schema(
    [
        pa.field("debate_id", pa.string()),
        pa.field("judge", pa.string()),
        pa.field("winner", pa.string()),
        pa.field("margin", pa.float64()),
    ]
)
"""`winner` is a participant, or null for a draw; `margin` > 0 favours the first participant, in the judge's units."""

VERDICTS = pa.schema(
    [
        pa.field("debate_id", pa.string()),
        pa.field("judges", pa.int64()),
        pa.field("votes_first", pa.int64()),
        pa.field("votes_second", pa.int64()),
        pa.field("margin", pa.float64()),
        pa.field("margin_spread", pa.float64()),
        pa.field("disagreement", pa.float64()),
        pa.field("majority", pa.string()),
        pa.field("winner", pa.string()),
    ]
)
"""`margin` is the mean, `margin_spread` the population standard deviation; `disagreement` is the share of pairs of
judges that differ, in [0, 1], null below two judges. `majority` has more votes than the other participant; `winner`
has the positive sum of margins, or more votes where margins give none. Null: nobody."""


def verdicts(judgments: pa.Table, first: pa.Array, second: pa.Array) -> pa.Table:
    """Return one row of `VERDICTS` per debate, in order of `debate_id`.

    `first` and `second` are the participants' names for each row of `judgments`.
    """
    votes = pa.table(
        {
            "debate_id": judgments["debate_id"],
            "first": _count(pc.equal(judgments["winner"], first)),
            "second": _count(pc.equal(judgments["winner"], second)),
            "margin": judgments["margin"],
            "name_first": first,
            "name_second": second,
        }
    )
    summed = votes.group_by("debate_id", use_threads=False).aggregate(
        [
            ("first", "count"),
            ("first", "sum"),
            ("second", "sum"),
            ("margin", "mean"),
            ("margin", "stddev"),
            ("name_first", "min"),
            ("name_second", "min"),
        ]
    )
    return _decided(summed).sort_by("debate_id")


def side_bias(wins: Mapping[str, int]) -> dict[str, float | int | str]:
    """Return for the position that wins most: its share of decided debates, Wilson's interval and a two-sided p.

    `wins` are the debates won from each position. The test is the exact binomial one against 1/2. Without a decided
    debate the share is 1/2 and p is 1.
    """
    trials = sum(wins.values())
    position, most = min(wins.items(), key=lambda item: (-item[1], item[0]), default=("", 0))
    low, high = map(float, wilson(most, trials))
    share = most / trials if trials else 0.5
    p = float(binomtest(most, trials).pvalue) if trials else 1.0
    return {"position": position, "debates": trials, "share": share, "low": low, "high": high, "p": p}


def records(counts: pa.Table) -> pa.Table:
    """Return the record of each model in each position as `DEBATE_POSITIONS`, best first within a position.

    `counts` has `position`, `model`, and how many `debates` and `wins` the model had there: a row for each.
    """
    low, high = wilson(counts["wins"].to_numpy(), counts["debates"].to_numpy())
    rate = pc.divide(pc.cast(counts["wins"], pa.float64()), counts["debates"])
    columns = {name: counts[name] for name in DEBATE_POSITIONS.schema.names[:4]} | {
        "win_rate": rate,
        "low": low,
        "high": high,
    }
    order = [("position", "ascending"), ("low", "descending"), ("win_rate", "descending"), ("model", "ascending")]
    rows = pa.table(columns).sort_by(order)
    position = rows["position"].to_pylist()
    best = [not place or position[place - 1] != name for place, name in enumerate(position)]
    return rows.append_column("best", pa.array(best, pa.bool_())).cast(DEBATE_POSITIONS.schema)


def others_majority(judgments: pa.Table, first: pa.Array) -> NDArray[np.float64]:
    """Return for each judgment the side that the debate's other judges favour: 1 the first, 0 the second participant.

    1/2 where they are tied; nan where no other judge gave a verdict. It is the baseline of a predictor: what a
    majority vote says about a verdict that it does not contain.
    """
    debates = pc.dictionary_encode(judgments["debate_id"].combine_chunks()).indices.to_numpy(zero_copy_only=False)
    decided = pc.is_valid(judgments["winner"]).to_numpy(zero_copy_only=False)
    for_first = _count(pc.equal(judgments["winner"], first)).to_numpy(zero_copy_only=False)
    lead = np.where(decided, 2.0 * for_first - 1.0, 0.0)
    size = int(debates.max(initial=-1)) + 1
    others = np.bincount(debates, lead, size)[debates] - lead
    voters = np.bincount(debates, decided, size)[debates] - decided
    return np.where(voters > 0, (np.sign(others) + 1) / 2, np.nan)


def _count(flags: pa.Array) -> pa.Array:
    return pc.cast(pc.fill_null(flags, False), pa.int64())


def _decided(summed: pa.Table) -> pa.Table:
    judges, first, second = (summed[name] for name in ("first_count", "first_sum", "second_sum"))
    lead = pc.subtract(first, second)
    margin = summed["margin_mean"]
    balance = pc.if_else(pc.equal(pc.fill_null(margin, 0.0), 0.0), pc.cast(lead, pa.float64()), margin)
    columns = [
        summed["debate_id"],
        judges,
        first,
        second,
        margin,
        summed["margin_stddev"],
        _disagreement(judges, first, second),
        _ahead(lead, summed),
        _ahead(balance, summed),
    ]
    return pa.table(dict(zip(VERDICTS.names, columns, strict=True))).cast(VERDICTS)


def _ahead(lead: pa.ChunkedArray, summed: pa.Table) -> pa.ChunkedArray:
    loser = pc.if_else(pc.less(lead, 0), summed["name_second_min"], pa.scalar(None, pa.string()))
    return pc.if_else(pc.greater(lead, 0), summed["name_first_min"], loser)


def _disagreement(judges: pa.ChunkedArray, first: pa.ChunkedArray, second: pa.ChunkedArray) -> pa.Array:
    """Pairs that differ over all pairs, draws being a third verdict."""
    n, a, b = (column.to_numpy().astype(float) for column in (judges, first, second))
    draws = n - a - b
    with np.errstate(invalid="ignore"):
        share = (n * n - a * a - b * b - draws * draws) / (n * (n - 1))
    return pa.array(share, pa.float64(), from_pandas=True)
