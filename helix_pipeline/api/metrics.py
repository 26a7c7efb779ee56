"""GET /metrics: what this process counts, in the text form that Prometheus reads."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from helix_pipeline.services.health.report import Health
from helix_pipeline.telemetry import COMPONENT_ENABLED, COMPONENT_HEALTHY

MAX_AGE_S = 5.0
"""Seconds for which the health of the components is not asked anew, however often the metrics are."""

router = APIRouter(tags=["Health"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request) -> Response:
    """Return the metrics of the API; the streams serve theirs themselves. docs/METRICS.md lists all of them."""
    health: Health = request.app.state.health
    for name, component in health.report(MAX_AGE_S).components.items():
        COMPONENT_HEALTHY.labels(name).set(component.status == "healthy")
        COMPONENT_ENABLED.labels(name).set(component.status != "disabled")
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
