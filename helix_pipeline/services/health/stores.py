"""One real request to each store. The servers' own probes are used where there is one."""

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from pyarrow import fs

from helix_pipeline.errors import StoreError
from helix_pipeline.local.clickhouse import ClickHouseServer
from helix_pipeline.local.neo4j import Neo4jServer
from helix_pipeline.local.postgres import PostgresServer
from helix_pipeline.local.server import LocalServer
from helix_pipeline.services.context.shared_cache import redis_client
from helix_pipeline.services.health.asking import Answer, Check
from helix_pipeline.settings import Settings
from helix_pipeline.stores.graph_snapshot import newest
from helix_pipeline.stores.kafka_client import admin_client, broker_count
from helix_pipeline.stores.lake import open_lake

LIMIT_S = 1.0
"""Seconds that a store has to answer."""

OWN_LIMIT_S = 0.9
"""Seconds after which a driver gives up by itself, so that its own reason is told."""


def checks(settings: Settings) -> Mapping[str, Check]:
    """Return a check for each store that is configured."""
    admin = cache(lambda: admin_client(settings))
    found: dict[str, Check] = {
        "kafka": lambda: Answer(counts={"brokers": broker_count(admin(), settings, OWN_LIMIT_S)}),
        "clickhouse": partial(_version, ClickHouseServer(settings)),
        "neo4j": partial(_version, Neo4jServer(settings)),
        "postgres": partial(_version, PostgresServer(settings)),
        "lake": partial(_lake, settings),
        "graph_snapshot": partial(_snapshot, settings),
    }
    if settings.context.redis_url is not None:
        found["redis"] = partial(_redis, settings)
    return found


def _version(server: LocalServer) -> Answer:
    return Answer(server.probe(OWN_LIMIT_S))


def _lake(settings: Settings) -> Answer:
    """Look for the table of conversations; of its version only the folder would have to be read as a whole."""
    filesystem, path = open_lake(settings).filesystem("conversations")
    try:
        info = filesystem.get_file_info(path)
    except OSError as error:
        raise StoreError(f"the lake {settings.lake_root} does not answer: {error}") from None
    if info.type != fs.FileType.Directory:
        raise StoreError(f"no table conversations in the lake {settings.lake_root}: run `helix stream` once")
    return Answer()


def _snapshot(settings: Settings) -> Answer:
    """Look for the snapshot that answers while Neo4j is away; its version is the time that it was begun."""
    folder = newest(open_lake(settings))
    if folder is None:
        raise StoreError(f"no snapshot of the graph in the lake {settings.lake_root}")
    return Answer(folder.begun.isoformat())


def _redis(settings: Settings) -> Answer:
    client, errors = redis_client(settings)
    try:
        said: dict[str, Any] = client.info("server")
    except errors as error:
        raise StoreError(f"Redis does not answer: {error}") from None
    finally:
        client.close()
    return Answer(str(said.get("redis_version", "")))
