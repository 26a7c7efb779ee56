"""Intervals of statements: worked by hand, and against what must hold at each instant."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.relationships.intervals import (
    MOST_EVIDENCE,
    Statement,
    intervals,
    is_functional,
    joined,
    key,
    statement_id,
)

RELATIONS = ("uses", "prefers", "written_in")


def say(object_id: str, at: int, relation: str = "prefers", **other: object) -> Statement:
    made = Statement("user:u", relation, object_id, "database", False, at, f"s{at}", at, 0.9, "", "c", f"m{at}")
    return made._replace(**other)


@st.composite
def sayings(draw: st.DrawFn) -> Statement:
    """A statement of few subjects, objects, times and ids, so that they meet."""
    at, number = draw(st.integers(0, 6)), draw(st.integers(0, 2))
    return Statement(
        draw(st.sampled_from(["user:u", "x"])),
        draw(st.sampled_from(RELATIONS)),
        draw(st.sampled_from("abc")),
        draw(st.sampled_from(["tool", "language"])),
        draw(st.booleans()),
        at,
        f"{at}-{number}",
        draw(st.integers(0, 20)),
        draw(st.sampled_from([0.5, 0.9])),
        "cue",
        "c",
        f"m{at}-{number}",
    )


SETS = st.lists(sayings(), max_size=25)


def test_a_later_value_closes_the_earlier_with_its_time_and_cause() -> None:
    first, second = intervals([say("mysql", 1), say("postgresql", 5, learnt_at=7)])
    assert (first.object_id, first.valid_from, first.valid_to, first.closed_at) == ("mysql", 1, 5, 7)
    assert first.closed_by is not None
    assert (first.closed_by.id, first.closed_by.message_id) == ("s5", "m5")
    assert (second.object_id, second.valid_from, second.valid_to, second.closed_by) == ("postgresql", 5, None, None)


def test_what_is_learnt_late_gets_its_place_in_between() -> None:
    found = intervals([say("a", 1), say("c", 9), say("b", 4, learnt_at=20), say("b", 6, learnt_at=12)])
    times = [(one.object_id, one.valid_from, one.valid_to, one.learnt_at, one.closed_at) for one in found]
    # That b closed a, and c closed b, is known when b is: at 12 for the first of b's statements that came.
    assert times == [("a", 1, 4, 1, 20), ("b", 4, 9, 12, 12), ("c", 9, None, 9, None)]
    assert found[1].statements == 2


def test_an_end_closes_and_what_is_stated_again_opens_again() -> None:
    over = say("kafka", 3, "uses", ended=True)
    found = intervals([say("kafka", 1, "uses"), over, say("kafka", 5, "uses"), say("redis", 4, "uses")])
    assert [(one.object_id, one.valid_from, one.valid_to) for one in found] == [
        ("kafka", 1, 3),
        ("kafka", 5, None),
        ("redis", 4, None),
    ]
    assert intervals([over]) == []


def test_what_is_stated_together_is_one_value() -> None:
    listed = [say(name, 1, "written_in", id="m") for name in ("java", "scala")]
    assert [(one.object_id, one.valid_to) for one in intervals(listed)] == [("java", None), ("scala", None)]
    after = intervals([*listed, say("scala", 2, "written_in", id="n")])
    assert [(one.object_id, one.valid_to, one.statements) for one in after] == [("java", 2, 1), ("scala", None, 2)]


def test_kinds_of_objects_have_values_of_their_own_where_one_is_preferred() -> None:
    mixed = [say("vim", 1, object_kind="editor"), say("python", 2, object_kind="language")]
    assert [one.valid_to for one in intervals(mixed)] == [None, None]
    assert [one.valid_to for one in intervals([one._replace(relation="written_in") for one in mixed])] == [2, None]


def test_evidence_is_the_latest_and_confidence_the_surest() -> None:
    many = [say("a", at, "uses", confidence=0.5 + at / 100) for at in range(MOST_EVIDENCE + 3)]
    [found] = intervals(many)
    assert [source.stated_at for source in found.evidence] == [*range(MOST_EVIDENCE + 2, 2, -1)]
    assert (found.confidence, found.statements) == (pytest.approx(0.5 + 0.1), MOST_EVIDENCE + 3)


def test_ids_of_a_message_grow_with_the_place() -> None:
    assert statement_id("c", "m", 9) < statement_id("c", "m", 10) < statement_id("c", "m", 123_456)
    assert statement_id("c", "m", 0) != statement_id("cm", "", 0)


@given(SETS, st.randoms(use_true_random=False), st.data())
def test_neither_order_nor_repetition_changes_anything(
    given_statements: list[Statement], random: object, data: st.DataObject
) -> None:
    again = [*given_statements, *(data.draw(st.lists(st.sampled_from(given_statements))) if given_statements else [])]
    random.shuffle(again)  # type: ignore[attr-defined]
    assert intervals(again) == intervals(given_statements)


@given(SETS)
def test_keys_are_independent(given_statements: list[Statement]) -> None:
    by_key = defaultdict(list)
    for one in given_statements:
        by_key[key(*one[:4])].append(one)
    assert intervals(given_statements) == [found for name in sorted(by_key) for found in intervals(by_key[name])]


@given(SETS)
def test_intervals_hold_when_the_last_word_says_so(given_statements: list[Statement]) -> None:
    by_key = defaultdict(list)
    for one in given_statements:
        by_key[key(*one[:4])].append(one)
    for name, about in by_key.items():
        found = intervals(about)
        for at in range(8):
            held = [
                one.object_id for one in found if one.valid_from <= at and (one.valid_to is None or at < one.valid_to)
            ]
            assert sorted(held) == sorted(_holding(about, at, is_functional(name.relation)))


@given(SETS)
def test_each_statement_is_counted_once_and_closing_is_never_known_before(given_statements: list[Statement]) -> None:
    found = intervals(given_statements)
    said = {(key(*one[:4]), one.object_id, one.id) for one in given_statements if not one.ended}
    assert sum(one.statements for one in found) == len(said)
    for one in found:
        assert one.valid_to is None or one.valid_from <= one.last_stated <= one.valid_to
        assert one.closed_at is None or one.closed_at >= one.learnt_at
        assert (one.valid_to is None) == (one.closed_by is None) == (one.closed_at is None)


@given(SETS, SETS)
def test_what_nothing_closes_adds_up(some: list[Statement], others: list[Statement]) -> None:
    def told(statements: list[Statement], prefix: str) -> list[Statement]:
        return [
            one._replace(relation="uses", object_id="a", subject_id="x", ended=False, id=f"{prefix}{one.id}")
            for one in statements
        ]

    one, other = told(some, "p"), told(others, "q")
    if one and other:
        [left], [right] = intervals(one), intervals(other)
        assert intervals([*one, *other]) == [joined(left, right)] == [joined(right, left)]


def _holding(about: list[Statement], at: int, functional: bool) -> set[str]:
    """Return the objects that the statements up to an instant leave open, each from the last that speaks of it."""
    known = [one for one in about if one.stated_at <= at]
    values = [one for one in known if not one.ended]
    last = max(((one.stated_at, one.id) for one in values), default=None)
    current = {one.object_id for one in values if not functional or (one.stated_at, one.id) == last}
    return {name for name in current if not _is_over(known, name)}


def _is_over(known: list[Statement], name: str) -> bool:
    last = max((one.stated_at, one.id, not one.ended) for one in known if one.object_id == name)
    return not last[2]
