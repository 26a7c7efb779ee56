"""A server that takes what is pushed to it, as a Prometheus Pushgateway does."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

Taken = list[tuple[str, str, str]]
"""Method, path and body of each request."""


class Gateway(BaseHTTPRequestHandler):
    """Takes what is pushed, as a Pushgateway does."""

    status = 202
    taken: Taken = []

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.taken.append((self.command, self.path, body))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def gateway(status: int = 202) -> Iterator[tuple[str, Taken]]:
    kind = type("Gateway", (Gateway,), {"status": status, "taken": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", kind.taken
        server.shutdown()
