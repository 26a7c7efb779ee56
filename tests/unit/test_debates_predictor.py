"""The predictor: finds strengths, side and telling words that were planted, and never sees the topic it predicts."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.domain.debates.analysis import TURNS
from helix_pipeline.domain.debates.calibration import expected_calibration_error, scores
from helix_pipeline.domain.debates.features import CONTESTS, STYLE, Contests, as_table, contests, from_table
from helix_pipeline.domain.debates.predictor import WinnerPredictor, out_of_topic, topic_groups

MODELS = ("weak", "fair", "good", "best")


def transcript(
    debate: str, models: tuple[str, str], texts: list[str], sides: tuple[str, str] = ("pro", "con")
) -> pa.Table:
    rows = [
        {
            "debate_id": debate,
            "topic": "t",
            "round": 1 + number // 2,
            "turn": number + 1,
            "participant": sides[number % 2],
            "position": sides[number % 2],
            "model": models[number % 2],
            "content": text,
        }
        for number, text in enumerate(texts)
    ]
    return pa.Table.from_pylist(rows, TURNS)


def league(debates: int, words: str = "", seed: int = 0) -> tuple[Contests, np.ndarray, np.ndarray]:
    """Random pairings; a model's place in `MODELS`, a side advantage of 0.5 and `words` worth 3 decide, plus noise."""
    chance = np.random.default_rng(seed)
    tables, margins = [], []
    for number in range(debates):
        a, b = chance.permutation(len(MODELS))[:2]
        said = chance.integers(0, 2, 2) if words else np.zeros(2, int)
        texts = [f"We argue. {words if flag else 'filler'}" for flag in said]
        tables.append(transcript(f"{number:04}", (MODELS[a], MODELS[b]), texts))
        margins.append(0.5 * (a - b) + 0.5 + 3.0 * (said[0] - said[1]) + chance.normal(0, 0.5))
    margin = np.array(margins)
    return contests(pa.concat_tables(tables)), margin, (margin > 0).astype(float)


def test_strengths_and_side_are_found():
    debates, margin, won = league(200)
    fitted = WinnerPredictor(("models",)).fit(debates, margin, won, np.arange(200))
    strengths = fitted.strengths()
    assert list(strengths) == ["best", "good", "fair", "weak"]
    assert strengths["best"] - strengths["weak"] == pytest.approx(1.5, abs=0.3)
    assert fitted.side_advantage() == pytest.approx(0.5, abs=0.15)


def test_equal_and_unknown_models_leave_the_side():
    debates, margin, won = league(200)
    fitted = WinnerPredictor(("models",)).fit(debates, margin, won, np.arange(200))
    pairs = [("good", "good"), ("new", "newer"), ("best", "weak"), ("weak", "best")]
    tables = [transcript(str(n), pair, ["x", "y"]) for n, pair in enumerate(pairs)]
    same, unknown, better, worse = fitted.chances(contests(pa.concat_tables(tables)))
    assert same == unknown > 0.5
    assert worse < 0.3 < 0.7 < better


def test_words_that_decide_are_learned_from_text_alone():
    debates, margin, won = league(120, "splendid evidence")
    topic = np.arange(120)
    with_text, without = (
        scores(won, out_of_topic(WinnerPredictor(blocks), debates, margin, won, topic, folds=2))
        for blocks in (("models", "said", "closed"), ("models",))
    )
    assert with_text["accuracy"] > without["accuracy"] + 0.1
    assert with_text["log_loss"] < without["log_loss"] - 0.1


def test_known_ratings_rank_models_never_trained_on():
    debates, margin, won = league(200)
    known = {"weak": 1300.0, "fair": 1433.0, "good": 1567.0, "best": 1700.0, "champion": 2000.0}
    fitted = WinnerPredictor(("known",), known).fit(debates, margin, won, np.arange(200))
    first, second = (
        transcript(str(n), pair, ["x", "y"]) for n, pair in enumerate([("champion", "?"), ("?", "champion")])
    )
    chances = fitted.chances(contests(pa.concat_tables([first, second])))
    assert chances[0] > 0.9
    assert chances[1] < 0.1
    assert fitted.strengths() == {}


def test_a_topic_is_never_predicted_from_itself():
    debates, margin, won = league(60)
    topic = np.arange(60) // 3
    one = topic == 7
    turned = np.where(one, -9 * margin, margin), np.where(one, 1 - won, won)
    before, after = (
        out_of_topic(WinnerPredictor(("models",)), debates, *outcome, topic, folds=4)
        for outcome in ((margin, won), turned)
    )
    np.testing.assert_array_equal(after[one], before[one])
    assert (after != before).any()


def test_debates_nobody_won_count_for_strength_but_not_for_calibration():
    debates, margin, won = league(120)
    unknown = np.where(np.abs(margin) < 0.2, np.nan, won)
    chances = out_of_topic(WinnerPredictor(("models",)), debates, margin, unknown, np.arange(120), folds=4)
    assert np.isfinite(chances).all()
    assert scores(won, chances)["accuracy"] > 0.75


def test_the_same_seed_gives_the_same_chances_and_no_debates_give_none():
    debates, margin, won = league(40, "splendid")
    first, second = (out_of_topic(WinnerPredictor(), debates, margin, won, np.arange(40), folds=2) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    fitted = WinnerPredictor().fit(debates, margin, won, np.arange(40))
    assert fitted.chances(contests(TURNS.empty_table())).shape == (0,)


def test_an_unknown_block_is_refused():
    with pytest.raises(ValueError, match="judges"):
        WinnerPredictor(("models", "judges"))


def test_topics_are_one_where_any_label_is_shared():
    found = topic_groups(["1", "1", "2", "3", "4"], ["Ban cars", "x", "y", " ban CARS ", "z"])
    assert found[0] == found[1] == found[3]
    assert len({found[0], found[2], found[4]}) == 3


def test_topics_need_a_label_each():
    with pytest.raises(ValueError, match="length"):
        topic_groups(["1", "2"], ["x"])


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_the_unit_of_margins_changes_no_chance(factor):
    debates, margin, won = league(60)
    fitted, scaled = (
        WinnerPredictor(("models",)).fit(debates, unit * margin, won, np.arange(60)) for unit in (1.0, factor)
    )
    np.testing.assert_allclose(fitted.chances(debates), scaled.chances(debates), rtol=1e-6)
    assert scaled.side_advantage() == pytest.approx(factor * fitted.side_advantage())
    assert scaled.strengths()["best"] == pytest.approx(factor * fitted.strengths()["best"])


def test_what_cannot_be_fitted_is_refused():
    debates, margin, won = league(20)
    for bad in (
        (margin, won, np.zeros(20, int)),
        (margin, np.ones(20), np.arange(20)),
        (margin * np.nan, won, np.arange(20)),
    ):
        with pytest.raises(ValueError):
            WinnerPredictor(("models",)).fit(debates, *bad)


def test_style_by_hand():
    debates = contests(
        transcript("d", ("m", "n"), ["Because they conceded 10.", "Why? It might", "I concede it.", "It"])
    )
    first, second = (dict(zip(STYLE, debates.style[side, 0], strict=True)) for side in (0, 1))
    assert first["concession"] == pytest.approx(np.log(3))
    assert first["own concession"] == second["question"] == second["hedge"] == pytest.approx(np.log(2))
    assert first["words"] == pytest.approx(np.log(8))
    assert (first["last words"], second["first words"]) == (pytest.approx(np.log(4)), pytest.approx(np.log(4)))
    assert (first["finished"], second["finished"]) == (1.0, 0.0)
    assert first["word length"] == pytest.approx(33 / 7)
    assert first["variety"] == pytest.approx(7 / 7**0.5)
    assert second["variety"] == pytest.approx(3 / 4**0.5)


def test_replies_are_compared_with_the_turn_before_them():
    debates = contests(transcript("d", ("m", "n"), ["taxes rise", "taxes rise", "wages grow", "taxes grow"]))
    np.testing.assert_allclose(debates.style[:, 0, STYLE.index("reply")], [0.0, 0.75])


def test_the_first_to_speak_is_first_and_a_monologue_is_no_contest():
    late = transcript("b", ("m", "n"), ["one", "two"], sides=("con", "pro"))
    alone = transcript("a", ("m", "n"), ["one"])
    found = contests(pa.concat_tables([late, alone]).sort_by([("turn", "descending")]))
    assert (found.debate_id, found.models) == (["b"], [("m", "n")])


@settings(max_examples=10)
@given(st.integers(1, 5))
def test_batches_go_through_tables_and_join_to_the_whole(cut):
    tables = [
        transcript(str(n), ("m", "n"), [f"tax{n} rises", "tax rises", "tax falls", "wages fall"]) for n in range(6)
    ]
    whole = contests(pa.concat_tables(tables))
    halves = [as_table(contests(pa.concat_tables(part))) for part in (tables[:cut], tables[cut:])]
    parts = from_table(pa.concat_tables(halves))
    assert (parts.debate_id, parts.models) == (whole.debate_id, whole.models)
    np.testing.assert_allclose(parts.style, whole.style)
    for name in ("said", "closed"):
        for a, b in zip(getattr(parts, name), getattr(whole, name), strict=True):
            assert (a != b).nnz == 0


def test_no_contests_are_an_empty_table_and_back():
    empty = as_table(contests(TURNS.empty_table()))
    assert empty.equals(CONTESTS.empty_table())
    assert len(from_table(empty)) == 0


def test_scores_by_hand():
    found = scores(np.array([1.0, 0.0, 1.0, 1.0]), np.array([0.8, 0.4, 0.3, 0.5]))
    assert (found["debates"], found["accuracy"]) == (4, 0.625)
    assert found["brier"] == pytest.approx((0.04 + 0.16 + 0.49 + 0.25) / 4)
    assert found["log_loss"] == pytest.approx(-np.log([0.8, 0.6, 0.3, 0.5]).mean())
    assert found["calibration_error"] == pytest.approx((0.2 + 0.4 + 0.7 + 0.5) / 4)


def test_a_bin_is_calibrated_where_frequency_meets_chance():
    won = np.array([1.0, 0.0, 1.0, 0.0])
    assert expected_calibration_error(won, np.full(4, 0.5)) == 0
    assert expected_calibration_error(won, np.full(4, 1.0)) == 0.5
    assert expected_calibration_error(won, np.array([0.55, 0.45, 0.55, 0.45])) == pytest.approx(0.45)


def test_debates_all_won_by_one_side_can_be_scored_but_none_cannot():
    assert scores(np.zeros(2), np.array([0.25, 0.25]))["brier"] == pytest.approx(0.0625)
    with pytest.raises(ValueError, match="no debate"):
        scores(np.zeros(0), np.zeros(0))
