"""Loopback ports for servers of tests and of the demo."""

from __future__ import annotations

import random
import socket
from itertools import islice

# Below the ports that the kernel lends to outgoing connections: a client that keeps dialling a dead server could be
# lent the server's own port, be connected to itself, and block it for the server's return.
PORTS = range(10_240, 32_000)


def free_ports(count: int) -> list[int]:
    """Return different loopback ports that nobody listens on and that no outgoing connection is lent.

    Nothing reserves them: bind them soon.

    Raises:
        OSError: there are not so many.
    """
    # Not the shared generator: a test that seeds it would make several processes choose the same ports.
    shuffled = random.SystemRandom().sample(PORTS, len(PORTS))
    free = list(islice(filter(_can_be_bound, shuffled), count))
    if len(free) < count:
        raise OSError(f"only {len(free)} free loopback ports between {PORTS.start} and {PORTS.stop}, {count} wanted")
    return free


def free_port() -> int:
    """Return one port; see `free_ports`.

    Raises:
        OSError: there is none.
    """
    return free_ports(1)[0]


def _can_be_bound(port: int) -> bool:
    with socket.socket() as probe:
        # As servers bind: connections of a former server on this port may still be fading.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
