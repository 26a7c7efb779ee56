"""Which offsets are held, and whether numbers run through: by hand, and against sets of whole numbers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.services.context.coverage import unbroken, uncovered
from helix_pipeline.stores.log_reader import partition_of

PLACES = st.integers(0, 30)
RANGES = st.lists(st.tuples(PLACES, PLACES).map(lambda ends: (min(ends), max(ends))), max_size=6)


def test_known_ranges():
    assert uncovered([], 3, 7) == [(3, 7)]
    assert uncovered([(0, 9)], 3, 7) == []
    assert uncovered([(4, 5), (6, 9)], 3, 7) == [(3, 4), (5, 6)]
    assert uncovered([(0, 4)], 3, 7) == [(4, 7)]
    assert uncovered([(9, 12)], 3, 7) == [(3, 7)]
    assert uncovered([(2, 5), (1, 9)], 3, 7) == []
    assert uncovered([(0, 2)], 7, 7) == []


@settings(deadline=None)
@given(RANGES, PLACES, PLACES)
def test_what_is_uncovered_is_what_no_range_has(held, start, end):
    found = uncovered(held, start, end)
    covered = {place for first, after in held for place in range(first, after)}
    wanted = [place for place in range(start, end) if place not in covered]
    assert [place for first, after in found for place in range(first, after)] == wanted
    assert all(first < after for first, after in found)


def test_numbers_that_run_through():
    for numbers in ([0], [1], [1, 2, 3], [2, 0, 1], [0, 0, 1, 1]):
        assert unbroken(np.array(numbers)), numbers
    for numbers in ([], [2], [0, 2], [1, 2, 4], [2, 3]):
        assert not unbroken(np.array(numbers, np.int64)), numbers


def test_keys_are_on_the_partitions_that_kafka_chooses():
    """Hashes of Kafka's own test of murmur2 (`UtilsTest.testMurmur2`)."""
    known = {
        b"21": -973932308,
        b"foobar": -790332482,
        b"a-little-bit-long-string": -985981536,
        b"a-little-bit-longer-string": -1486304829,
        b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
        b"abc": 479470107,
    }
    for key, hashed in known.items():
        for partitions in (1, 16, 1000, 2**31):
            assert partition_of(key, partitions) == (hashed & 0x7FFFFFFF) % partitions
