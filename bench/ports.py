"""Ports for servers that run beside others: what benchmarks and tests start never takes a port of the user's."""

import socket
from contextlib import ExitStack

PORT_KEYS = (
    "kafka.port",
    "kafka.controller_port",
    "neo4j.port",
    "neo4j.http_port",
    "clickhouse.port",
    "postgres.port",
)
"""The settings that give a port to a local server."""


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on; all are held open until the last is found."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
