"""The last figures of a job, pushed to a Prometheus Pushgateway: a job ends before anything could ask it.

Only gauges: a counter of one run says nothing. The gateway adds the label `job`.
"""

from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import push_to_gateway

from helix_pipeline.settings_sections import MetricsSettings

_log = structlog.get_logger(__name__)


def push(metrics: MetricsSettings, job_type: str, record: Mapping[str, Any]) -> None:
    """Push the record of a run that succeeded, where a gateway is set; one that does not take it is logged."""
    if metrics.pushgateway_url is None:
        return
    try:
        push_to_gateway(metrics.pushgateway_url, job_type, _figures(record), timeout=metrics.push_timeout_s)
    except (OSError, HTTPException, ValueError) as error:
        _log.warning("metrics not pushed", gateway=metrics.pushgateway_url, error=str(error))


def _figures(record: Mapping[str, Any]) -> CollectorRegistry:
    registry = CollectorRegistry()
    ended = Gauge(
        "helixagent_job_last_success_timestamp_seconds", "When the last run ended that succeeded", registry=registry
    )
    ended.set_to_current_time()
    seconds = Gauge("helixagent_job_duration_seconds", "How long that run took", registry=registry)
    seconds.set(record["seconds"])
    rows = Gauge("helixagent_job_rows", "Rows of all tables that it wrote", registry=registry)
    rows.set(record["rows_out"])
    return registry
