"""Which entities occur together in one message: the pairs that the graph counts."""

from collections.abc import Sequence
from itertools import combinations

MAX_ENTITIES_PER_MESSAGE = 64
"""Distinct entities of one message that take part, first come first: at most 2,016 pairs per message."""


def pairs(ids: Sequence[str]) -> list[tuple[str, str]]:
    """Return each unordered pair of the distinct entities of one message once, as (smaller, larger).

    The pairs are sorted; entities beyond the first MAX_ENTITIES_PER_MESSAGE distinct ones take no part.
    """
    distinct = list(dict.fromkeys(ids))[:MAX_ENTITIES_PER_MESSAGE]
    return list(combinations(sorted(distinct), 2))
