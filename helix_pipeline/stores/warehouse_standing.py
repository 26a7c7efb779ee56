"""One client of the warehouse for all threads of a process, and rest for a server that does not answer.

The client's HTTP connections are pooled, and it has no session of its own, so that requests at the same time neither
wait for each other nor see each other's settings.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, Error
from urllib3.exceptions import HTTPError

from helix_pipeline.errors import StoreError
from helix_pipeline.stores.warehouse import Warehouse, reason

AWAY_S = 5.0
"""Seconds for which a server is not asked after it did not answer."""


class WarehouseAwayError(StoreError):
    """ClickHouse does not answer, or did not a moment ago."""


class StandingWarehouse:
    """Connects at the first use. Safe for threads; close it at the end."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._place = f"ClickHouse at {warehouse.host}:{warehouse.port}"
        self._client: Client | None = None
        self._away_until = 0.0
        self._lock = Lock()

    def close(self) -> None:
        """Disconnect."""
        if self._client:
            self._client.close()

    @property
    def is_away(self) -> bool:
        """Whether it failed so short a time ago that it is not asked."""
        return time.monotonic() < self._away_until

    @contextmanager
    def lend(self) -> Iterator[Client]:
        """Lend the client.

        Raises WarehouseAwayError where the server does not answer, StoreError with what it says of a statement.
        """
        if self.is_away:
            raise WarehouseAwayError(f"{self._place} did not answer a moment ago")
        try:
            yield self._opened()
        except (ClickHouseError, HTTPError, OSError, WarehouseAwayError) as error:
            said = reason(error) if isinstance(error, StoreError) else f"{self._place}: {reason(error)}"
            if isinstance(error, Error) and error.code is not None:
                raise StoreError(said) from None
            self._away_until = time.monotonic() + AWAY_S
            raise WarehouseAwayError(said) from None

    def _opened(self) -> Client:
        with self._lock:
            try:
                self._client = self._client or self._warehouse.connect()
            except StoreError as error:
                raise WarehouseAwayError(str(error)) from None
            return self._client
