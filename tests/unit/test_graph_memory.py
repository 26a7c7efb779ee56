"""A snapshot of the graph in memory: indexes, names with typing errors, paths; and folders that are whole or not."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from helix_pipeline.contracts.graph_files import SNAPSHOT
from helix_pipeline.domain.knowledge.matching import alike, edits, words
from helix_pipeline.errors import StoreError
from helix_pipeline.stores.graph_folders import Folder, begin, folders, prune
from helix_pipeline.stores.graph_memory import MemoryReader, load_newest
from helix_pipeline.stores.graph_memory_tables import indexed
from helix_pipeline.stores.graph_snapshot import newest
from helix_pipeline.stores.lake import Lake

AT = datetime(2026, 6, 1, tzinfo=UTC)
MS = int(AT.timestamp() * 1000)


def entity(id: str, name: str = "", mentions: int = 1, aliases: Sequence[str] = ()) -> list[Any]:
    return [id, name or id, "TECH", "", mentions, mentions, MS, MS, None, list(aliases)]


def pair(source: str, target: str, frequency: int = 1) -> list[Any]:
    return [source, target, frequency, MS, MS]


def snapshot(lake: Lake, messages: int = 100, **tables: list[list[Any]]) -> Folder:
    folder = begin(lake, "snapshot")
    for name, schema in SNAPSHOT.items():
        with folder.writing(f"{name}.parquet", schema) as writer:
            writer.write(tables.get(name, []))
    folder.finish({"messages": messages})
    return folder


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def reader(lake: Lake, **tables: list[list[Any]]) -> MemoryReader:
    snapshot(lake, **tables)
    return load_newest(lake)


def test_an_empty_graph_answers_nothing(lake: Lake) -> None:
    empty = reader(lake)
    assert empty.find("x") is None and empty.entity("x") is None and empty.path("x", "y", 3, AT) is None
    assert empty.search("docker", (), 5) == empty.related("x", 3, 5, (), AT) == empty.communities(5) == ()
    assert empty.subgraph((), 1, 5, AT).nodes == ()


def test_strength_is_worked_by_hand(lake: Lake) -> None:
    """Together in 4 of 16 messages, each in 4: npmi 1, discount 4/5 * 4/5; half of it half a year later."""
    found = reader(
        lake, messages=16, entities=[entity("a", mentions=4), entity("b", mentions=4)], pairs=[pair("a", "b", 4)]
    )
    [related] = found.related("a", 1, 5, (), AT)
    assert related.strength == pytest.approx(0.64)
    [later] = found.related("b", 1, 5, (), AT + timedelta(days=180))
    assert later.strength == pytest.approx(0.32)


def test_what_ends_at_an_entity_that_is_not_there_is_left_out(lake: Lake) -> None:
    entities = [entity(id, mentions=2) for id in "ab"]
    found = reader(lake, entities=entities, pairs=[pair("a", "gone", 2), pair("a", "b", 2), pair("gone", "b", 2)])
    assert [one.id for one in found.related("a", 2, 5, (), AT)] == ["b"]


def test_the_most_mentioned_of_a_name_is_found_ignoring_case_and_by_alias(lake: Lake) -> None:
    entities = [entity("x", "Go", 2), entity("y", "GO", 5), entity("z", "Weiqi", 9, ["gO"]), entity("go", "Id", 1)]
    found = reader(lake, entities=entities)
    names = {text: one.id for text in ("Go", "go", "weiqi", "  GO ") if (one := found.find(text))}
    assert names == {"Go": "z", "go": "go", "weiqi": "z", "  GO ": "z"}
    assert found.find("\ud800") is None and found.find("g") is None


def test_search_forgives_errors_in_long_words_and_ranks_by_likeness_then_mentions(lake: Lake) -> None:
    entities = [
        entity("docker", "Docker", 5),
        entity("compose", "Docker Compose", 50),
        entity("rocker", "Rocker", 500),
        entity("dock", "Dock", 1),
    ]
    found = reader(lake, entities=entities)
    assert [one.id for one in found.search("docker", (), 9)] == ["docker", "compose", "rocker"]
    assert {one.id for one in found.search("dokcer", (), 9)} == {"docker", "compose"}
    assert [one.id for one in found.search("compose docker", (), 9)] == ["compose"]
    assert [one.id for one in found.search("dock", (), 1)] == ["dock"]
    assert found.search("docker", ("PERSON",), 9) == found.search("", (), 9) == found.search("zzz", (), 9) == ()


WORDS = st.text("abcdeé東_9", min_size=1, max_size=9)


@settings(max_examples=20)
@given(st.lists(WORDS, min_size=1, max_size=20, unique=True), WORDS)
def test_what_is_found_is_what_a_scan_of_all_names_finds(known: list[str], asked: str) -> None:
    with TemporaryDirectory() as folder:
        found = reader(Lake(folder), entities=[entity(f"id{place}", name) for place, name in enumerate(known)])
        given = {one.name for one in found.search(asked, (), 100)}
    [word] = words(asked)
    wanted = {
        name for name in known if OSA.distance(word, words(name)[0]) <= edits(word) or words(name)[0].startswith(word)
    }
    assert given == wanted
    assert all(alike(asked, [name]) > 0 for name in given)


@given(st.lists(st.integers(0, 9), max_size=40), st.lists(st.integers(0, 9), max_size=6))
def test_an_index_leads_to_the_rows_of_a_number(numbers: list[int], asked: list[int]) -> None:
    index = indexed(np.array(numbers, np.int32), 10)
    wanted = defaultdict(list)
    for row, number in enumerate(numbers):
        wanted[number].append(row)
    assert all(index.of(number).tolist() == wanted[number] for number in range(10))
    rows, owners = index.of_all(np.array(asked, np.int32))
    assert rows.tolist() == [row for number in asked for row in wanted[number]]
    assert owners.tolist() == [number for number in asked for _ in wanted[number]]


@pytest.mark.parametrize("seed", range(3))
def test_paths_are_the_shortest_and_of_these_the_strongest(lake: Lake, seed: int) -> None:
    draw = np.random.default_rng(seed)
    edges = {tuple(sorted(ends)) for ends in draw.integers(0, 20, (30, 2)).tolist() if ends[0] != ends[1]}
    pairs = [pair(*sorted((f"n{a}", f"n{b}")), int(draw.integers(2, 9))) for a, b in sorted(edges)]
    found = reader(lake, entities=[entity(f"n{node}", mentions=9) for node in range(20)], pairs=pairs)
    for target in range(1, 20):
        path, ways = found.path("n0", f"n{target}", 4, AT), shortest_ways(edges, target, 4)
        assert (path is not None) is bool(ways)
        if path:
            assert len(path.relations) == len(ways[0]) - 1
            strengths = [prod(strength(found, a, b) for a, b in pairwise(way)) for way in ways]
            assert prod(one.strength for one in path.relations) == pytest.approx(max(strengths))


def shortest_ways(edges: set[tuple[int, ...]], target: int, longest: int) -> list[list[int]]:
    """All shortest ways from 0, by trying all."""
    ways = [[0]]
    for _ in range(longest):
        ways = [[*way, b] for way in ways for ends in edges for a, b in (ends, ends[::-1]) if a == way[-1]]
        if reached := [way for way in ways if way[-1] == target]:
            return reached
    return []


def strength(found: MemoryReader, a: int, b: int) -> float:
    ends = sorted((f"n{a}", f"n{b}"))
    return found.between([(ends[0], ends[1])], AT)[ends[0], ends[1]][0].strength


def test_a_folder_counts_when_its_manifest_is_there_and_old_ones_go(lake: Lake) -> None:
    with pytest.raises(StoreError, match="no snapshot of the graph"):
        load_newest(lake)
    made = [snapshot(lake) for _ in range(4)]
    unfinished = begin(lake, "snapshot")
    assert newest(lake) == made[-1]
    assert prune(lake, "snapshot", 2) == 2
    assert folders(lake, "snapshot") == made[2:]
    assert folders(lake, "snapshot", complete=False) == [unfinished]
    dead = Folder(lake, "snapshot", "2026-01-01T00-00-00.000000Z")
    Path(lake.root, "graph", "snapshot", dead.name).mkdir()
    assert prune(lake, "snapshot", 2) == 1
    assert folders(lake, "snapshot", complete=False) == [unfinished]


def test_a_broken_file_is_an_error_that_names_it(lake: Lake) -> None:
    folder = snapshot(lake)
    Path(folder.path, "pairs.parquet").write_bytes(b"no parquet")
    with pytest.raises(StoreError, match=r"cannot read .*pairs\.parquet"):
        load_newest(lake)
