"""What a verification says: which counts make it fail, and how it is shown."""

import io
import json

import pytest
from rich.console import Console

from helix_pipeline.cli.verify import show
from helix_pipeline.services.verify import Example, StoreCheck, VerifyReport

GOOD = StoreCheck("lake", "conversation events", 5, 5)


def report(*checks: StoreCheck, waiting: int = 0, arrived: int = 0) -> VerifyReport:
    example = Example("conversation", "c[1]", ("lake, conversation events: 1 missing",))
    return VerifyReport(checks, (example,), waiting, arrived, 1.25)


def shown(result: VerifyReport) -> str:
    stream = io.StringIO()
    show(result, Console(file=stream, width=200))
    return stream.getvalue()


@pytest.mark.parametrize("wrong", [{"missing": 1}, {"duplicate": 1}, {"extra": 1}])
def test_one_wrong_count_is_enough(wrong: dict[str, int]) -> None:
    bad = StoreCheck("lake", "conversation events", 5, 5, **wrong)
    assert report(GOOD).ok
    assert not report(GOOD, bad, GOOD).ok


def test_ids_that_kafka_holds_twice_are_no_disagreement() -> None:
    twice = StoreCheck("kafka", "conversation events", 5, 5, duplicate=2)
    assert report(twice).ok
    assert "2 events were published more than once" in shown(report(twice, GOOD))


def test_the_json_object_says_what_is_ok() -> None:
    document = json.loads(json.dumps(report(GOOD, StoreCheck("graph", "x", 1, 0, missing=1)).as_dict()))
    assert document["ok"] is False
    assert [check["ok"] for check in document["stores"]] == [True, False]
    assert document["examples"][0]["problems"] == ["lake, conversation events: 1 missing"]
    assert document["seconds"] == 1.25


def test_people_see_counts_examples_and_what_to_do() -> None:
    text = shown(report(StoreCheck("lake", "conversation events", 5000, 4999, missing=1), waiting=3, arrived=7))
    assert "5,000" in text and "wrong" in text and "the stores disagree" in text
    assert "conversation c[1]" in text
    assert "3 quarantined records can be read now: helix quarantine replay" in text
    assert "7 records arrived meanwhile" in text


def test_people_see_that_all_is_well() -> None:
    text = shown(report(GOOD))
    assert "all stores agree" in text
    assert "wrong" not in text and "more than once" not in text
