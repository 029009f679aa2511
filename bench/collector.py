"""Takes what a watched service exports, and reads its `/metrics` as a Prometheus does. Looks at nothing of it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from stream.sandbox.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCRAPE_INTERVAL_S = 5.0
"""Three times as often as is usual, so that a run of half a minute has some."""
SCRAPE_TIMEOUT_S = 5.0


class _Taken(BaseHTTPRequestHandler):
    """Answers every export at once: an empty message says that all of it was taken (OTLP 1.5, OTLP/HTTP response)."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the library wants
        """Keep silent."""


@contextmanager
def collecting() -> Iterator[Mapping[str, str]]:
    """Collect from a service that is started with these variables: traces of every batch, metrics, a page of them."""
    address = f"127.0.0.1:{free_port()}"
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Taken)
    ending = threading.Event()
    threads = (
        threading.Thread(target=server.serve_forever, daemon=True),
        threading.Thread(target=_scrape, args=(address, ending), daemon=True),
    )
    for thread in threads:
        thread.start()
    try:
        yield {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
            "OTEL_METRIC_EXPORT_INTERVAL": f"{SCRAPE_INTERVAL_S * 1000:.0f}",
            "STREAM_HTTP_ADDRESS": address,
        }
    finally:
        ending.set()
        server.shutdown()
        server.server_close()


def _scrape(address: str, ending: threading.Event) -> None:
    while not ending.wait(SCRAPE_INTERVAL_S):
        connection = HTTPConnection(address, timeout=SCRAPE_TIMEOUT_S)
        try:
            connection.request("GET", "/metrics")
            connection.getresponse().read()
        except OSError:
            continue  # it ends, or has not begun
        finally:
            connection.close()
