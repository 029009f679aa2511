"""What Kafka's clients and brokers say to each other, as far as a fault proxy must read it.

A frame is four bytes of length and a message. A request begins with its kind, its version and a number; the answer
begins with the same number. So one request or one answer can be held back, or made to tell an error, on its way between
a service that knows nothing of it and a real broker: a breakpoint on the wire. Layouts: Kafka's protocol guide.
"""

from __future__ import annotations

import struct
import threading
from enum import Enum, IntEnum, auto
from typing import NamedTuple

LENGTH_BYTES = 4
_AFTER_NUMBER = LENGTH_BYTES + 4
_NO_PRODUCER = struct.pack(">qh", -1, -1)


class Api(IntEnum):
    """Kinds of requests that tests aim at."""

    PRODUCE = 0
    FETCH = 1
    OFFSET_FETCH = 9
    JOIN_GROUP = 11
    HEARTBEAT = 12
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    TXN_OFFSET_COMMIT = 28


class Way(Enum):
    """From the client, or back to it."""

    THERE = auto()
    BACK = auto()


class Call(NamedTuple):
    """How a request begins."""

    api: int
    version: int
    number: int


class Form(NamedTuple):
    """Where an answer tells its error: from which version on it is compact, and what stands before it."""

    compact_from: int
    begins_with_throttle: bool
    is_by_partition: bool


FORMS = {
    Api.PRODUCE: Form(9, begins_with_throttle=False, is_by_partition=True),
    Api.INIT_PRODUCER_ID: Form(2, begins_with_throttle=True, is_by_partition=False),
    Api.ADD_PARTITIONS_TO_TXN: Form(3, begins_with_throttle=True, is_by_partition=True),
    Api.ADD_OFFSETS_TO_TXN: Form(3, begins_with_throttle=True, is_by_partition=False),
    Api.END_TXN: Form(3, begins_with_throttle=True, is_by_partition=False),
    Api.TXN_OFFSET_COMMIT: Form(3, begins_with_throttle=True, is_by_partition=True),
}
FLAT = frozenset(api for api, form in FORMS.items() if not form.is_by_partition)
"""Kinds whose answer can be made up without the broker."""


def call_of(request: bytes) -> Call:
    """Read how a request begins."""
    return Call(*struct.unpack_from(">hhi", request, LENGTH_BYTES))


def number_of(answer: bytes) -> int:
    """Read which request this answers."""
    return int.from_bytes(answer[LENGTH_BYTES:_AFTER_NUMBER])


def error_place(call: Call, answer: bytes) -> int:
    """Find the first error code of an answer, counted in bytes from the frame's beginning.

    Raises:
        KeyError: of a kind that `FORMS` does not know.
    """
    form = FORMS[Api(call.api)]
    is_compact = call.version >= form.compact_from
    at = _AFTER_NUMBER + is_compact + 4 * form.begins_with_throttle
    if not form.is_by_partition:
        return at
    # one array of topics, in it a name, in it an array of partitions: number, error
    if is_compact:
        name_bytes = answer[at + 1] - 1
        return at + 1 + 1 + name_bytes + 1 + 4
    name_bytes = int.from_bytes(answer[at + 4 : at + 6])
    return at + 4 + 2 + name_bytes + 4 + 4


def with_error(call: Call, answer: bytes, error: int) -> bytes:
    """Let an answer tell an error in place of what it told."""
    at = error_place(call, answer)
    return answer[:at] + struct.pack(">h", error) + answer[at + 2 :]


def refusal(call: Call, error: int) -> bytes:
    """Make up the answer to a request that no broker has seen; for kinds of `FLAT` only."""
    form = FORMS[Api(call.api)]
    tags = b"\0" if call.version >= form.compact_from else b""
    producer = _NO_PRODUCER if call.api == Api.INIT_PRODUCER_ID else b""
    message = struct.pack(">i", call.number) + tags + struct.pack(">ih", 0, error) + producer + tags
    return len(message).to_bytes(LENGTH_BYTES) + message


class Stop:
    """A breakpoint: the first frame that fits is held on its way until the test says what becomes of it."""

    def __init__(self, api: Api, way: Way, mark: bytes = b"") -> None:
        """Aim it.

        Args:
            api: kind of request.
            way: the request itself, or its answer.
            mark: bytes that the request must hold, for example a transactional id.
        """
        self.api = api
        self.way = way
        self.mark = mark
        self.held = threading.Event()
        """Set while and after a frame is held."""
        self.passes: bool | None = None
        """What becomes of it: None while it is held."""

    def let_go(self) -> None:
        """Let the frame go on, late."""
        self.passes = True

    def drop(self) -> None:
        """Lose the frame, and reset its connection."""
        self.passes = False


class Lie:
    """An error that the service is told by so many answers, whatever the broker said."""

    def __init__(self, api: Api, error: int, times: int = 1, *, is_done: bool = True) -> None:
        """Aim it.

        Args:
            api: kind of request.
            error: Kafka's code.
            times: how many answers.
            is_done: whether the broker sees the request, and so does what it asks for.
        """
        self.api = api
        self.error = error
        self.left = times
        self.is_done = is_done


class Tap:
    """What is to be held or told on one link; filled by the test, asked by each of its connections."""

    def __init__(self) -> None:
        self._stops: list[Stop] = []
        self._lies: list[Lie] = []

    def stop(self, api: Api, way: Way, mark: bytes = b"") -> Stop:
        """Set a breakpoint for one frame; the arguments are those of `Stop`."""
        stop = Stop(api, way, mark)
        self._stops.append(stop)
        return stop

    def lie(self, api: Api, error: int, times: int = 1, *, is_done: bool = True) -> Lie:
        """Tell errors; the arguments are those of `Lie`."""
        lie = Lie(api, error, times, is_done=is_done)
        self._lies.append(lie)
        return lie

    def take_stop(self, api: int, way: Way, request: bytes) -> Stop | None:
        """Find the breakpoint that a frame meets; it meets no other frame then."""
        for stop in self._stops:
            if stop.api == api and stop.way is way and stop.mark in request:
                self._stops.remove(stop)
                return stop
        return None

    def take_lie(self, api: int, *, is_done: bool) -> Lie | None:
        """Find the error that an answer is to tell, and count it."""
        for lie in self._lies:
            if lie.api == api and lie.is_done is is_done and lie.left:
                lie.left -= 1
                return lie
        return None


class Conversation:
    """One connection between a client and a broker, as its frames tell it."""

    def __init__(self, tap: Tap) -> None:
        self._tap = tap
        self._open: dict[int, tuple[Call, Stop | None]] = {}

    def request(self, frame: bytes) -> Stop | bytes | None:
        """Judge a request.

        Returns:
            What holds it; or the answer that it gets without the broker; or None: it goes on.
        """
        call = call_of(frame)
        lie = self._tap.take_lie(call.api, is_done=False)
        if lie is not None:
            return refusal(call, lie.error)
        self._open[call.number] = call, self._tap.take_stop(call.api, Way.BACK, frame)
        return self._tap.take_stop(call.api, Way.THERE, frame)

    def answer(self, frame: bytes) -> tuple[bytes, Stop | None]:
        """Judge an answer; return it as it is to arrive, and what holds it."""
        call, stop = self._open.pop(number_of(frame))
        lie = self._tap.take_lie(call.api, is_done=True)
        return frame if lie is None else with_error(call, frame, lie.error), stop
