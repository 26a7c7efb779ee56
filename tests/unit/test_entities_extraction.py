"""Mentions: exact spans in real texts, rows that point back at their text, and the entity of each."""

import gzip
import json
from itertools import islice

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.entities import gazetteer
from helix_pipeline.domain.entities.extraction import MENTIONS, Extraction
from helix_pipeline.domain.entities.recogniser import SPANS
from helix_pipeline.domain.entities.resolution import resolver

RESOLVER = resolver.load()
EXTRACTION = Extraction(gazetteer.load(), RESOLVER)
WORDS = ["Docker", "k8s", "🐳", "İ", "ß", "e\u0301", "日本語", "PostgreSQL", "Σ", " ", "\n", "C++", "👩‍💻", "naïve"]


def spans(texts):
    found = EXTRACTION.mentions(texts).to_pylist()
    return [(m["row"], m["entity_name"], m["start"], m["end"], m["surface"], m["reason"]) for m in found]


def test_spans_count_code_points_and_rows_point_at_their_text():
    # An emoji is one code point and two UTF-16 units, é is two code points, 日 is three bytes.
    assert spans(["nothing here", "🐳 Docker, cafe\u0301 日 k8s", "", "Redis"]) == [
        (1, "Docker", 2, 8, "Docker", "name"),
        (1, "Kubernetes", 18, 21, "k8s", "alias"),
        (3, "Redis", 0, 5, "Redis", "name"),
    ]


def test_no_text_and_no_mention_give_an_empty_table():
    assert EXTRACTION.mentions([]).equals(MENTIONS.empty_table())
    assert EXTRACTION.mentions(["nothing", ""]).equals(MENTIONS.empty_table())


@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), max_size=4))
def test_the_table_says_what_the_recogniser_and_the_resolver_say(texts):
    found = EXTRACTION.mentions(texts)
    assert found.schema == MENTIONS
    said = EXTRACTION.recogniser.recognise(texts)
    placed = ["row", "start", "end", "surface", "confidence"]
    assert found.select(placed).equals(said.select(placed))
    entities = [RESOLVER.resolve(*kind) for kind in zip(*(said[name].to_pylist() for name in KIND), strict=True)]
    assert found["entity_id"].to_pylist() == [entity.id for entity in entities]
    assert found["type"].to_pylist() == [entity.type for entity in entities]


KIND = [name for name in SPANS.names if name in {"surface", "type", "subtype"}]


def test_the_version_names_both():
    assert EXTRACTION.version == f"{EXTRACTION.recogniser.version}/{RESOLVER.version}"


def test_spans_are_exact_in_real_texts(data):
    with gzip.open(data / "sgd" / "conversations.jsonl.gz", "rt", encoding="utf-8") as lines:
        sgd = [json.loads(line)["content"] for line in islice(lines, 5_000)]
    with (data / "locomo" / "conversations.jsonl").open(encoding="utf-8") as lines:
        texts = [f"{text} — 🐳 İ" for text in sgd] + [json.loads(line)["content"] for line in lines]
    found = EXTRACTION.mentions(texts)
    assert found.num_rows > 100
    assert all(texts[m["row"]][m["start"] : m["end"]] == m["surface"] for m in found.to_pylist())
    assert pa.types.is_string(found["surface"].type)
