"""What a job pushes when it has ended, as a process that `helix api` starts."""

import json

import pytest
from api_process import FINISHED, Api, running
from prometheus_client.parser import text_string_to_metric_families
from pushgateway import gateway

from helix_pipeline.settings import Settings

pytestmark = [pytest.mark.spark, pytest.mark.servers]


def run(settings: Settings, url: str) -> tuple[str, str]:
    """Run a job that pushes there to its end, successfully; return its id and its log."""
    metrics = settings.metrics.model_copy(update={"pushgateway_url": url})
    with running(Api(settings.model_copy(update={"metrics": metrics}))) as api:
        job_id = api.submit()
        ended = api.until(job_id, lambda job: job["status"] in FINISHED, 240)[-1]
        assert ended["status"] == "succeeded", ended
        return job_id, api.log(job_id)


def test_a_job_that_succeeded_pushes_its_figures(api_settings: Settings) -> None:
    with gateway() as (url, taken):
        run(api_settings, url)
    ((method, path, body),) = taken
    assert (method, path) == ("PUT", "/metrics/job/ProviderPerformance")
    figures = {metric.name: metric.samples[0].value for metric in text_string_to_metric_families(body)}
    assert figures["helixagent_job_rows"] >= 1
    assert figures["helixagent_job_duration_seconds"] > 0


def test_a_gateway_that_refuses_is_logged_with_the_job_and_the_job_succeeds(api_settings: Settings) -> None:
    with gateway(500) as (url, taken):
        job_id, log = run(api_settings, url)
    assert len(taken) == 1
    (line,) = [json.loads(line) for line in log.splitlines() if "metrics not pushed" in line]
    assert (line["job"], line["job_id"]) == ("ProviderPerformance", job_id)
