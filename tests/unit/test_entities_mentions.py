"""Mentions as columns: exact spans in real texts, rows that point back at their text."""

import gzip
import json
from itertools import islice

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.entities.extractor import load_extractor
from helix_pipeline.domain.entities.mentions import MENTIONS, mentions

EXTRACTOR = load_extractor()
WORDS = ["Docker", "k8s", "🐳", "İ", "ß", "e\u0301", "日本語", "PostgreSQL", "Σ", " ", "\n", "C++", "👩‍💻", "naïve"]


def spans(texts):
    return [
        (m["row"], m["entity_name"], m["start"], m["end"], m["surface"]) for m in mentions(texts, EXTRACTOR).to_pylist()
    ]


def test_spans_count_code_points_and_rows_point_at_their_text():
    # An emoji is one code point and two UTF-16 units, é is two code points, 日 is three bytes.
    assert spans(["nothing here", "🐳 Docker, cafe\u0301 日 k8s", "", "Redis"]) == [
        (1, "Docker", 2, 8, "Docker"),
        (1, "Kubernetes", 18, 21, "k8s"),
        (3, "Redis", 0, 5, "Redis"),
    ]


def test_no_text_and_no_mention_give_an_empty_table():
    assert mentions([], EXTRACTOR).equals(MENTIONS.empty_table())
    assert mentions(["nothing", ""], EXTRACTOR).equals(MENTIONS.empty_table())


@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), max_size=4))
def test_the_table_says_what_the_extractor_says(texts):
    found = mentions(texts, EXTRACTOR)
    assert found.schema == MENTIONS
    expected = [(row, m.id, m.start) for row, named in enumerate(EXTRACTOR.extract_batch(texts)) for m in named]
    assert list(zip(*(found[name].to_pylist() for name in ("row", "entity_id", "start")), strict=True)) == expected


def test_spans_are_exact_in_real_texts(data):
    with gzip.open(data / "sgd" / "conversations.jsonl.gz", "rt", encoding="utf-8") as lines:
        sgd = [json.loads(line)["content"] for line in islice(lines, 5_000)]
    with (data / "locomo" / "conversations.jsonl").open(encoding="utf-8") as lines:
        texts = [f"{text} — 🐳 İ" for text in sgd] + [json.loads(line)["content"] for line in lines]
    found = mentions(texts, EXTRACTOR)
    assert found.num_rows > 100
    assert all(texts[m["row"]][m["start"] : m["end"]] == m["surface"] for m in found.to_pylist())
    assert pa.types.is_string(found["surface"].type)
