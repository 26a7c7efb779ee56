"""The health of one installation: its components, stores and streams. All routes share it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from helix_pipeline.domain.health import (
    COMPONENTS,
    ComponentState,
    Status,
    StoreState,
    assess,
    overall,
    stores_of,
)
from helix_pipeline.services.health.asking import Asker
from helix_pipeline.services.health.caveats import caveats
from helix_pipeline.services.health.stores import LIMIT_S, checks
from helix_pipeline.services.outbox import JournalState
from helix_pipeline.services.progress import read_progress
from helix_pipeline.settings import Settings

ALWAYS = frozenset({"postgres", "lake"})
"""Stores of jobs and archive, which belong to no component."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """How everything is. Stores of components that are off are not asked, and not in `stores`."""

    status: Status
    components: Mapping[str, ComponentState]
    stores: Mapping[str, StoreState]
    streams: tuple[Mapping[str, Any], ...]


class Health:
    """Asks the stores of one installation. Safe for threads; it holds nothing that must be closed.

    `journal` tells how the journal of this process is.
    """

    def __init__(self, settings: Settings, journal: Callable[[], JournalState]) -> None:
        self._settings = settings
        self._journal = journal
        used = ALWAYS.union(*(stores_of(name) for name in COMPONENTS if settings.features.is_on(name)))
        self._asker = Asker({name: check for name, check in checks(settings).items() if name in used}, LIMIT_S)

    def stores(self, max_age_s: float = 0.0) -> dict[str, StoreState]:
        """Return the state of each store in about a second, asked anew unless it was less than `max_age_s` ago."""
        return self._asker.ask(max_age_s)

    def report(self, max_age_s: float = 0.0) -> HealthReport:
        """Return how everything is, in about a second."""
        stores = self.stores(max_age_s)
        components = self._components(stores)
        streams = tuple(read_progress(self._settings))
        return HealthReport(overall(components.values()), components, stores, streams)

    def _components(self, stores: Mapping[str, StoreState]) -> dict[str, ComponentState]:
        said = caveats(self._settings, self._journal())
        return {
            name: assess(name, stores, said) if self._settings.features.is_on(name) else self._off(name)
            for name in COMPONENTS
        }

    def _off(self, component: str) -> ComponentState:
        return ComponentState("disabled", detail=f"{self._settings.features.switch(component)} is false")
