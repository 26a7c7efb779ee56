"""Parts of the context service that need no store: pages of the hot copy, lines of JSON, caches, figures, progress."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS
from helix_pipeline.domain.context.conversation import CONVERSATION
from helix_pipeline.services.context.cache import BoundedCache
from helix_pipeline.services.context.conversation import ahead
from helix_pipeline.services.context.ndjson import encoded
from helix_pipeline.services.context.stats import Sequence, numbering
from helix_pipeline.spark.extents import extents, joined, packed, unpacked
from helix_pipeline.stores.hot_copy import MESSAGE_BYTES, Outline
from helix_pipeline.stores.lake import DataFile, Lake, commit, create_tables, open_table
from helix_pipeline.stores.lake_reach import Filled, reach_in

AT = datetime(2026, 6, 1, 10, 0, 0, 123456, UTC)


def outline(sequence: list[int], size: int = 0) -> Outline:
    numbers = np.array(sequence, np.int64)
    return Outline(numbers, np.full(len(numbers), size), numbers, numbers)


def test_pages_of_a_known_outline():
    assert list(outline([5, 3, 1, 3]).pages(0, 2)) == [(1, 2), (3, 5)]
    assert list(outline([1, 2, 3, 4]).pages(0, 2)) == [(1, 2), (3, 4)]
    assert list(outline([1, 2, 3, 4]).pages(3, 10)) == [(3, 4)]
    assert list(outline([]).pages(0, 10)) == []
    assert list(outline([0, 1, 2], size=100).pages(0, 10, page_bytes=100 + MESSAGE_BYTES + 1)) == [
        (0, 0),
        (1, 1),
        (2, 2),
    ]


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), max_size=60), st.integers(0, 50), st.integers(1, 10))
def test_pages_hold_each_message_once_and_in_order(sequence, first, rows):
    found = list(outline(sequence).pages(first, rows))
    counted = [number for start, end in found for number in sorted(sequence) if start <= number <= end]
    assert counted == [number for number in sorted(sequence) if number >= first]
    repeats = max((sequence.count(number) for number in sequence), default=0)
    assert all(sum(start <= number <= end for number in sequence) <= rows + repeats - 1 for start, end in found)


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(), st.none() | st.text()), min_size=1, max_size=20))
def test_lines_of_json_say_what_the_messages_say(texts):
    texts = [(_valid(content), name and _valid(name)) for content, name in texts]
    rows = [
        {
            "conversation_id": "c", "event_id": str(place), "message_id": "m", "sequence": place, "timestamp": AT,
            "role": "user", "name": name, "content": content,
        }
        for place, (content, name) in enumerate(texts)
    ]  # fmt: skip
    messages = pa.Table.from_pylist(rows, CONVERSATION)
    lines = b"".join(encoded([messages, messages.slice(1)])).decode().split("\n")
    assert lines.pop() == ""
    read = [json.loads(line) for line in lines]
    shown = [row | {"timestamp": "2026-06-01T10:00:00.123456Z", "user_id": None, "session": None} for row in rows]
    assert read == shown + shown[1:]


def _valid(text: str) -> str:
    return text.encode(errors="ignore").decode().replace("\0", "")


def test_no_messages_are_no_lines():
    assert list(encoded([])) == []


def test_a_cache_keeps_what_was_used_last_within_its_bounds():
    cache: BoundedCache[str, int] = BoundedCache(2, 10, 60, lambda value: value)
    for key in "abc":
        cache.put(key, 1)
    assert [cache.get(key) for key in "abc"] == [None, 1, 1]
    cache.put("large", 11)
    assert cache.get("large") is None and cache.get("b") == 1
    cache.put("d", 9)
    assert (cache.get("d"), cache.get("b"), cache.get("c")) == (9, 1, None)
    assert cache.count(lambda key: key in "bd") == 2


def test_a_cache_of_no_entries_keeps_nothing():
    cache: BoundedCache[str, int] = BoundedCache(0, 10, 60, lambda _: 1)
    cache.put("a", 1)
    assert cache.get("a") is None


def test_a_cache_forgets_after_its_time():
    cache: BoundedCache[str, int] = BoundedCache(5, 10, 1e-9, lambda _: 1)
    cache.put("a", 1)
    assert cache.get("a") is None


def test_the_flaws_of_a_numbering():
    assert numbering(np.array([0, 1, 2])) == Sequence(0, 2, 0, (), 0, ())
    assert numbering(np.array([7])) == Sequence(7, 7, 0, (), 0, ())
    assert numbering(np.array([9, 3, 3, 5, 5, 5])) == Sequence(3, 9, 4, ((4, 4), (6, 8)), 2, (3, 5))


def test_items_made_ahead_are_those_and_in_order():
    assert list(ahead(iter(range(1, 6)))) == [1, 2, 3, 4, 5]
    assert list(ahead(iter(()))) == []


def test_what_fails_while_made_ahead_is_raised():
    def broken():
        yield 1
        raise ValueError("broken")

    items = ahead(broken())
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)


def test_extents_of_known_records():
    def records(partition: int, *offsets: int) -> pa.RecordBatch:
        columns = {
            "partition": pa.array([partition] * len(offsets), pa.int32()),
            "offset": pa.array(offsets, pa.int64()),
        }
        return pa.RecordBatch.from_pydict(columns)

    assert extents([]) == {}
    found = extents([records(0, 5, 6, 9), records(1, 2), records(0, 10)])
    assert found == {0: (5, 11), 1: (2, 3)}
    assert joined([found, {1: (3, 8)}, {2: (0, 1)}]) == {0: (5, 11), 1: (2, 8), 2: (0, 1)}
    assert unpacked(packed(found)) == found


def test_the_reach_of_a_lake_table(tmp_path: Path):
    """Batches of a query follow each other; another query joins what is there, or begins anew after a gap."""
    lake = Lake(str(tmp_path))
    create_tables(lake, [LAKE_CONVERSATIONS])
    file = DataFile("year=2026/none.parquet", {"year": "2026", "month": "6", "day": "1"}, 1, 1, "{}")

    def reach(query: str, batch: int, first: int, end: int) -> tuple[int, int] | None:
        target = open_table(lake, "conversations")
        commit(target, [file], query, batch, Filled("topic", {3: (first, end)}))
        return reach_in(open_table(lake, "conversations"), "topic", 3)

    assert reach_in(open_table(lake, "conversations"), "topic", 3) is None
    assert reach("a", 0, 10, 20) == (10, 20)
    assert reach("a", 1, 22, 30) == (10, 30), "transactions leave gaps that hold no record"
    assert reach("a", 1, 99, 100) == (10, 30), "the same batch again changes nothing"
    assert reach("b", 0, 5, 12) == (5, 30)
    assert reach("b", 1, 12, 40) == (5, 40)
    assert reach("c", 0, 50, 60) == (50, 60)
    assert reach_in(open_table(lake, "conversations"), "other topic", 3) is None
    assert reach_in(open_table(lake, "conversations"), "topic", 4) is None
