"""How well a component of the platform is, from which of its stores answer. Pure: nobody is asked here."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["healthy", "degraded", "disabled", "unhealthy"]

_WORST_FIRST: tuple[Status, ...] = ("unhealthy", "degraded", "healthy")


@dataclass(frozen=True, slots=True)
class StoreState:
    """What a store answered: `version` is empty where it does not tell one, `detail` says why it did not answer."""

    answers: bool
    latency_ms: int
    version: str = ""
    detail: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Caveat:
    """A reason why a component is only degraded though its stores answer, with counts that tell how much."""

    component: str
    detail: str
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComponentState:
    """How a component is, the longest that one of its stores took, and what is lost where it is not healthy."""

    status: Status
    latency_ms: int = 0
    detail: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a component is made of: each store with what its absence costs, and of which stores any one is enough."""

    stores: Mapping[str, str]
    any_of: Collection[str]


NEEDS: Mapping[str, Needs] = {
    "infinite_context": Needs(
        stores={
            "kafka": "the newest messages may be missing, new ones wait in the journal",
            "clickhouse": "conversations are read from the lake",
            "lake": "conversations are read from the hot copy alone",
            "postgres": "new messages wait in the journal",
            "redis": "processes do not share their cache",
        },
        any_of=("kafka", "clickhouse", "lake"),
    ),
    "knowledge_graph": Needs(
        stores={
            "neo4j": "the last snapshot answers",
            "kafka": "what is stated waits in the journal",
            "postgres": "what is stated waits in the journal",
        },
        any_of=("neo4j", "graph_snapshot"),
    ),
    "analytics": Needs(
        stores={"clickhouse": "the lake stands in, free queries are refused"},
        any_of=("clickhouse", "lake"),
    ),
}
"""The components that exist; a store that is not configured, such as Redis, is not asked and not missed."""

NOT_BUILT: Mapping[str, str] = {
    "distributed_memory": "not part of this version",
    "cross_learning": "not part of this version",
}

COMPONENTS: tuple[str, ...] = (
    "infinite_context",
    "distributed_memory",
    "knowledge_graph",
    "analytics",
    "cross_learning",
)


def stores_of(component: str) -> frozenset[str]:
    """Return the names of the stores that a component uses."""
    needs = NEEDS.get(component)
    return frozenset({*needs.stores, *needs.any_of}) if needs else frozenset()


def assess(component: str, stores: Mapping[str, StoreState], caveats: Iterable[Caveat] = ()) -> ComponentState:
    """Return how a component that is on is, from those of its stores that were asked."""
    if component in NOT_BUILT:
        return ComponentState("disabled", detail=NOT_BUILT[component])
    needs = NEEDS[component]
    used = {name: stores[name] for name in stores_of(component) if name in stores}
    mine = [caveat for caveat in caveats if caveat.component == component]
    usable = any(used[name].answers for name in needs.any_of if name in used)
    reasons = [*_reasons(needs, used, usable), *(caveat.detail for caveat in mine)]
    return ComponentState(
        _status(usable, reasons),
        max((state.latency_ms for state in used.values()), default=0),
        "; ".join(reasons),
        {name: count for caveat in mine for name, count in caveat.counts.items()},
    )


def overall(components: Iterable[ComponentState]) -> Status:
    """Return the worst status of those that are on; `disabled` where none is."""
    found = {component.status for component in components}
    return next((status for status in _WORST_FIRST if status in found), "disabled")


def _reasons(needs: Needs, used: Mapping[str, StoreState], usable: bool) -> list[str]:
    """Return what each absence costs and why; where nothing can stand in, why not."""
    if not usable:
        return [used[name].detail for name in needs.any_of if name in used]
    return [f"{cost} ({used[n].detail})" for n, cost in needs.stores.items() if n in used and not used[n].answers]


def _status(usable: bool, reasons: Sequence[str]) -> Status:
    if not usable:
        return "unhealthy"
    return "degraded" if reasons else "healthy"
