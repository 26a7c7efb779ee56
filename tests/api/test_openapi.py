"""What schemathesis asks by the OpenAPI description: whatever it says, the answer is one that the description lists.

All stores are up, so no answer may say that one is away. What is accepted stays queued: no supervisor runs.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from helix_pipeline.settings import Settings
from helix_pipeline.settings_export import variables, write
from helix_pipeline.stores.jobs import Jobs

pytestmark = pytest.mark.servers

EXAMPLES = 20
NOT_READY = "/readyz"
"""Says 503 here, as no supervisor runs."""

DESCRIBED = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


SERVE = """
import uvicorn
from helix_pipeline.api.app import create_app
from helix_pipeline.settings import load

settings = load()
uvicorn.run(create_app(settings), port=settings.api.port, lifespan="off", access_log=False)
"""
PATIENCE_S = 30.0
"""For the graph: its first answers, while it compiles its queries, may not be refused as late."""


@pytest.fixture(scope="module")
def served(api_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    """The description that a process of the API serves of itself."""
    folder, patient = tmp_path_factory.mktemp("api"), {"read_timeout_s": PATIENCE_S}
    settings = api_settings.model_copy(update={"neo4j": api_settings.neo4j.model_copy(update=patient)})
    write(settings, folder / "settings.yaml")
    environment = {**os.environ, **variables(settings, folder / "settings.yaml")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", SERVE], env=environment, stdout=log, stderr=log)
    try:
        place = f"http://127.0.0.1:{settings.api.port}/openapi.json"
        yield schemathesis.openapi.from_url(place, wait_for_schema=60)
    finally:
        process.terminate()
        process.wait(40)
        jobs = Jobs(settings)
        for job in jobs.unfinished("local"):
            jobs.finish(job.id, "cancelled")


def test_every_answer_is_one_that_the_description_lists(
    served: schemathesis.BaseSchema, subtests: pytest.Subtests
) -> None:
    operations = [found.ok() for found in served.get_all_operations()]
    assert len(operations) > 30
    for operation in operations:
        for mode in GenerationMode:
            nothing_to_break = Unsatisfiable if mode is GenerationMode.NEGATIVE else ()
            with subtests.test(operation.label, mode=mode.value), suppress(nothing_to_break):
                ask(operation, mode)


def ask(operation: APIOperation, mode: GenerationMode) -> None:
    """Send requests that the description allows (positive), or that break it in some part (negative)."""

    @hypothesis_settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def asked(case: Case) -> None:
        checks = DESCRIBED if case.path == NOT_READY else [*DESCRIBED, not_a_server_error]
        case.validate_response(case.call(timeout=30), checks=checks)

    asked()
