"""Events in the journal: found by their key, each once, in order, also by the next process; forgotten when dropped."""

from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.errors import StoreError
from helix_pipeline.formats.wire import Encoded
from helix_pipeline.services.health.caveats import caveats, journal_said
from helix_pipeline.services.kept import KeptEvent, KeptEvents, open_other, open_own, sizes
from helix_pipeline.services.outbox import Outbox
from helix_pipeline.settings import Settings, load
from helix_pipeline.stores.journal import Journal, JournalFullError
from helix_pipeline.telemetry import JOURNAL_EVENTS, JOURNAL_WAITING


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(environ={}, flags={"home": str(tmp_path), "kafka.journal_max_mb": 1})


def event(key: str, number: int, text: str = "") -> KeptEvent:
    return KeptEvent(Encoded("topic", key.encode(), text.encode(), f"{key}/{number}"), numbered=bool(number % 2))


def of(kept: KeptEvents, key: str) -> list[str]:
    return [one.record.event_id for one in kept.of("topic", key.encode())]


events = st.builds(event, st.sampled_from("abc"), st.integers(0, 5))


@given(st.lists(st.lists(events, max_size=4), max_size=8), st.integers(0, 8))
def test_each_key_has_its_events_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, frames: list[list[KeptEvent]], dropped: int
) -> None:
    folder = tmp_path_factory.mktemp("kept")
    counted: list[int] = []
    with KeptEvents(Journal(folder, 1 << 20)) as kept:
        for frame in frames:
            counted.append(kept.add(frame))
        expected = defaultdict(list)
        for one in dict.fromkeys(one for frame in frames for one in frame):
            expected[one.record.key.decode()].append(one.record.event_id)
        assert len(kept) == sum(counted) == sum(map(len, expected.values()))
        assert {key: of(kept, key) for key in "abc"} == {key: expected[key] for key in "abc"}
    with KeptEvents(Journal(folder, 1 << 20)) as kept:
        assert {key: of(kept, key) for key in "abc"} == {key: expected[key] for key in "abc"}
        head = kept.head(1 << 20)[:dropped]
        gone = {one.record.event_id for _, frame in head for one in frame.events}
        if head:
            kept.drop(head)
        assert {key: of(kept, key) for key in "abc"} == {
            key: [id_ for id_ in expected[key] if id_ not in gone] for key in "abc"
        }
        assert kept.wait_empty(0) == kept.empty == (len(kept) == 0)
        again = [event(id_.split("/")[0], int(id_.split("/")[1])) for id_ in sorted(gone)]
        assert kept.add(again) == len(gone), "what was dropped is not known any more"


def test_a_full_journal_is_said_until_there_is_room_and_counted(settings: Settings) -> None:
    refused = JOURNAL_EVENTS.labels("refused")._value.get()
    with open_own(settings) as kept:
        kept.add([event("a", 0, "x" * 700_000)])
        with pytest.raises(JournalFullError):
            kept.add([event("a", 1, "x" * 700_000)])
        assert (kept.full, len(kept), of(kept, "a")) == (True, 1, ["a/0"])
        kept.drop(kept.head(1))
        assert (kept.full, kept.since()) == (False, None)
    assert JOURNAL_EVENTS.labels("refused")._value.get() == refused + 1


def test_what_holds_something_else_is_refused_by_its_name(tmp_path: Path) -> None:
    with Journal(tmp_path, 1 << 20) as journal:
        journal.append(b"something else")
    with pytest.raises(StoreError, match="is a journal of another version"):
        KeptEvents(Journal(tmp_path, 1 << 20))
    Journal(tmp_path, 1 << 20).close()


def test_each_process_has_its_own_and_finds_what_others_left(settings: Settings) -> None:
    waiting = JOURNAL_WAITING._value.get()
    with open_own(settings) as first, open_own(settings) as second:
        first.add([event("a", 0)])
        second.add([event("b", 0)])
        assert sizes(settings) == {first.name: first.nbytes, second.name: second.nbytes}
        assert open_other(settings, "1") is None
    assert JOURNAL_WAITING._value.get() == waiting
    with open_own(settings) as kept:
        assert of(kept, "a") == ["a/0"]
        other = open_other(settings, "1")
        assert other is not None
        with other:
            assert of(other, "b") == ["b/0"]
            assert JOURNAL_WAITING._value.get() == waiting + 2
            other.drop(other.head(1))
        assert sizes(settings) == {"0": kept.nbytes}


def test_health_tells_what_other_processes_have_while_they_run_and_after(settings: Settings) -> None:
    outbox = Outbox(settings)
    assert journal_said(outbox.state()) == ""
    with open_own(settings) as other:
        other.add([event("a", 0)])
        size = other.nbytes
        running = outbox.state()
    ended = outbox.state()
    for state in (running, ended):
        assert (state.others, state.others_nbytes) == (1, size)
        assert journal_said(state) == f"journals of other processes (1) have {size:,} bytes"
        found = caveats(settings, state)
        assert {one.component for one in found} == {"infinite_context", "knowledge_graph"}
        assert all(one.counts["other_journals_bytes"] == size for one in found)
    with open_own(settings) as other:
        other.drop(other.head(1))
        assert journal_said(outbox.state()) == ""
    outbox.close()
