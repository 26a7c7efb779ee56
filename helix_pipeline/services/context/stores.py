"""What the context service holds open: Kafka and ClickHouse, connected at the first use and kept; the lake; the caches.

A store that does not answer is left alone for some seconds, so that not each replay waits for it anew.
"""

from collections.abc import Callable
from typing import Self, TypeVar

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from deltalake import DeltaTable

from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS
from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.errors import StoreError
from helix_pipeline.services.context.cache import open_caches
from helix_pipeline.services.outbox import Outbox
from helix_pipeline.settings import Settings
from helix_pipeline.stores.lake import open_lake, open_table
from helix_pipeline.stores.log_reader import LogReader
from helix_pipeline.stores.warehouse import open_warehouse
from helix_pipeline.stores.warehouse_standing import StandingWarehouse

_T = TypeVar("_T")


class ContextStores:
    """The stores of one installation and the caches over them. Safe for threads; close it, or use it in a `with`.

    `outbox` takes new messages; an outbox of its own has no journal.
    """

    def __init__(self, settings: Settings, outbox: Outbox | None = None) -> None:
        self.settings = settings
        self.log = LogReader(settings, CONVERSATIONS)
        self.caches = open_caches(settings)
        self.outbox = outbox or Outbox(settings)
        self._warehouse = StandingWarehouse(open_warehouse(settings))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect from all stores."""
        self.log.close()
        self.caches.close()
        self._warehouse.close()
        self.outbox.close()

    def ask_house(self, question: Callable[[Client], _T]) -> _T:
        """Put a question to ClickHouse; whatever keeps it from answering becomes StoreError."""
        try:
            return self._warehouse.ask(question)
        except pa.ArrowException as error:
            raise StoreError(f"ClickHouse answers what cannot be read: {str(error).splitlines()[0][:300]}") from None

    @property
    def house_is_away(self) -> bool:
        """Whether ClickHouse failed so short a time ago that it is not asked."""
        return self._warehouse.is_away

    def lake(self) -> DeltaTable:
        """Return the lake's table of conversations as it is now. Raises StoreError where there is none."""
        return open_table(open_lake(self.settings), LAKE_CONVERSATIONS.name)
