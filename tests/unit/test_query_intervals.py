"""How often queries make a batch: events each second, figures that nobody waits for less often."""

from helix_pipeline.settings import load
from helix_pipeline.spark.queries import QUERIES


def test_only_what_messages_name_comes_as_rarely_as_the_figures_of_the_api():
    settings = load(environ={}, flags={"streams.trigger_interval_s": 2, "clickhouse.flush_interval_s": 7})
    intervals = {query.name: query.interval_s(settings) for query in QUERIES}
    assert intervals.pop("warehouse.entity_extraction_metrics") == 7
    assert set(intervals.values()) == {2}
    assert len(intervals) == len(QUERIES) - 1
