"""Answers of the health routes, with the examples of /docs."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from helix_pipeline.domain.health import ComponentState, Status, StoreState
from helix_pipeline.services.health.report import HealthReport

StoreStatus = Literal["connected", "unreachable", "disabled"]


class ShortHealth(BaseModel):
    """The status of each component and of each service, in a word."""

    status: Status = Field(examples=["degraded"])
    bigdata: dict[str, Status] = Field(examples=[{"infinite_context": "healthy", "cross_learning": "disabled"}])
    services: dict[str, StoreStatus] = Field(examples=[{"kafka": "connected", "neo4j": "unreachable"}])


class Component(BaseModel):
    """A component: what is lost stands in `detail`, counts of it in `counts`."""

    status: Status
    latency_ms: int
    detail: str | None = None
    counts: dict[str, int] | None = None


class Store(BaseModel):
    """A store as it answered: its version where it tells one, and counts of its own, such as `brokers`."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"status": "connected", "brokers": 1}]})

    status: StoreStatus
    latency_ms: int | None = None
    version: str | None = None
    detail: str | None = None


class Stream(BaseModel):
    """A streaming query as it last reported: records a second and seconds of its last batch, records not read yet."""

    query: str = Field(examples=["lake.conversations"])
    state: str = Field(examples=["running"])
    rows_per_second: float
    lag: int
    batch_seconds: float


class Streams(BaseModel):
    """The streaming queries of this installation: how many run, how far they are behind, each by itself."""

    running: int
    lag: int = Field(description="Records in Kafka that no query has processed yet, of all queries together")
    queries: list[Stream]


class LongHealth(BaseModel):
    """Everything that is known of how the system is."""

    status: Status
    components: dict[str, Component]
    kafka: Store
    clickhouse: Store
    neo4j: Store
    postgres: Store
    lake: Store
    graph_snapshot: Store
    redis: Store
    streams: Streams


_STORES = ("kafka", "clickhouse", "neo4j", "postgres", "lake", "graph_snapshot", "redis")


def short_health(report: HealthReport, lake: Literal["minio", "lake"]) -> ShortHealth:
    """Return the short form; the lake is called after where it is."""
    named = {"kafka": "kafka", "neo4j": "neo4j", "clickhouse": "clickhouse", "lake": lake}
    return ShortHealth(
        status=report.status,
        bigdata={name: component.status for name, component in report.components.items()},
        services={shown: _word(report.stores.get(name)) for name, shown in named.items()},
    )


def long_health(report: HealthReport) -> LongHealth:
    """Return the long form."""
    stores: dict[str, Any] = {name: _store(report.stores.get(name)) for name in _STORES}
    components = {name: _component(component) for name, component in report.components.items()}
    return LongHealth(status=report.status, components=components, streams=_streams(report), **stores)


def _component(state: ComponentState) -> Component:
    counts = dict(state.counts) or None
    return Component(status=state.status, latency_ms=state.latency_ms, detail=state.detail or None, counts=counts)


def _store(state: StoreState | None) -> Store:
    if state is None:
        return Store(status="disabled")
    told: dict[str, Any] = {"version": state.version or None, "detail": state.detail or None, **state.counts}
    return Store(status=_word(state), latency_ms=state.latency_ms, **told)


def _word(state: StoreState | None) -> StoreStatus:
    if state is None:
        return "disabled"
    return "connected" if state.answers else "unreachable"


def _streams(report: HealthReport) -> Streams:
    return Streams(
        running=sum(state["state"] == "running" for state in report.streams),
        lag=sum(state["lag"] for state in report.streams),
        queries=[Stream(**{name: state[name] for name in Stream.model_fields}) for state in report.streams],
    )
