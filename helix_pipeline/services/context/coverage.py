"""Which offsets of a partition are held, and which are not: half-open ranges of whole numbers."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Range = tuple[int, int]
"""[start, end)."""


def uncovered(held: Iterable[Range], start: int, end: int) -> list[Range]:
    """Return the parts of [start, end) that none of the ranges holds, in order."""
    found: list[Range] = []
    for first, after in sorted(held):
        if start < min(first, end):
            found.append((start, min(first, end)))
        start = max(start, after)
    return [*found, (start, end)] if start < end else found


def unbroken(sequence: NDArray[np.int64]) -> bool:
    """Tell whether sequence numbers, in any order, begin with 0 or 1 and leave none out; repeats do not matter.

    Then nothing is missing before the newest message, whatever is known of the stores.
    """
    numbers = np.unique(sequence)
    return bool(len(numbers) and numbers[0] <= 1 and numbers[-1] - numbers[0] == len(numbers) - 1)
