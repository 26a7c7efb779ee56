"""The HTTP side: threads that read requests, check credentials, run them in the engine and answer."""

import hmac
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import structlog

from helix_pipeline.local.clickhouse_http.engine import Engine, Reply
from helix_pipeline.local.clickhouse_http.errors import ClickHouseError, error_reply
from helix_pipeline.local.clickhouse_http.protocol import MAX_BODY_BYTES, Request, parse_request

MAX_CONNECTIONS = 256
"""Client connections open at once; a further one is closed unanswered."""

IDLE_TIMEOUT_S = 3600
"""A connection that sends nothing for so long is closed."""

_log = structlog.get_logger()
_failures = count(1)
"""Numbers the statements that failed since the start."""


@dataclass(frozen=True)
class Credentials:
    """The one user of the server."""

    user: str
    password: str

    def match(self, request: Request) -> bool:
        """Whether a request comes from this user."""
        same_user = hmac.compare_digest(self.user.encode(), request.user.encode())
        return hmac.compare_digest(self.password.encode(), request.password.encode()) and same_user


class Server(ThreadingHTTPServer):
    """Serves one engine on a loopback port, a thread per connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, engine: Engine, credentials: Credentials) -> None:
        self.engine = engine
        self.credentials = credentials
        self._connections = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(("127.0.0.1", port), Handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Refuse a connection over the bound."""
        if self._connections.acquire(blocking=False):
            return True
        _log.warning("connection_refused", limit=MAX_CONNECTIONS)
        return False

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection until it closes."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what broke a connection in one line instead of a traceback on stderr."""
        _log.warning("connection_broken", exc_info=True)


class Handler(BaseHTTPRequestHandler):
    """One client connection, kept alive between requests."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    timeout = IDLE_TIMEOUT_S

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged; a statement that fails is, in one line."""

    def do_GET(self) -> None:
        """Answer a ping or run a statement."""
        url = urlsplit(self.path)
        try:
            body = self._read_body()
            if url.path == "/ping" or (not url.query and not body):
                self._send(200, b"Ok.\n")
                return
            self._answer(parse_request(url.query, self.headers, body))
        except ConnectionError:
            self.close_connection = True  # the client has gone: nobody is left to be told
        except (ClickHouseError, RuntimeError, ValueError) as error:  # chdb's errors are RuntimeErrors
            _log.warning("statement_failed", failures=next(_failures), error=str(error)[:300])
            self._send_error(error)

    do_POST = do_PUT = do_GET  # noqa: N815 - the names that http.server calls

    def _answer(self, request: Request) -> None:
        if not self.server.credentials.match(request):
            message = f"{request.user}: Authentication failed: wrong password or no such user"
            raise ClickHouseError(516, "AUTHENTICATION_FAILED", message)
        with self.server.engine.slot():
            reply = self.server.engine.execute(request)
            headers = {"X-ClickHouse-Query-Id": request.query_id, "X-ClickHouse-Summary": _summary(reply)}
            if reply.format is not None:
                headers["X-ClickHouse-Format"] = reply.format
            self._send(200, reply.data, headers)

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        size = int(self.headers.get("Content-Length") or 0)
        self._check_size(size)
        return self._read(size)

    def _read_chunks(self) -> bytes:
        chunks, total = [], 0
        while size := int(self.rfile.readline(1024).split(b";")[0], 16):
            total += size
            self._check_size(total)
            chunks.append(self._read(size))
            self.rfile.readline(1024)
        self.rfile.readline(1024)
        return b"".join(chunks)

    def _read(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionError("the client closed the connection within a body")
        return data

    def _check_size(self, size: int) -> None:
        if size > MAX_BODY_BYTES:
            self.close_connection = True
            raise ClickHouseError(307, "TOO_MANY_BYTES", f"Body is larger than {MAX_BODY_BYTES} bytes")

    def _send_error(self, error: Exception) -> None:
        reply = error_reply(error, self.server.engine.version)
        self._send(reply.status, reply.text.encode(), {"X-ClickHouse-Exception-Code": str(reply.code)})

    def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-ClickHouse-Timezone", "UTC")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()


def _summary(reply: Reply) -> str:
    counts = ("read_rows", "read_bytes", "written_rows", "written_bytes", "elapsed_ns")
    summary = {name: str(getattr(reply, name)) for name in counts}
    return json.dumps({**summary, "result_bytes": str(len(reply.data))})
