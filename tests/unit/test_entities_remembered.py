"""What texts name is remembered across processes that share a file, and never out of date."""

import sqlite3
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.entities.extraction import Extraction
from helix_pipeline.domain.entities.gazetteer import Gazetteer
from helix_pipeline.domain.entities.gazetteer import load as gazetteer
from helix_pipeline.domain.entities.resolution.resolver import load as resolver
from helix_pipeline.settings_sections import GraphSettings
from helix_pipeline.stores.extractors import remembered
from helix_pipeline.stores.extractors.extraction import load_extraction
from helix_pipeline.stores.extractors.remembered import RememberedExtraction

TEXTS = ["Docker runs Redis and Docker.", "", "Nothing to see here.", "Python 🐍 on Kubernetes, 3 GB."]


LIST, NAMES = gazetteer(), resolver()


class Counting:
    """A recogniser that keeps what it was asked."""

    def __init__(self, inner: Gazetteer, version: str = "one") -> None:
        self.inner, self.version, self.asked = inner, version, list[str]()

    def recognise(self, texts: Sequence[str]) -> pa.Table:
        self.asked += texts
        return self.inner.recognise(texts)


@pytest.fixture
def counting() -> Counting:
    return Counting(LIST)


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "mentions.sqlite"


def remembering(recogniser: Counting, memory: Path) -> RememberedExtraction:
    return RememberedExtraction(recogniser, NAMES, memory)


def plain(recogniser: Counting) -> Extraction:
    return Extraction(recogniser.inner, NAMES)


def test_a_text_is_read_once(counting: Counting, memory: Path) -> None:
    first = remembering(counting, memory).mentions([*TEXTS, TEXTS[0]])
    assert sorted(counting.asked) == sorted(TEXTS)
    assert first.num_rows > 4
    assert remembering(counting, memory).mentions([*TEXTS, TEXTS[0]]) == first
    assert remembering(counting, memory).mentions(["Kafka", TEXTS[3]]).num_rows == 3
    assert counting.asked[len(TEXTS) :] == ["Kafka"]


@given(st.lists(st.sampled_from([*TEXTS, "Kafka", "k8s or K8s", "Java"]) | st.text(max_size=20), max_size=12))
def test_it_is_what_the_extraction_finds(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    memory = tmp_path_factory.getbasetemp() / "property.sqlite"
    extraction = Extraction(LIST, NAMES)
    once = RememberedExtraction(extraction.recogniser, extraction.resolver, memory)
    assert once.mentions(texts).equals(extraction.mentions(texts).combine_chunks())


def test_the_shipped_model_finds_the_same(memory: Path) -> None:
    extraction = load_extraction(GraphSettings())
    shared = RememberedExtraction(extraction.recogniser, extraction.resolver, memory)
    texts = [*TEXTS, "On 3 May we moved from PostgreSQL 16 to CockroachDB in Berlin."]
    wanted = extraction.mentions(texts)
    assert wanted.num_rows > 5
    assert shared.mentions(texts[2:]).num_rows and shared.mentions(texts) == wanted


class Overtaken(Counting):
    """A recogniser that is so slow that somebody else reads `texts` meanwhile."""

    def __init__(self, other: RememberedExtraction, texts: Sequence[str]) -> None:
        super().__init__(LIST)
        self.other, self.texts = other, texts

    def recognise(self, texts: Sequence[str]) -> pa.Table:
        self.other.mentions(self.texts)
        return super().recognise(texts)


def test_what_another_process_reads_meanwhile_is_not_read_again(counting: Counting, memory: Path) -> None:
    texts = [f"Redis {number}" for number in range(3 * remembered.AT_ONCE)]
    slow = Overtaken(remembering(counting, memory), texts)
    assert remembering(slow, memory).mentions(texts) == plain(counting).mentions(texts)
    assert (len(slow.asked), len(counting.asked)) == (remembered.AT_ONCE, len(texts))


def test_each_goes_its_own_way_through_the_same_texts(tmp_path: Path) -> None:
    texts = [f"Redis {number}" for number in range(200)]
    one, two = Counting(LIST), Counting(LIST)
    remembering(one, tmp_path / "one").mentions(texts)
    remembering(two, tmp_path / "two").mentions(texts)
    assert one.asked != two.asked
    assert sorted(one.asked) == sorted(two.asked) == sorted(texts)


def test_nobody_else_may_read_it(counting: Counting, memory: Path) -> None:
    remembering(counting, memory).mentions(TEXTS)
    assert {path.stat().st_mode & 0o777 for path in memory.parent.glob(f"{memory.name}*")} == {0o600}


def test_another_version_reads_anew(counting: Counting, memory: Path) -> None:
    remembering(counting, memory).mentions(TEXTS[:1])
    newer = Counting(counting.inner, "two")
    remembering(newer, memory).mentions(TEXTS[:1])
    assert newer.asked == TEXTS[:1]


def test_what_came_first_is_forgotten(counting: Counting, memory: Path) -> None:
    extraction = RememberedExtraction(counting, NAMES, memory, most=10)
    for number in range(8):
        extraction.mentions([f"Kafka {number}/{one}" for one in range(5)])
    with sqlite3.connect(memory) as file:
        assert file.execute("SELECT count(*) FROM found").fetchone() == (10,)
    counting.asked.clear()
    extraction.mentions(["Kafka 0/0", "Kafka 7/4"])
    assert counting.asked == ["Kafka 0/0"]


@pytest.mark.parametrize("content", [None, b"this is no database, however long one looks at it" * 100])
def test_a_file_that_cannot_be_used_costs_time_alone(counting: Counting, memory: Path, content: bytes | None) -> None:
    if content is None:
        memory.mkdir()
    else:
        memory.write_bytes(content)
    for _ in range(2):
        assert remembering(counting, memory).mentions(TEXTS) == plain(counting).mentions(TEXTS)
    assert sorted(counting.asked) == sorted(TEXTS * 2)


def read(memory: Path, texts: list[str]) -> list[dict[str, object]]:
    return RememberedExtraction(LIST, NAMES, memory).mentions(texts).to_pylist()


def test_processes_share_it(memory: Path) -> None:
    texts = [f"Kafka and Redis {number % 40}" for number in range(400)]
    with get_context("spawn").Pool(3) as pool:
        found = pool.starmap(read, [(memory, texts)] * 6)
    assert all(one == plain(Counting(LIST)).mentions(texts).to_pylist() for one in found)
    with sqlite3.connect(memory) as file:
        assert file.execute("SELECT count(*) FROM found").fetchone() == (40,)
