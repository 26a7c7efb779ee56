"""How strongly two entities are related: association corrected for frequency, and what was stated; both decay.

    strength = 1 - (1 - association * decay) * (1 - stated * decay)

- association = max(0, npmi) * discount. NPMI (Bouma 2009) of the messages that name both is in [-1, 1] and corrects
  for how common either is; the discount f / (f + 1) * m / (m + 1), with f messages that name both and m that name the
  rarer one, corrects its bias to rare pairs (Pantel and Ravichandran, HLT-NAACL 2004).
- stated = 1 - (1 - c) ^ min(n, 8) for n statements whose surest has confidence c: independent witnesses (noisy-or,
  Pearl 1988), at most eight, as repetition adds little.
- decay = 2 ^ (-age / HALF_LIFE_DAYS), the age since it was last seen.

Vectorised over pairs (arrays broadcast), but for the few of which there is more than one kind.
"""

from math import prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from helix_pipeline.domain.relationships.association import npmi

HALF_LIFE_DAYS = 180.0
MOST_WITNESSES = 8
_DAY_MS = 86_400_000

Floats = NDArray[np.float64]


def association(both: ArrayLike, a: ArrayLike, b: ArrayLike, total: ArrayLike) -> Floats:
    """Return the association of pairs, in [0, 1], from numbers of messages: naming both, a, b, and any entity."""
    together, rarer = np.asarray(both, np.float64), np.minimum(a, b).astype(np.float64)
    discount = together / (together + 1) * rarer / (rarer + 1)
    return np.asarray(np.maximum(npmi(both, a, b, total), 0.0) * discount, np.float64)


def stated(confidence: ArrayLike, statements: ArrayLike) -> Floats:
    """Return how sure a relation is, in [0, 1], of which so many statements have at most this confidence."""
    witnesses = np.minimum(statements, MOST_WITNESSES)
    return np.asarray(1 - (1 - np.asarray(confidence, np.float64)) ** witnesses, np.float64)


def decay(last_ms: ArrayLike, now_ms: ArrayLike) -> Floats:
    """Return what time leaves of a relation last seen then, in (0, 1]; both in milliseconds since 1970."""
    age = np.maximum(np.asarray(now_ms, np.float64) - np.asarray(last_ms, np.float64), 0.0)
    return np.asarray(np.exp2(-age / (HALF_LIFE_DAYS * _DAY_MS)), np.float64)


def combined(*strengths: float) -> float:
    """Return the strength of all kinds of relation together: one less the share that each leaves open."""
    return 1.0 - prod(1.0 - strength for strength in strengths)
