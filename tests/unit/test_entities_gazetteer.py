"""The gazetteer: whole words, longest forms, exact spans in any Unicode text, one id for all aliases."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.entities.extraction import Extraction
from helix_pipeline.domain.entities.gazetteer import TYPES, Gazetteer, load, slug
from helix_pipeline.domain.entities.recogniser import SPANS, spans
from helix_pipeline.domain.entities.resolution import resolver

GAZETTEER = load()
EXTRACTION = Extraction(GAZETTEER, resolver.load())
FORMS = sorted({surface for entry in GAZETTEER.entries.values() for _, surface in entry.forms})
GLUE = ["", " ", " ", ", ", ".", "\n", "_", "-", "'", "é", "İ", "\u0301", "ß", "7", "日本", "😀", "Σ", "\x00"]
texts = st.lists(st.one_of(st.sampled_from(FORMS), st.sampled_from(GLUE), st.text(max_size=5)), max_size=14).map(
    "".join
)


def mentions(text):
    return EXTRACTION.mentions([text]).to_pylist()


def found(text):
    return [(mention["entity_name"], text[mention["start"] : mention["end"]]) for mention in mentions(text)]


def names(text):
    return [name for name, _ in found(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("JavaScript is not Java.", ["JavaScript", "Java"]),
        ("Javanese coffee", []),
        ("my_java_home and java8", []),
        ("Java-based (Java) java.util", ["Java", "Java", "Java"]),
        ("C++ or C# or F# on .NET?", ["C++", "C#", "F#", ".NET"]),
        ("C++17 with Node.js, nodejs", ["C++", "Node.js", "Node.js"]),
        ("example.net is a domain", []),
        ("java\u0301 has an accent", []),
        ("docker", ["Docker"]),
        ("", []),
    ],
)
def test_words_match_whole(text, expected):
    assert names(text) == expected


@pytest.mark.parametrize("alias", ["K8s", "k8s", "KUBERNETES", "kubernetes", "kubectl"])
def test_aliases_are_one_entity(alias):
    [mention] = mentions(f"we run {alias} here")
    entity = ("entity_id", "entity_name", "type", "subtype")
    assert [mention[name] for name in entity] == ["tech:kubernetes", "Kubernetes", "TECH", "tool"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("we go home, the rust on it, a spark and a dash, they react", []),
        ("We write Go, Rust and React; Spark and Dash too", ["Go", "Rust", "React", "Apache Spark", "Dash"]),
        ("Go ahead. Go on! - Go", []),
        ("Spark is slow today", ["Apache Spark"]),
        ("tell us about the US", ["United States"]),
    ],
)
def test_everyday_words_need_their_case(text, expected):
    assert names(text) == expected


def test_the_longest_form_wins():
    assert found("Google Cloud, not Google") == [("Google Cloud", "Google Cloud"), ("Google", "Google")]


def test_a_longer_form_that_fails_leaves_the_shorter_ones():
    assert names("a Delta Lakehouse on Docker Composer") == ["Lakehouse", "Docker"]


def test_of_overlapping_forms_the_first_wins_and_the_rest_of_the_text_is_kept():
    table = "a b\tTECH\t\t\nb c d e\tTECH\t\t\nc\tTECH\t\tc d|d\n"
    assert [span.surface for span in Gazetteer(table).claims(["a b c d e"])] == ["a b", "c d"]


def test_offsets_hold_where_lower_case_is_longer():
    text = "İİ İstanbul: Kubernetes"
    assert len(text.lower()) > len(text)
    assert found(text) == [("Kubernetes", "Kubernetes")]


@given(texts)
def test_spans_are_exact_and_do_not_overlap(text):
    end = 0
    for span in GAZETTEER.claims([text]):
        assert text[span.start : span.end] == span.surface
        assert span.surface.lower() in {form.lower() for form in FORMS}
        assert span.start >= end
        assert 0 < span.confidence <= 1
        end = span.end


@given(texts)
def test_a_scan_of_every_position_finds_the_same(text):
    assert [(mention["start"], mention["end"], mention["entity_id"]) for mention in mentions(text)] == reference(text)


@given(st.lists(texts, max_size=6))
def test_spans_do_not_depend_on_how_texts_are_batched(batch):
    one_by_one = [span._replace(row=row) for row, text in enumerate(batch) for span in GAZETTEER.claims([text])]
    assert GAZETTEER.recognise(batch).equals(spans(one_by_one))
    assert GAZETTEER.recognise(batch).schema == SPANS


def test_slugs_tell_names_apart():
    assert [slug(name) for name in ["C++", "C#", ".NET", "Node.js", "CI/CD", "São Paulo"]] == [
        "cpp",
        "c-sharp",
        "dot-net",
        "node-js",
        "ci-cd",
        "são-paulo",
    ]


def test_the_list_covers_every_type():
    assert {entry.type for entry in GAZETTEER.entries.values()} == TYPES
    assert len(GAZETTEER.entries) >= 250


def test_the_version_follows_the_list():
    assert load().version == GAZETTEER.version
    assert Gazetteer("Java\tTECH\t\t").version != GAZETTEER.version


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("Java\tTECH", "line 1: expected name"),
        ("# head\nJava\tTHING\t\t", "line 2: expected name"),
        ("Java\tTECH\t\t\nJVM\tTECH\t\tjava", "line 2: 'java' already belongs to tech:java"),
        ("Java\tTECH\t\t= ", "line 1: an empty or padded form"),
    ],
)
def test_a_malformed_list_is_refused_by_line(table, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Gazetteer(table)


def reference(text):
    """The definition, tried at every position: earliest first, then longest, whole words, marked case."""
    hits = []
    for entry in GAZETTEER.entries.values():
        for marker, surface in entry.forms:
            for start in range(len(text) - len(surface) + 1):
                end = start + len(surface)
                if matches(text, start, end, marker, surface):
                    hits.append((start, end, entry.id))
    hits.sort(key=lambda hit: (hit[0], -hit[1]))
    kept = []
    for hit in hits:
        if not kept or hit[0] >= kept[-1][1]:
            kept.append(hit)
    return kept


def matches(text, start, end, marker, surface):
    same = text[start:end] == surface if marker else text[start:end].lower() == surface.lower()
    if not same or part_of_word(text[start - 1 : start]) or part_of_word(text[end : end + 1]):
        return False
    return marker != "~" or re.search(r"(^|[.!?:;\n\r])[ \t\"'`(*_-]*\Z", text[:start]) is None


def part_of_word(character):
    return re.match(r"\w", character) is not None or any(map(unicodedata.combining, character))
