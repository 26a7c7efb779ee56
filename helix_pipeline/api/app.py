"""The application: routes, errors, what stands in front of them, and the supervisor that runs beside them."""

import gc
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import partial

from anyio import to_thread
from fastapi import APIRouter, Depends, FastAPI
from starlette.concurrency import run_in_threadpool

from helix_pipeline import __version__
from helix_pipeline.api import (
    analytics,
    analytics_query,
    context,
    datalake,
    evidence,
    health,
    knowledge,
    metrics,
    spark_jobs,
)
from helix_pipeline.api.features import requires
from helix_pipeline.api.guard import Guard
from helix_pipeline.api.observed import Observed
from helix_pipeline.api.problems import install
from helix_pipeline.api.ui import routes as ui
from helix_pipeline.services.analytics.stores import AnalyticsStores
from helix_pipeline.services.context.numbering import numbered
from helix_pipeline.services.context.stores import ContextStores
from helix_pipeline.services.health.report import Health
from helix_pipeline.services.jobs.desk import Desk
from helix_pipeline.services.knowledge.stores import KnowledgeStores
from helix_pipeline.services.outbox import Outbox
from helix_pipeline.settings import Settings

PARTS: Mapping[str, Sequence[APIRouter]] = {
    "infinite_context": (context.router,),
    "knowledge_graph": (knowledge.router, evidence.router, ui.graph_router),
    "analytics": (analytics.router, analytics_query.router),
}
"""The routes of each component; those of jobs, archive, health, metrics and the page of the status belong to none."""

THREADS = 16
"""Requests that are worked on at a time, each with a connection to PostgreSQL; the others wait."""


def create_app(settings: Settings) -> FastAPI:
    """Return the application; its supervisor runs between start-up and shut-down of the ASGI server."""
    app = FastAPI(
        title="Helix Pipeline",
        version=__version__,
        description="Conversations replayed, searched and compressed; the knowledge graph of what they name; "
        "batch jobs over the lake; its archive. "
        "Errors are problem details (RFC 9457) with a hint.",
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.desk = Desk(settings)
    app.state.supervisor = app.state.desk.supervised()
    app.state.outbox = Outbox(settings)
    app.state.context = ContextStores(settings, app.state.outbox)
    app.state.knowledge = KnowledgeStores(settings, app.state.outbox)
    app.state.analytics = AnalyticsStores(settings)
    app.state.health = Health(settings, app.state.outbox.state)
    for component, parts in PARTS.items():
        for part in parts:
            app.include_router(part, dependencies=[Depends(requires(component))])
    for plain in (spark_jobs, datalake, health, metrics, ui):
        app.include_router(plain.router)
    install(app)
    bounds = {f"{context.PREFIX}/messages": settings.kafka.max_message_bytes}
    app.add_middleware(Guard, host=settings.api.host, bounds=bounds)
    app.add_middleware(Observed, record=partial(app.state.analytics.recorder.record, "usage_stats"))
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    to_thread.current_default_thread_limiter().total_tokens = THREADS
    _keep_modules()
    supervisor = app.state.supervisor
    await run_in_threadpool(supervisor.__enter__)
    recording = app.state.settings.features.is_on("analytics")
    await run_in_threadpool(app.state.outbox.start, partial(numbered, app.state.context))
    try:
        with app.state.analytics.recorder if recording else nullcontext():
            yield
    finally:
        await run_in_threadpool(supervisor.__exit__, None, None, None)
        await run_in_threadpool(app.state.outbox.close)
        await run_in_threadpool(app.state.context.close)
        await run_in_threadpool(app.state.knowledge.close)
        await run_in_threadpool(app.state.analytics.close)
        gc.unfreeze()


def _keep_modules() -> None:
    """Let the collector pass over what is loaded: looking through it stops every request for a fifth of a second."""
    gc.collect()
    gc.freeze()
