"""Merges over a corpus: known examples, an equivalence that order does not change, and links that can be withdrawn."""

from collections.abc import Iterable
from itertools import combinations
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.entities.resolution.blocking import one_edit_apart
from helix_pipeline.domain.entities.resolution.groups import differ
from helix_pipeline.domain.entities.resolution.merging import MERGES, merges
from helix_pipeline.domain.entities.resolution.named import NAMES, corpus
from helix_pipeline.domain.entities.resolution.resolver import load
from helix_pipeline.domain.entities.resolution.spelling import Edit, edit, likenesses

RESOLVER = load()
WORDS = ["Kubernetes", "Kuberentes", "Kubernets", "Kubernetess", "Frobnicator", "Frobnicatro", "Frobnicattor", "FROB"]
PERSONS = ["Ann Lee", "Lee", "A. Lee", "Ann Marie Lee", "Ann", "Bob Lee", "Anne Lee", "Ann Leigh"]
SHORT = ["QRS", "Quick Rate Storage", "Quiet Room Service", "m12n", "modularization", "Quick Rat Storage", "QR"]

Row = tuple[str, str, int]

rows_of_a_corpus = st.lists(
    st.tuples(
        st.one_of(st.sampled_from([*WORDS, *PERSONS, *SHORT]), st.text("abcAB -1", min_size=1, max_size=8)),
        st.sampled_from(["TECH", "PRODUCT", "CONCEPT", "ORGANIZATION", "PERSON", "LOCATION"]),
        st.integers(1, 100),
    ),
    max_size=14,
)


def table(rows: Iterable[Row]) -> pa.Table:
    found: dict[str, dict[str, object]] = {}
    for surface, type, mentions in rows:
        entity = RESOLVER.resolve(surface, type, "")
        found[entity.id] = {
            **{"entity_id": entity.id, "name": entity.name, "type": entity.type, "subtype": entity.subtype},
            **{"mentions": mentions, "surfaces": [surface]},
        }
    return pa.Table.from_pylist(list(found.values()), NAMES)


def links(rows: Iterable[Row], **evidence: Any) -> list[tuple[str, str, str]]:
    found = merges(table(rows), **evidence)
    return [(row["entity_id"], row["into_id"], row["reason"]) for row in found.to_pylist()]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (("Kuberentes", "TECH", 9), ("k8s", "TECH", 1), ("tech:kuberente", "tech:kubernetes", "spelling")),
        (("Frobnicator", "TECH", 2), ("frobincator", "TECH", 1), ("tech:frobincator", "tech:frobnicator", "spelling")),
        (("Frobl", "TECH", 40), ("Frobll", "TECH", 2), ("tech:frobll", "tech:frobl", "spelling")),
        (("Postgress", "TECH", 1), ("PostgreSQL", "TECH", 5), ("tech:postgress", "tech:postgresql", "spelling")),
        (("Kubberneetes", "TECH", 1), ("k8s", "TECH", 1), ("tech:kubberneete", "tech:kubernetes", "spelling")),
        (
            ("Ann Sharapova", "PERSON", 2),
            ("Ann Sharapvoa", "PERSON", 1),
            ("person:ann-sharapvoa", "person:ann-sharapova", "spelling"),
        ),
        (("Blorp", "TECH", 2), ("blorp", "PRODUCT", 1), ("product:blorp", "tech:blorp", "same name, other type")),
        (("QRS", "TECH", 3), ("quick rate storage", "CONCEPT", 1), ("concept:quickratestorage", "tech:qrs", "acronym")),
        (
            ("m12n", "CONCEPT", 1),
            ("modularization", "CONCEPT", 2),
            ("concept:m12n", "concept:modularization", "numeronym"),
        ),
        (("Lee", "PERSON", 9), ("Ann Lee", "PERSON", 1), ("person:lee", "person:ann-lee", "part of a name")),
        (("A. Lee", "PERSON", 9), ("Ann Lee", "PERSON", 1), ("person:a-lee", "person:ann-lee", "part of a name")),
        (
            ("Ann B. Lee", "PERSON", 1),
            ("Ann Lee", "PERSON", 2),
            ("person:ann-b-lee", "person:ann-lee", "part of a name"),
        ),
        (
            ("van Rossum", "PERSON", 1),
            ("Guido van Rossum", "PERSON", 1),
            ("person:van-rossum", "person:guido-van-rossum", "part of a name"),
        ),
    ],
)
def test_what_is_one_goes_by_the_known_the_full_or_the_frequent_name(
    first: Row, second: Row, expected: tuple[str, str, str]
) -> None:
    assert links([first, second]) == links([second, first]) == [expected]


@pytest.mark.parametrize(
    ("type", "names"),
    [
        (
            "TECH",
            ["Java", "JavaScript", "Go", "Google", "C", "C++", "C#", "React", "React Native", "Spark", "SparkPost"],
        ),
        (
            "TECH",
            ["Maven", "Raven", "Scala", "Scalar", "Redis", "Redux", "Mongo", "Mango", "synchronous", "asynchronous"],
        ),
        ("TECH", ["foo1", "foo2", "Frobnicator", "Frobnicator 2", "Frobnicators", "Terraformer"]),
        ("PRODUCT", ["GPT-3.5", "GPT-4", "Frobnicator X1", "Frobnicator X2"]),
        ("PERSON", ["Alex Kim", "Alexa Kim", "Erik", "Erika", "Martin Luther", "Martin Luther King", "Jon", "Joan"]),
        ("PERSON", ["Smith", "John Smith", "Jane Smith"]),
        ("LOCATION", ["Iran", "Iraq", "Austria", "Australia", "Slovakia", "Slovenia"]),
        ("CONCEPT", ["QRS", "quick rate storage", "quiet room service"]),
        ("CONCEPT", ["QR", "quick rate"]),
        ("CONCEPT", ["symmetric encryption", "asymmetric encryption", "precision", "prevision"]),
    ],
)
def test_what_only_looks_alike_stays_apart(type: str, names: list[str]) -> None:
    assert links((name, type, 1) for name in names) == []


def test_a_person_or_a_place_is_not_the_thing_of_its_name() -> None:
    assert links([("Blorp", type, 1) for type in ("PERSON", "LOCATION", "TECH")]) == []


def test_two_frequent_names_are_not_slips() -> None:
    assert links([("Frobnicator", "TECH", 50), ("Frobnicattor", "TECH", 30)]) == []


def test_two_letters_are_an_acronym_where_a_text_states_it() -> None:
    rows = [("QR", "CONCEPT", 3), ("quick rate", "CONCEPT", 1)]
    expected = [("concept:quickrate", "concept:qr", "acronym stated in a text")]
    assert links(rows, stated=[("concept:qr", "concept:quickrate")]) == expected
    assert links(rows, stated=[("concept:quickrate", "concept:qr"), ("concept:qr", "concept:nowhere")]) == []


def test_parts_of_names_need_one_conversation_where_that_is_known() -> None:
    rows = [("Ann Lee", "PERSON", 1), ("Lee", "PERSON", 1)]
    assert links(rows, together=frozenset()) == []
    assert len(links(rows, together=frozenset({("person:lee", "person:ann-lee")}))) == 1
    assert len(links(rows, together=frozenset({("person:ann-lee", "person:lee")}))) == 1


def test_misspelt_full_names_do_not_make_a_part_ambiguous() -> None:
    rows = [("Sharapova", "PERSON", 3), ("Maria Sharapova", "PERSON", 2), ("Maria Sharapvoa", "PERSON", 1)]
    assert {into for _, into, _ in links(rows)} == {"person:maria-sharapova"}
    assert len(links(rows)) == 2


def test_slips_of_a_slip_do_not_chain() -> None:
    names = [("Frobnicator", "TECH", 9), ("Frobnnicator", "TECH", 5), ("Frobnnicattor", "TECH", 1)]
    assert links(names) == [("tech:frobnnicator", "tech:frobnicator", "spelling")]


def test_a_link_is_withdrawn_by_keeping_two_apart() -> None:
    rows = [("k8s", "TECH", 9), ("Kuberentes", "TECH", 1), ("Kubernets", "TECH", 1)]
    assert len(links(rows)) == 2
    apart = frozenset({("tech:kuberente", "tech:kubernetes")})
    assert links(rows, apart=apart) == [("tech:kubernet", "tech:kubernetes", "spelling")]


def test_what_lies_within_programs_takes_no_part() -> None:
    row = {"entity_id": "tech:variable:itmes", "name": "itemss", "type": "TECH", "subtype": "variable"}
    other = {"entity_id": "tech:frobnicator", "name": "itemsss", "type": "TECH", "subtype": "variable"}
    counts = {"mentions": 1, "surfaces": []}
    assert merges(pa.Table.from_pylist([row | counts, other | counts], NAMES)).equals(MERGES.empty_table())


def test_no_names_give_no_links() -> None:
    assert merges(NAMES.empty_table()).equals(MERGES.empty_table())


@given(rows_of_a_corpus, st.integers())
def test_the_order_of_rows_changes_nothing(rows: list[Row], seed: int) -> None:
    whole = table(rows)
    order = list(range(whole.num_rows))
    Random(seed).shuffle(order)
    assert merges(whole.take(pa.array(order, pa.int64()))).equals(merges(whole))


@given(rows_of_a_corpus)
def test_links_are_an_equivalence_that_joins_nothing_refused(rows: list[Row]) -> None:
    whole = table(rows)
    found = merges(whole).to_pylist()
    into = {row["entity_id"]: row["into_id"] for row in found}
    assert len(into) == len(found)
    assert not set(into) & set(into.values())
    assert set(into) | set(into.values()) <= set(whole["entity_id"].to_pylist())
    assert all(row["reason"] and 0 < row["confidence"] <= 1 for row in found)
    named = {one.id: one for one in corpus(whole)}
    joined = [(a, b) for a, b in combinations(named, 2) if into.get(a, a) == into.get(b, b)]
    assert not [(a, b) for a, b in joined if differ(named[a], named[b])]


@given(rows_of_a_corpus, st.data())
def test_a_pair_kept_apart_is_in_no_group(rows: list[Row], data: st.DataObject) -> None:
    whole = table(rows)
    found = merges(whole).to_pylist()
    if found:
        row = data.draw(st.sampled_from(found))
        again = merges(whole, apart=frozenset({(row["into_id"], row["entity_id"])})).to_pylist()
        into = {one["entity_id"]: one["into_id"] for one in again}
        a, b = row["entity_id"], row["into_id"]
        assert into.get(a, a) != into.get(b, b)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("redis", "redis", None),
        ("kubernetes", "kuberentes", Edit.SWAPPED),
        ("grafana", "grafanna", Edit.DOUBLED),
        ("volkswagen", "volkswagon", Edit.VOWEL_CHANGED),
        ("recursion", "recusion", Edit.WITHIN),
        ("ubuntu", "uduntu", Edit.CHANGED),
        ("scala", "scalar", Edit.AT_END),
        ("maven", "raven", None),
        ("redis", "redux", None),
        ("redis", "redi", Edit.AT_END),
        ("redis", "red", None),
    ],
)
def test_edits_are_named(left: str, right: str, expected: Edit | None) -> None:
    assert edit(left, right) == edit(right, left) == expected


def test_slips_of_more_than_one_edit_have_a_likeness_in_common() -> None:
    assert likenesses("graphana") == likenesses("grafanna") == {"grfn"}
    assert likenesses("kafka") == likenesses("kaphca")
    assert likenesses("redis") != likenesses("redux")
    assert likenesses("authentication") & likenesses("authentification") == {"auth*tion"}


words = st.lists(st.text("abcd", min_size=4, max_size=9).map(lambda word: f"x{word}"), max_size=12)


@given(words, st.data())
def test_every_pair_one_edit_apart_is_a_candidate(found: list[str], data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.integers(0, 1), min_size=len(found), max_size=len(found)))
    near = {
        (a, b)
        for a, b in combinations(range(len(found)), 2)
        if kinds[a] == kinds[b] and (found[a] == found[b] or edit(found[a], found[b]))
    }
    candidates = list(one_edit_apart(found, kinds))
    assert near <= set(candidates)
    assert len(candidates) == len(set(candidates))
    assert all(kinds[a] == kinds[b] for a, b in candidates)
