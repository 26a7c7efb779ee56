"""What a verdict on a debate says about its two models: who leads, and the share of the win."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from helix_pipeline.domain.debates.events import VERDICTS_GIVEN
from helix_pipeline.domain.ratings.matchups import margin_shares

OUTCOMES = pa.schema([*VERDICTS_GIVEN, pa.field("lead", pa.float64()), pa.field("share", pa.float64())])
"""Verdicts with `lead`: 1 where the first side is named the winner, -1 where the second is, 0 for a draw; and `share`:
what the first side has of the win, in [0, 1]. Null where a verdict decides nothing between the two."""


def outcomes(given: pa.Table) -> pa.Table:
    """Return verdicts (`VERDICTS_GIVEN`) as `OUTCOMES`, in their order.

    The share is the preference where there is one, else that of the margin, else 1, ½ or 0 by the winner.
    """
    lead = _lead(given)
    known = pc.is_valid(given["first_model"])
    share = pc.coalesce(given["preference"], _margin_share(given["margin"]), pc.add(0.5, pc.multiply(0.5, lead)))
    nothing = pa.scalar(None, pa.float64())
    added = {"lead": pc.if_else(known, lead, nothing), "share": pc.if_else(known, share, nothing)}
    return pa.table({name: given[name] for name in given.column_names} | added).cast(OUTCOMES)


def _lead(given: pa.Table) -> pa.ChunkedArray:
    winner = given["winner"]
    named = [pc.fill_null(pc.equal(winner, given[f"{side}_participant"]), False) for side in ("first", "second")]
    decided = pc.if_else(named[1], -1.0, pa.scalar(None, pa.float64()))
    return pc.if_else(pc.is_null(winner), 0.0, pc.if_else(named[0], 1.0, decided))


def _margin_share(margin: pa.ChunkedArray) -> pa.Array:
    share = margin_shares(pc.fill_null(margin, 0.0).to_numpy())
    return pa.array(share, mask=np.asarray(pc.is_null(margin)))
