"""`python -m helix_pipeline.local.clickhouse_http --path DIR --port N` serves until SIGTERM.

The password comes from the environment variable CLICKHOUSE_PASSWORD (default: empty), never from an argument.
"""

import argparse
import os
import signal
import threading
from pathlib import Path

import structlog

from helix_pipeline.local.clickhouse_http.engine import Engine
from helix_pipeline.local.clickhouse_http.server import Credentials, Server


def main() -> None:
    """Serve until SIGTERM or SIGINT, then wait for running statements and close the databases."""
    arguments = _parser().parse_args()
    os.environ["TZ"] = "UTC"
    engine = Engine(arguments.path, slots=arguments.slots, backups=arguments.backups)
    credentials = Credentials(arguments.user, os.environ.get("CLICKHOUSE_PASSWORD", ""))
    server = Server(arguments.port, engine, credentials)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    structlog.get_logger().info("clickhouse_http_ready", version=engine.version, port=arguments.port)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    engine.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="clickhouse_http", description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="folder of the databases")
    parser.add_argument("--backups", type=Path, help="folder that BACKUP … TO File may write to")
    parser.add_argument("--port", type=int, required=True, help="loopback port")
    parser.add_argument("--user", default="default", help="the one user")
    parser.add_argument("--slots", type=int, default=16, help="statements that run at once")
    return parser


if __name__ == "__main__":
    main()
