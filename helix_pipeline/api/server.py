"""Serves the application with uvicorn, with bounds on what clients can hold."""

import signal
import socket

import structlog
import uvicorn

from helix_pipeline.api.app import create_app
from helix_pipeline.errors import ServerError
from helix_pipeline.settings import Settings
from helix_pipeline.tracing import start

GRACE_S = 20
CONNECTIONS = 200
IDLE_S = 15

_log = structlog.get_logger(__name__)


def run(settings: Settings) -> None:
    """Serve until INT or TERM, then finish the requests that are under way. Raises ServerError for a taken port."""
    start("helix-api")
    listener = _listen(settings.api.host, settings.api.port)
    config = uvicorn.Config(
        create_app(settings),
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=32 << 10,
    )
    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises again what it caught
        signal.signal(number, lambda received, frame: None)
    _log.info("api listens", url=f"http://{settings.api.host}:{listener.getsockname()[1]}", page="/ui", docs="/docs")
    uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise ServerError(f"cannot listen on {host}:{port} ({error.strerror}): set HELIX_API_PORT or --port") from None
    return listener
