"""Statements when Trino has no node for them at the moment, which a sound server says only by chance.

A server that speaks Trino's protocol of statements stands in for it: the real one cannot be asked to lose its nodes.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
from web_server import answered, web_server

from helix_pipeline.errors import StoreError, UsageError
from helix_pipeline.settings import Settings, load
from helix_pipeline.stores import sql

NO_NODE = {
    "message": "No nodes available to run query",
    "errorName": "NO_NODES_AVAILABLE",
    "errorType": "INTERNAL_ERROR",
}
BROKEN = {"message": "it broke", "errorName": "GENERIC_INTERNAL_ERROR", "errorType": "INTERNAL_ERROR"}
WRONG = {"message": "no such table", "errorName": "TABLE_NOT_FOUND", "errorType": "USER_ERROR"}
COLUMN = {"name": "n", "type": "integer", "typeSignature": {"rawType": "integer", "arguments": []}}


@contextmanager
def answering(*errors: dict[str, object]) -> Iterator[tuple[Settings, list[str]]]:
    """Settings of a server that fails one statement with each error and then gives a row; the statements it got."""
    left, got = list(errors), []

    def answer(request: BaseHTTPRequestHandler, body: bytes) -> None:
        got.append(body.decode())
        outcome = {"error": left.pop(0)} if left else {"columns": [COLUMN], "data": [[1]]}
        told = {"id": f"q{len(got)}", "infoUri": "", "stats": {"state": "FINISHED"}, **outcome}
        answered(request, json.dumps(told).encode())

    with web_server(answer) as address:
        yield load(environ={}, flags={"trino.url": address, "trino.timeout_s": 2}), got


def test_a_statement_waits_for_a_node_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with answering(NO_NODE, NO_NODE) as (settings, got), caplog.at_level(logging.WARNING):
        assert sql.query(settings, "SELECT 1").rows == [(1,)]
    assert got == ["SELECT 1"] * 3
    assert caplog.text.count("No nodes available") == 2


def test_it_gives_up_when_its_time_is_over() -> None:
    with answering(*[NO_NODE] * 50) as (settings, got), pytest.raises(StoreError, match="No nodes available"):
        sql.query(settings, "SELECT 1")
    assert 2 <= len(got) <= 6


@pytest.mark.parametrize(("error", "raised"), [(BROKEN, StoreError), (WRONG, UsageError)])
def test_any_other_failure_is_told_at_once(error: dict[str, object], raised: type[Exception]) -> None:
    with answering(error) as (settings, got), pytest.raises(raised, match=str(error["message"])):
        sql.query(settings, "SELECT 1")
    assert len(got) == 1
