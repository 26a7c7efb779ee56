"""Cases put the parts of a debate side by side; predictors are scored on topics that they never saw."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from helix_pipeline.contracts.job_tables.debates import DEBATE_PREDICTOR
from helix_pipeline.contracts.rows import TIMESTAMP
from helix_pipeline.domain.debates.cases import CASES, cases
from helix_pipeline.domain.debates.evaluation import WHOLE, evaluated, is_enough, judged, won
from helix_pipeline.domain.debates.events import EVENTS

START = datetime(2026, 6, 1, tzinfo=UTC)
SCHEMA = pa.schema([*EVENTS, pa.field("started_at", TIMESTAMP), pa.field("topic_id", pa.string())])
MODELS = ("poor", "fair", "good")


def debate(
    name: str,
    models: tuple[str, str] = ("m", "n"),
    margins: tuple[float | None, ...] = (),
    topic: str = "t",
    topic_id: str | None = None,
) -> list[dict[str, Any]]:
    """A start, a turn of `pro` and one of `con`, and a judge for each margin; without a margin `pro` wins."""
    about = {"topic": topic, "debate_id": name, "started_at": START}
    turns = [
        {
            **about,
            "event_type": "debate.turn",
            "turn": n,
            "round": 1,
            "participant": side,
            "position": side,
            "model": model,
        }
        for n, (side, model) in enumerate(zip(("pro", "con"), models, strict=True), start=1)
    ]
    verdicts = [
        {
            **about,
            "event_type": "debate.judged",
            "judge": f"j{n}",
            "winner": "con" if (margin or 1) < 0 else "pro",
            "margin": margin,
        }
        for n, margin in enumerate(margins)
    ]
    start = {**about, "event_type": "debate.started", "topic_id": topic_id}
    said = [{**turn, "content": "we say something"} for turn in turns]
    return [
        {**event, "event_id": f"{name}{n}", "timestamp": START + timedelta(seconds=n)}
        for n, event in enumerate([start, *said, *verdicts])
    ]


def table(*debates: list[dict[str, Any]]) -> pa.Table:
    return cases(pa.Table.from_pylist([event for events in debates for event in events], SCHEMA))


def league(topics: int) -> pa.Table:
    """Each pair of models on each topic in both orders; the later of `MODELS` wins."""
    return table(
        *(
            debate(f"{topic:02}{a}{b}", (MODELS[a], MODELS[b]), (1.0 * (a - b), 2.0 * (a - b)), f"topic {topic}")
            for topic in range(topics)
            for a, b in permutations(range(len(MODELS)), 2)
        )
    )


def test_the_parts_of_a_debate_are_side_by_side():
    found = table(debate("b", margins=(1.0, -3.0), topic_id="7"), debate("a"))
    assert found.schema == CASES
    a, b = found.to_pylist()
    assert (a["debate_id"], a["events"], a["judges"], a["judgments"], a["topic_id"]) == ("a", 3, None, None, None)
    assert (b["debate_id"], b["events"], b["judges"], b["winner"], b["topic_id"]) == ("b", 5, 2, "con", "7")
    assert [judgment["margin"] for judgment in b["judgments"]] == [1.0, -3.0]
    assert (b["words"], b["first_model"], b["second_position"], len(b["participants"])) == (6, "m", "con", 2)


def test_a_debate_without_turns_has_a_row_of_nothing_but_its_events():
    (row,) = table(
        [event for event in debate("d", margins=(1.0,)) if event["event_type"] == "debate.judged"]
    ).to_pylist()
    assert {name for name, value in row.items() if value is not None} == {"debate_id", "events", "started_at"}


def test_no_events_give_an_empty_table():
    assert cases(SCHEMA.empty_table()).equals(CASES.empty_table())


def test_outcomes_by_hand():
    found = table(
        debate("a", margins=(2.0, -1.0)), debate("b", margins=(None, None)), debate("c", margins=(-1.0,), topic_id="t")
    )
    given = judged(found)
    np.testing.assert_allclose(given.margin, [0.5, 1.0, -1.0])
    np.testing.assert_array_equal(given.won, [np.nan, 1.0, 0.0])
    np.testing.assert_array_equal(won(found, "winner"), [1.0, 1.0, 0.0])
    assert len(set(given.topic.tolist())) == 1


def test_few_topics_or_one_winning_side_are_not_enough():
    assert is_enough(judged(league(4)), folds=4)
    assert not is_enough(judged(league(3)), folds=4)
    one_sided = table(*(debate(str(n), margins=(1.0,), topic=str(n)) for n in range(8)))
    assert not is_enough(judged(one_sided), folds=4)


def test_a_league_is_predicted_and_its_judges_agree():
    found = league(6)
    chances, scores = evaluated(found, judged(found), folds=3)
    assert scores.schema == DEBATE_PREDICTOR.schema
    rows = {(row["predictor"], row["winner_by"]): row for row in scores.to_pylist()}
    assert ((chances > 0.5) == (judged(found).won == 1)).all()
    assert (rows[WHOLE, "majority"]["accuracy"], rows[WHOLE, "majority"]["debates"]) == (1.0, 36)
    assert rows["side alone", "majority"]["log_loss"] == pytest.approx(np.log(2))
    others = rows["majority of the other judges", "verdict"]
    assert (others["debates"], others["accuracy"], others["log_loss"]) == (72, 1.0, None)
