"""What analytics are read from: ClickHouse while it answers, else the lake, and the answer says which."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import structlog
from clickhouse_connect.driver.client import Client

from helix_pipeline.domain.analytics.figures import AnalyticsReader
from helix_pipeline.errors import StoreError
from helix_pipeline.services.analytics.recorder import Recorder
from helix_pipeline.settings import Settings
from helix_pipeline.stores.analyst import limits, patient
from helix_pipeline.stores.figures_lake import LakeFigures
from helix_pipeline.stores.figures_warehouse import WarehouseFigures
from helix_pipeline.stores.lake import open_lake
from helix_pipeline.stores.warehouse import open_warehouse
from helix_pipeline.stores.warehouse_standing import StandingWarehouse, WarehouseAwayError

SIDE_BY_SIDE = 8
"""Statements that a process asks beside the first ones of its questions."""

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answered(Generic[_T]):
    """An answer and where it comes from; `notes` say why it is not from ClickHouse."""

    value: _T
    source: Literal["clickhouse", "lake"] = "clickhouse"
    notes: tuple[str, ...] = ()

    @property
    def degraded(self) -> bool:
        """Whether ClickHouse is away."""
        return self.source != "clickhouse"


class AnalyticsStores:
    """The stores of one installation. Safe for threads; close it at the end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.warehouse = StandingWarehouse(patient(open_warehouse(settings), limits(settings)))
        self.recorder = Recorder(settings, self.warehouse)
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE, "figures")

    def close(self) -> None:
        """Disconnect."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.warehouse.close()

    def ask(self, question: Callable[[AnalyticsReader], _T]) -> Answered[_T]:
        """Put a question to ClickHouse, or to the lake where it is away.

        Raises StoreError where neither can answer, and whatever the question raises.
        """
        try:
            return Answered(self.warehouse.ask(lambda client: question(self._reader(client))))
        except WarehouseAwayError as error:
            _log.warning("analytics from the lake", error=str(error))
            return Answered(self._from_lake(question, error), "lake", (str(error),))

    def _from_lake(self, question: Callable[[AnalyticsReader], _T], away: WarehouseAwayError) -> _T:
        try:
            return question(LakeFigures(open_lake(self.settings)))
        except StoreError as error:
            raise StoreError(f"{away}; in its place: {error}") from None

    def _reader(self, client: Client) -> WarehouseFigures:
        return WarehouseFigures(client, self.settings.clickhouse.query_timeout_s, self._pool)
