"""A process with every metric of the project: `python exported_metrics.py PORT` counts in all of them, for ever.

The metrics are those that importing the API, the streams and the stores declares. Each is given one series for each
value of its labels, so that what asks for a label or a value that does not exist finds nothing.
"""

import itertools
import sys
import time

from prometheus_client import REGISTRY, Gauge, Histogram, start_http_server
from prometheus_client.metrics import MetricWrapperBase

import helix_pipeline.api.app
import helix_pipeline.spark.listener  # noqa: F401
from helix_pipeline.contracts.topics import TOPICS
from helix_pipeline.spark.queries import QUERIES

PAUSE_S = 0.2
VALUES = {
    "query": [query.name for query in QUERIES],
    "topic": [topic.name for topic in TOPICS],
    "kind": ["select", "insert", "read", "write"],
    "result": ["ok", "failed", "kept", "refused"],
    "status": ["200", "404", "503"],
    "method": ["GET", "POST"],
}

PUSHED = ("helixagent_job_last_success_timestamp_seconds", "helixagent_job_duration_seconds")
"""What batch jobs leave at the Pushgateway, which adds the label `job`."""


def declared() -> list[MetricWrapperBase]:
    """Return the metrics of the project that labels may be given to."""
    for name in PUSHED:
        Gauge(name, "Of a batch job", ["job"])
    found = list(dict.fromkeys(REGISTRY._names_to_collectors.values()))
    return [one for one in found if isinstance(one, MetricWrapperBase)]


def count(metric: MetricWrapperBase) -> None:
    """Count once in each series of a metric."""
    names = metric._labelnames
    for values in itertools.product(*(VALUES.get(name, ["some"]) for name in names)):
        one = metric.labels(*values) if names else metric
        if isinstance(metric, Histogram):
            one.observe(0.3)
        else:
            one.inc()


def main() -> None:
    start_http_server(int(sys.argv[1]), addr="127.0.0.1")
    metrics = declared()
    while True:
        for metric in metrics:
            count(metric)
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main()
