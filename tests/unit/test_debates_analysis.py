"""Debates: counts, agreement, change of position and rebuttals, worked by hand on words that can be counted."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.domain.debates import wording
from helix_pipeline.domain.debates.analysis import DEBATES, TURNS, debates

said = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["", "taxes rise", "b: taxes fall", "wages and taxes"])),
    min_size=1,
    max_size=6,
)


def spoken(*turns: tuple[str, str], debate: str = "d") -> pa.Table:
    """Turns as (participant, content); a round is the n-th turn of a participant."""
    rows = [
        {
            "debate_id": debate,
            "topic": "t",
            "round": sum(name == speaker for name, _ in turns[: number + 1]),
            "turn": number + 1,
            "participant": speaker,
            "position": {"a": "for", "b": "against"}.get(speaker),
            "model": f"model-{speaker}",
            "content": content,
        }
        for number, (speaker, content) in enumerate(turns)
    ]
    return pa.Table.from_pylist(rows, TURNS)


def participants(turns: pa.Table) -> list[dict[str, object]]:
    return debates(turns)["participants"][0].as_py()


def rebuttals(turns: pa.Table) -> list[dict[str, object]]:
    return debates(turns)["rebuttals"][0].as_py()


def test_rounds_turns_and_words_are_counted():
    (row,) = debates(spoken(("b", "taxes rise"), ("a", "wages"), ("b", "taxes  fall\nfast"))).to_pylist()
    assert (row["rounds"], row["turns"], row["words"]) == (2, 3, 6)
    assert [person["participant"] for person in row["participants"]] == ["b", "a"]


def test_agreement_is_the_likeness_within_a_round():
    table = spoken(("a", "taxes rise"), ("b", "taxes fall"), ("a", "wages grow"), ("b", "wages grow"))
    (row,) = debates(table).to_pylist()
    assert row["agreement_first"] == pytest.approx(0.5)
    assert row["agreement_last"] == pytest.approx(1.0)
    assert row["agreement"] == pytest.approx(0.75)


def test_a_single_participant_agrees_with_nobody_and_rebuts_nobody():
    table = spoken(("a", "taxes rise"))
    assert debates(table).to_pylist()[0]["agreement"] is None
    (row,) = participants(table)
    assert (row["change"], row["drift"], row["towards_others"]) == (None, None, None)
    assert rebuttals(table) == []


def test_who_comes_round_changes_towards_the_other():
    table = spoken(
        ("a", "taxes rise"), ("b", "wages grow"), ("a", "taxes grow"), ("b", "wages grow"), ("a", "wages grow")
    )
    mover, stayer = participants(table)
    assert mover["change"] == pytest.approx(1.0)
    assert mover["drift"] == pytest.approx(0.5)
    assert mover["towards_others"] == pytest.approx(1.0)
    assert (stayer["change"], stayer["drift"]) == (pytest.approx(0.0), pytest.approx(0.0))
    assert stayer["towards_others"] == pytest.approx(0.0)
    assert (mover["turns"], mover["words"], mover["position"], mover["model"]) == (3, 6, "for", "model-a")


def test_a_turn_takes_up_whom_it_names_before_whom_it_is_like():
    table = spoken(
        ("a", "taxes rise"), ("b", "wages grow"), ("c", "Against FOR: wages grow"), ("c", "taxes rise, wages")
    )
    rows = {(row["participant"], row["target"]): row for row in rebuttals(table)}
    assert rows.keys() == {("b", "a"), ("c", "b"), ("c", "a")}
    assert (rows["c", "b"]["replies"], rows["c", "b"]["named"]) == (1, 1)
    assert rows["c", "b"]["engagement"] == pytest.approx(1.0)
    assert (rows["c", "a"]["replies"], rows["c", "a"]["named"]) == (1, 0)
    assert rows["c", "a"]["engagement"] == pytest.approx((2 / 3) ** 0.5)


def test_a_turn_that_names_one_is_not_for_another_whom_it_is_like():
    table = spoken(("a", "taxes rise"), ("b", "wages grow"), ("c", "FOR is wrong, wages grow"))
    (row,) = (row for row in rebuttals(table) if row["participant"] == "c")
    assert (row["target"], row["named"], row["engagement"]) == ("a", 1, 0.0)


def test_a_name_is_a_whole_word():
    (row,) = rebuttals(spoken(("a", "x"), ("b", "forward with model-ab")))
    assert row["named"] == 0


def test_a_reply_is_to_the_latest_turn():
    (row,) = rebuttals(spoken(("a", "taxes rise"), ("a", "wages grow"), ("b", "wages grow")))
    assert row["engagement"] == pytest.approx(1.0)


@settings(max_examples=25)
@given(said, said)
def test_a_debate_is_measured_the_same_alone_and_among_others_in_any_order(one, other):
    first, second = spoken(*one, debate="1"), spoken(*other, debate="2")
    mixed = pa.concat_tables([second, first]).sort_by([("turn", "descending")])
    assert debates(mixed).equals(pa.concat_tables([debates(first), debates(second)]))


@settings(max_examples=25)
@given(said)
def test_measures_stay_within_their_ranges(turns):
    table = spoken(*turns)
    for row in participants(table):
        assert all(row[name] is None or -1e-9 <= row[name] <= 1 for name in ("change", "drift"))
    replies = rebuttals(table)
    assert sum(row["replies"] for row in replies) == sum(
        any(earlier != name for earlier, _ in turns[:n]) for n, (name, _) in enumerate(turns)
    )
    assert all(row["participant"] != row["target"] and 0 <= row["engagement"] <= 1 for row in replies)


def test_nothing_gives_an_empty_table():
    assert debates(TURNS.empty_table()).equals(DEBATES.empty_table())


def test_words_weigh_by_the_logarithm_of_their_count():
    one, three = wording.vectors(["taxes wages"])[[0]], wording.vectors(["taxes taxes taxes wages"])[[0]]
    weight = 1 + 1.0986122886681098
    assert (one @ three.T).toarray()[0, 0] == pytest.approx((weight + 1) / (2 * (weight**2 + 1)) ** 0.5)
    assert wording.vectors([]).shape == (0, wording.FEATURES)
