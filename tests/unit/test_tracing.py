"""Traces are off unless they are asked for, and nothing needs their packages then."""

import os
import subprocess
import sys

import pytest

from helix_pipeline.tracing import ENDPOINT

USE = """
import sys
{prepare}
from helix_pipeline import tracing
tracing.start("test")
with tracing.request("GET", {{}}) as ended, tracing.span("x", "producer", a_b=1):
    ended("/x", 200)
print("opentelemetry.sdk" in sys.modules, type(tracing._tracer).__name__)
"""


@pytest.mark.parametrize(
    ("prepare", "endpoint", "printed", "said"),
    [
        ("", "", "False _Off", ""),
        ("sys.modules['opentelemetry'] = None", "http://127.0.0.1:1", "False _Off", "install the extra `tracing`"),
    ],
    ids=["no endpoint", "no packages"],
)
def test_traces_stay_off(prepare, endpoint, printed, said):
    environment = {**os.environ, ENDPOINT: endpoint}
    command = [sys.executable, "-c", USE.format(prepare=prepare)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == printed
    assert said in done.stdout + done.stderr
