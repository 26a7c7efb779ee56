"""Logs of a process: each line is JSON where stderr is no terminal, those of libraries too, tracebacks included."""

import json
import subprocess
import sys
from typing import Any

BEGIN = """
import logging, structlog
from helix_pipeline.telemetry import configure_logs
configure_logs({level!r})
library, own = logging.getLogger("library.part"), structlog.get_logger()
with structlog.contextvars.bound_contextvars(request_id="r1"):
    {statement}
"""


def lines(statement: str, level: str = "INFO") -> list[dict[str, Any]]:
    """What a process says on stderr."""
    command = [sys.executable, "-c", BEGIN.format(level=level, statement=statement)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_warning_of_a_library_is_a_line_like_our_own() -> None:
    (library,) = lines("library.warning('took %s s', 3)")
    (own,) = lines("own.warning('took 3 s')")
    assert library.keys() == own.keys() == {"event", "level", "timestamp", "request_id"}
    assert {**library, "timestamp": ""} == {**own, "timestamp": ""}


def test_a_fault_of_a_library_keeps_its_traceback_in_its_line() -> None:
    (line,) = lines("library.error('fault', exc_info=ZeroDivisionError('by 0'))")
    assert (line["level"], line["exception"]) == ("error", "ZeroDivisionError: by 0")


def test_a_fault_of_our_own_keeps_it_too() -> None:
    (line,) = lines("own.error('fault', exc_info=ZeroDivisionError('by 0'))")
    assert line["exception"] == "ZeroDivisionError: by 0"


def test_what_is_below_the_level_is_not_said() -> None:
    assert lines("library.info('x'); own.debug('x')") == []
    assert lines("library.warning('x'); own.warning('x')", level="ERROR") == []
