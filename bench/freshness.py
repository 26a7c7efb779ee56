"""How long an event takes from being produced to being readable in each store, at a steady rate.

The streams run as a process of their own, as `helix stream` does; load and readers are in this one.

Events are counted, not traced: when a store shows n events, the first n that were produced are in it, up to the few
milliseconds by which partitions are read apart.
"""

import argparse
import threading
import time
from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime

from harness import corpus, installation, messages, publish
from stream_process import Stream, running

from helix_pipeline.contracts.tables import LAKE_TABLES
from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.settings import Settings
from helix_pipeline.stores import graph, lake, warehouse
from helix_pipeline.stores.bus import EventProducer

POLL_S = 0.1
GIVE_UP_S = 30


class Producing(threading.Thread):
    """Publishes `rate` events per second and keeps when each was produced (monotonic seconds)."""

    def __init__(self, settings: Settings, rate: int, seconds: int) -> None:
        super().__init__(daemon=True)
        self.times: list[float] = []
        self._settings, self._rate, self._seconds = settings, rate, seconds

    def run(self) -> None:
        """Publish until the time is over."""
        producer, begin = EventProducer(self._settings), time.monotonic()
        load = messages(corpus(), "fresh", lambda number: datetime.now(UTC))
        for number in range(self._rate * self._seconds):
            due = begin + number / self._rate
            while (pause := due - time.monotonic()) > 0:
                time.sleep(min(pause, 0.002))
            event = next(load)
            value = event.__pydantic_serializer__.to_json(event, exclude_none=True)
            self.times.append(time.monotonic())
            producer.publish(CONVERSATIONS.name, event.key, value)
        producer.flush(30)


class Watching(threading.Thread):
    """Polls how many events a store shows and keeps (monotonic seconds, count)."""

    def __init__(self, name: str, count: Callable[[], int]) -> None:
        super().__init__(daemon=True, name=name)
        self.seen: list[tuple[float, int]] = []
        self._count, self.done = count, threading.Event()

    def run(self) -> None:
        """Poll until told to stop."""
        while not self.done.wait(POLL_S):
            count = self._count()
            self.seen.append((time.monotonic(), count))

    def latencies(self, times: list[float]) -> list[float]:
        """Return seconds from produced to seen, for each event that was seen."""
        counts = [count for _, count in self.seen]
        found = []
        for number, produced in enumerate(times):
            first = bisect_right(counts, number)
            if first < len(counts):
                found.append(self.seen[first][0] - produced)
        return found


def counters(settings: Settings) -> dict[str, Callable[[], int]]:
    """Return how to count the events of each store."""
    table = lake.open_table(lake.open_lake(settings), "conversations")
    known = {"version": -1, "rows": 0}
    house = warehouse.open_warehouse(settings).connect()
    place = graph.open_graph(settings)
    driver = place.connect()

    def in_lake() -> int:
        table.update_incremental()
        if table.version() != known["version"]:
            known.update(version=table.version(), rows=lake.count_rows(table))
        return known["rows"]

    def in_graph() -> int:
        return int(driver.execute_query("MATCH (c:Conversation) RETURN sum(c.messages) AS n").records[0]["n"])

    return {
        "lake": in_lake,
        "ClickHouse": lambda: int(house.command("SELECT count() FROM conversation_messages")),
        "Neo4j": in_graph,
    }


def wait_until_seen(stream: Stream, producing: Producing, watching: list[Watching]) -> None:
    """Return when every event was seen in every store, or the time for it is over; the watchers are told to end."""
    while producing.is_alive() or not all_seen(producing, watching):
        if stream.process.poll() is not None:
            raise SystemExit(f"helix stream ended with {stream.process.returncode}")
        time.sleep(POLL_S)
    for watcher in watching:
        watcher.done.set()


def all_seen(producing: Producing, watching: list[Watching]) -> bool:
    """Tell whether there is nothing left to wait for."""
    late = time.monotonic() > producing.times[-1] + GIVE_UP_S
    return late or all(w.seen and w.seen[-1][1] >= len(producing.times) for w in watching)


def report(watcher: Watching, times: list[float], warm_up: int) -> dict[str, object]:
    """Return the row of a store; the first `warm_up` events are left out."""
    found = watcher.latencies(times)
    counted = sorted(found[warm_up:])
    return {
        "store": watcher.name,
        "events": len(counted),
        "unseen": len(times) - len(found),
        "p50 s": percentile(counted, 0.5),
        "p95 s": percentile(counted, 0.95),
        "p99 s": percentile(counted, 0.99),
        "max s": counted[-1],
    }


def percentile(values: list[float], share: float) -> float:
    """Return a percentile of sorted values (nearest rank)."""
    return values[min(len(values) - 1, int(len(values) * share))]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--warm-up", type=int, default=60, help="seconds at the start that are not counted")
    options = parser.parse_args()
    with installation() as settings:
        lake.create_tables(lake.open_lake(settings), LAKE_TABLES)
        producing = Producing(settings, options.rate, options.seconds + options.warm_up)
        watching = [Watching(name, count) for name, count in counters(settings).items()]
        with running(settings) as stream:
            for thread in (*watching, producing):
                thread.start()
            wait_until_seen(stream, producing, watching)
        rows = [report(w, producing.times, options.warm_up * options.rate) for w in watching]
        publish("freshness", rows, rate=options.rate, seconds=options.seconds)


if __name__ == "__main__":
    main()
