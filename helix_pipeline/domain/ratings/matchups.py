"""What judgments of duels say about pairs of models: one share of the win per matchup, added up by pair.

A matchup is two models on one topic, usually in both orders. Its judgments depend on each other (the same texts, the
same topic), so that it counts as one observation, however many judges it had.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

Floats = NDArray[np.float64]

DECISIVE_MARGIN = 3.0
"""The margin that counts as a whole win, on the published debates board's scale of 0 to 5."""

PAIR_SCORES = pa.schema(
    [
        pa.field("first", pa.string()),
        pa.field("second", pa.string()),
        pa.field("order", pa.float64()),
        pa.field("n", pa.int64()),
        pa.field("points", pa.float64()),
        pa.field("squares", pa.float64()),
    ]
)
"""`first` < `second`; `order` is 1 where `first` always went first, -1 where it never did, 0 for both equally or
neither; `n` matchups; `points` and `squares` are the sums of the shares of `first` and of their squares."""


def margin_shares(margins: ArrayLike, decisive: float = DECISIVE_MARGIN) -> Floats:
    """Return the share of the win, in [0, 1], for each margin: 0 is a tie, `decisive` or more a whole win.

    Linear in between, so that narrow and clear wins differ. Raises ValueError for a margin that is not a number or a
    `decisive` not above 0.
    """
    values = np.asarray(margins, np.float64)
    if not decisive > 0 or np.isnan(values).any():
        raise ValueError("margins must be numbers and the decisive margin above 0")
    return np.clip(0.5 + values / (2 * decisive), 0, 1)


def pair_scores(judgments: pa.Table) -> pa.Table:
    """Add up judgments by pair of models, as a table of `PAIR_SCORES` in order of its keys.

    `judgments` has `topic`, `first` and `second` (the models in the order of their speaking), `share`, what `first` has
    of the win, 0.5 for a tie, and `ordered`: false where neither spoke first. Rows with a null, and models against
    themselves, say nothing and are left out. A matchup's share is the mean over the two orders of the mean over
    judgments. Where each topic is wholly in one of several tables, their scores one after another are as good as those
    of all. Raises ValueError for a share outside [0, 1].
    """
    known = judgments.select(["topic", "first", "second", "share", "ordered"]).drop_null()
    duels = known.filter(pc.not_equal(known["first"], known["second"]))
    share = pc.cast(duels["share"], pa.float64())
    if not pc.all(pc.and_(pc.greater_equal(share, 0), pc.less_equal(share, 1)), min_count=0).as_py():
        raise ValueError("shares must lie between 0 and 1")
    matchups = _matchups(duels, share)
    squared = matchups.append_column("square", pc.multiply(matchups["share"], matchups["share"]))
    keys = PAIR_SCORES.names[:3]
    grouped = squared.group_by(keys, use_threads=False)
    summed = grouped.aggregate([([], "count_all"), ("share", "sum"), ("square", "sum")])
    return summed.rename_columns(PAIR_SCORES.names).sort_by([(key, "ascending") for key in keys]).cast(PAIR_SCORES)


def pools(scores: pa.Table) -> list[pa.Table]:
    """Split pair scores where no chain of matchups connects the models; the pool with most models comes first.

    Ratings of different pools cannot be compared.
    """
    named = np.array([*scores["first"].to_pylist(), *scores["second"].to_pylist()], object)
    models, places = np.unique(named, return_inverse=True)
    first, second = places.reshape(2, -1)
    links = csr_array((np.ones(len(first)), (first, second)), shape=(len(models), len(models)))
    count, pool = connected_components(links, directed=False)
    sizes = np.bincount(pool, minlength=count)
    return [scores.filter(pa.array(pool[first] == number)) for number in np.argsort(-sizes, kind="stable")]


def _matchups(duels: pa.Table, share: pa.ChunkedArray) -> pa.Table:
    swapped = pc.greater(duels["first"], duels["second"])
    columns = {
        "topic": duels["topic"],
        "first": pc.if_else(swapped, duels["second"], duels["first"]),
        "second": pc.if_else(swapped, duels["first"], duels["second"]),
        "order": pc.if_else(duels["ordered"], pc.if_else(swapped, -1.0, 1.0), 0.0),
        "share": pc.if_else(swapped, pc.subtract(1.0, share), share),
    }
    matchup = ["topic", "first", "second"]
    by_order = pa.table(columns).group_by([*matchup, "order"], use_threads=False).aggregate([("share", "mean")])
    both = by_order.group_by(matchup, use_threads=False).aggregate([("order", "mean"), ("share_mean", "mean")])
    return both.rename_columns([*matchup, "order", "share"])
