"""One client of the warehouse for all threads of a process, and rest for a server that does not answer.

The client's HTTP connections are pooled, and it has no session of its own, so that requests at the same time neither
wait for each other nor see each other's settings.

A server may hang: take a question and say nothing. Questions are therefore asked on threads of their own. Who waits
for one asks for a sign of life now and then and gives up where there is none, sooner than the driver does.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import replace
from threading import Lock
from typing import TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, Error
from clickhouse_connect.driver.httpclient import HttpClient
from urllib3 import Timeout
from urllib3.exceptions import HTTPError

from helix_pipeline.errors import StoreError
from helix_pipeline.stores.warehouse import Warehouse, reason

AWAY_S = 5.0
"""Seconds for which a server is not asked after it did not answer."""

SLOW_S = 2.0
"""Seconds without an answer after which a sign of life is asked for."""

SIGN_S = 1.0
"""Seconds for a sign of life; the driver tries it twice."""

CONNECT_S = 2.0
"""Seconds for a connection, and for each answer that the driver wants when it is made."""

QUESTIONS = 16
"""Questions that are with the server at a time; others wait."""

_T = TypeVar("_T")


class WarehouseAwayError(StoreError):
    """ClickHouse does not answer, or did not a moment ago."""


class StandingWarehouse:
    """Connects at the first use. Safe for threads; close it at the end."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._place = f"ClickHouse at {warehouse.host}:{warehouse.port}"
        self._pool = ThreadPoolExecutor(QUESTIONS, "clickhouse")
        self._client: Client | None = None
        self._heard = self._away_until = 0.0
        self._lock = Lock()

    def close(self) -> None:
        """Disconnect; a question that is not answered fails."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._client:
            self._client.close()

    @property
    def is_away(self) -> bool:
        """Whether it failed so short a time ago that it is not asked."""
        return time.monotonic() < self._away_until

    def ask(self, question: Callable[[Client], _T]) -> _T:
        """Return what a question finds with the client.

        Raises WarehouseAwayError where the server does not answer, StoreError with what it says of a statement, and
        whatever else the question raises. Of an insert that was given up it stays open whether it arrives.
        """
        client = self._answering(self._away_until)
        asked = self._pool.submit(copy_context().run, question, client)  # with the ids that logs and traces carry
        self._wait(asked)
        try:
            found = asked.result()
        except (ClickHouseError, HTTPError, OSError) as error:
            said = f"{self._place}: {reason(error)}"
            if isinstance(error, Error) and error.code is not None:
                raise StoreError(said) from None
            raise self._away(said) from None
        self._heard = time.monotonic()
        return found

    def _wait(self, asked: Future[_T]) -> None:
        """Wait for an answer as long as the server shows that it lives. Raises WarehouseAwayError."""
        try:
            while not wait([asked], SLOW_S).done:
                self._answering(time.monotonic() - SLOW_S)
        except WarehouseAwayError:
            asked.cancel()
            raise

    def _answering(self, since: float) -> Client:
        """Return the client of a server that has answered somebody since then, or does now. Raises WarehouseAwayError.

        While one asks a server again that was away, the others are told at once that it is.
        """
        self._refuse_while_away()
        with self._lock:
            self._refuse_while_away()
            if self._client is None or self._heard < since:
                if self._away_until:
                    self._away_until = time.monotonic() + AWAY_S
                self._client = self._sign_of_life()
                self._heard, self._away_until = time.monotonic(), 0.0
            return self._client

    def _refuse_while_away(self) -> None:
        if self.is_away:
            raise WarehouseAwayError(f"{self._place} did not answer a moment ago")

    def _sign_of_life(self) -> Client:
        if self._client is None:
            return self._connected()
        if not self._client.ping(SIGN_S):
            raise self._away(f"{self._place} gives no sign of life")
        return self._client

    def _connected(self) -> Client:
        """Connect with little patience, which a question of its own then has as the warehouse says."""
        try:
            client = replace(self._warehouse, timeout_s=CONNECT_S).connect()
        except StoreError as error:
            raise self._away(str(error)) from None
        assert isinstance(client, HttpClient)
        client.timeout = Timeout(connect=CONNECT_S, read=self._warehouse.timeout_s)
        return client

    def _away(self, reason: str) -> WarehouseAwayError:
        """Note that the server is away."""
        self._away_until = time.monotonic() + AWAY_S
        return WarehouseAwayError(reason)
