"""A proxy of bare sockets: it opens a way to wherever it is asked, and remembers what it could see."""

from __future__ import annotations

import select
import socket
import ssl
from dataclasses import dataclass, field

from .raw_api import PATIENCE_S, Connection, Loopback

OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@dataclass
class RawProxy(Loopback):
    """Serves on a loopback port; with another `reply` than `OPENED` it refuses, with none it says nothing.

    `seen` are the heads of the requests made to it; `passed` is what it passed on in the direction of the API.
    """

    reply: bytes | None = OPENED
    tls: ssl.SSLContext | None = None
    seen: list[str] = field(default_factory=list)
    passed: bytearray = field(default_factory=bytearray)

    @property
    def url(self) -> str:
        """The value for `HTTPS_PROXY`."""
        return f"{self.scheme}://localhost:{self.port}"

    def talk(self, connection: Connection) -> None:
        """Open the way that is asked for, or refuse it."""
        head = connection.head()
        self.seen.append(head)
        if self.reply is None:
            connection.wait_until_left()
            return
        connection.send(self.reply)
        if self.reply == OPENED:
            self._pass_on(connection.socket, head)

    def _pass_on(self, client: socket.socket, head: str) -> None:
        """Pass on in both directions, on one thread: an SSL socket must not be read and written at the same time."""
        host, _, port = head.split(" ")[1].rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE_S) as api:
            while ready := _readable(client, api):
                for source, target in ((client, api), (api, client)):
                    if source in ready:
                        piece = source.recv(65_536)
                        if not piece:
                            return
                        if source is client:
                            self.passed += piece
                        target.sendall(piece)


def _readable(client: socket.socket, api: socket.socket) -> list[socket.socket]:
    if isinstance(client, ssl.SSLSocket) and client.pending():
        return [client]
    return select.select([client, api], [], [], PATIENCE_S)[0]
