"""When the API's figures are inserted: by so many rows or after so many seconds; with no server they go to files."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ports import free_ports

from helix_pipeline.contracts.figures import RequestRow
from helix_pipeline.services.analytics.recorder import Recorder, figure_files
from helix_pipeline.settings import Settings, load
from helix_pipeline.stores.warehouse import open_warehouse
from helix_pipeline.stores.warehouse_standing import StandingWarehouse

LONG_S = 3600


@pytest.fixture
def recording(tmp_path: Path) -> Callable[[int, float], "contextmanager[tuple[Recorder, Settings]]"]:
    """Make a recorder with these bounds whose ClickHouse is away."""

    @contextmanager
    def made(rows: int, seconds: float) -> Iterator[tuple[Recorder, Settings]]:
        (port,) = free_ports(1)
        bounds = {"clickhouse.batch_size": rows, "clickhouse.flush_interval_s": seconds, "clickhouse.port": port}
        settings = load(environ={}, flags={"home": str(tmp_path), **bounds})
        with Recorder(settings, StandingWarehouse(open_warehouse(settings))) as recorder:
            yield recorder, settings

    return made


def say(recorder: Recorder, count: int) -> None:
    for number in range(count):
        recorder.record("usage_stats", RequestRow(datetime.now(UTC), f"r{number}", "GET", "/x", 200, 1.5))


def sizes(settings: Settings) -> list[int]:
    """The rows of each insert that was tried."""
    return [len(file.rows()) for file in figure_files(settings).waiting()]


def wait_for(reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_so_many_rows_are_inserted_at_once(recording) -> None:
    with recording(100, LONG_S) as (recorder, settings):
        say(recorder, 99)
        time.sleep(0.3)
        assert sizes(settings) == []
        say(recorder, 1)
        wait_for(lambda: sizes(settings) == [100])


def test_few_rows_are_inserted_after_so_many_seconds(recording) -> None:
    with recording(10_000, 0.5) as (recorder, settings):
        say(recorder, 3)
        assert sizes(settings) == []
        wait_for(lambda: sizes(settings) == [3])


def test_many_rows_are_cut_and_the_last_go_at_the_end(recording) -> None:
    with recording(100, LONG_S) as (recorder, settings):
        say(recorder, 250)
    assert sum(sizes(settings)) == 250
    assert max(sizes(settings)) <= 100


def test_recording_waits_for_no_server(recording) -> None:
    with recording(10_000, LONG_S) as (recorder, _):
        begin = time.monotonic()
        say(recorder, 1_000)
        assert time.monotonic() - begin < 1


def test_the_bounds_are_those_of_the_requirements() -> None:
    house = Settings().clickhouse
    assert (house.batch_size, house.flush_interval_s) == (10_000, 10)
