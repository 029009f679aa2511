"""What misbehaves when: which fault strikes which call.

Pure but for the clock it is given; seeded, so that the same calls in the same order meet the same faults.
"""

import random
import re
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, get_args

Call = Literal["execute", "token", "read"]
Kind = Literal["answer", "reset", "lose", "delay", "checksum", "evidence", "names"]
Evidence = Literal["full", "checksum", "empty", "accepted"]
Names = Literal["full", "bare", "index", "id", "wrong", "none"]
OutageMode = Literal["reset", "503"]

ENDINGS: Final = frozenset({"answer", "reset", "lose"})
EXCLUSIVE: Final = (ENDINGS, frozenset({"evidence"}), frozenset({"names"}))
"""Of these only one fault strikes a call: the first added; the others are not used up by it."""


class FaultError(ValueError):
    """A fault that makes no sense; the message says which part of it, and what is possible."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave, and the calls it strikes.

    Kinds: `answer` gives `status` (with `retry_after`, `headers`, `body`) instead of the real answer; `reset` cuts the
    connection without an answer; `lose` never answers, until the client gives up; `delay` waits `min_s` to `max_s`,
    evenly spread; `checksum` answers a wrong checksum; `evidence` chooses which parts a good answer carries; `names`
    chooses how a refusal or conflict names its records. The first three end the call, and the one added first wins;
    the others add up, and of two that choose the same the one added first wins.

    An `answer` may be hostile: `size_bytes` repeats `body` (else spaces) until it is so long, in chunks and without a
    length announced; `drip_s` sends it byte by byte, with so many seconds between.

    `names`: `full` (index, id, and message or currentVersion), `bare` (index and id), `index` or `id` (without the
    other), `wrong` (records that the request does not hold), `none` (only `error`). They stand at the JSON Pointer
    `names_at`.

    `applied` says whether the call is carried out before the fault strikes (a `delay` then makes the answer late, not
    the work; an `answer` without `body` then keeps the real one under its own status). `call` None means every call.
    `data_store_id` and `record_id` narrow it to requests that name them, `min_records` to those with at least so many
    records, `next_requests` to the next so many of those, `probability` to a share of them, `for_s` to a time from now,
    in seconds.
    """

    kind: Kind
    call: Call | None = "execute"
    applied: bool = False
    next_requests: int | None = None
    probability: float | None = None
    for_s: float | None = None
    data_store_id: str | None = None
    record_id: str | None = None
    min_records: int = 0
    status: int = 503
    retry_after: str | None = None
    headers: Mapping[str, str] | None = None
    body: str | None = None
    size_bytes: int = 0
    drip_s: float = 0.0
    min_s: float = 0.0
    max_s: float = 0.0
    evidence: Evidence = "full"
    names: Names = "full"
    names_at: str = "/errors"

    def __post_init__(self) -> None:
        """Refuse what cannot strike: FaultError."""
        _require(self.kind in get_args(Kind), f"kind must be one of {', '.join(get_args(Kind))}")
        _require(self.call is None or self.call in get_args(Call), f"call must be null or one of {get_args(Call)}")
        _require(self.evidence in get_args(Evidence), f"evidence must be one of {', '.join(get_args(Evidence))}")
        _require(200 <= self.status <= 599, "status must be 200 to 599")  # noqa: PLR2004 -- the range of final answers
        _require(self.next_requests is None or self.next_requests > 0, "next_requests must be above 0")
        _require(self.probability is None or 0 <= self.probability <= 1, "probability must be 0 to 1")
        _require(self.for_s is None or self.for_s > 0, "for_s must be above 0")
        _require(self.names in get_args(Names), f"names must be one of {', '.join(get_args(Names))}")
        _require(0 <= self.min_s <= self.max_s, "min_s must not be negative nor above max_s")
        _require(self.drip_s >= 0, "drip_s must not be negative")
        for name in ("min_records", "size_bytes"):
            _require(type(getattr(self, name)) is int and getattr(self, name) >= 0, f"{name} must be 0 or more")
        _require(
            re.fullmatch(r"(/[A-Za-z]+)+", self.names_at) is not None, "names_at must be as /errors or /error/list"
        )
        for name in ("data_store_id", "record_id", "retry_after", "body"):
            _require(isinstance(getattr(self, name), str | None), f"{name} must be a string")
        headers: object = {} if self.headers is None else self.headers
        _require(
            isinstance(headers, Mapping) and all(isinstance(text, str) for pair in headers.items() for text in pair),
            "headers must hold strings by name",
        )

    @classmethod
    def from_json(cls, value: object) -> "Fault":
        """Build a fault from an object with the names of the fields above (`{"kind": "answer", "status": 429}`).

        Raises:
            FaultError: unknown names, wrong types, or a fault that cannot strike.
        """
        if not isinstance(value, dict):
            raise FaultError("a fault must be an object")
        unknown = sorted(value.keys() - {part.name for part in fields(cls)})
        _require(not unknown, f"a fault has no {', '.join(map(repr, unknown))}")
        try:
            return cls(**value)
        except (TypeError, AttributeError) as error:
            raise FaultError("a fault needs a kind, and values of the right types") from error


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to go wrong in one call: waits before and after the work, in seconds, and how it ends (None: well).

    `naming` says how a refusal names its records, where a fault chooses that.
    """

    before_s: float = 0.0
    after_s: float = 0.0
    ending: Fault | None = None
    wrong_checksum: bool = False
    evidence: Evidence | None = None
    naming: Fault | None = None


@dataclass(slots=True)
class _Armed:
    number: int
    fault: Fault
    left: int | None
    until_s: float | None

    def is_spent(self, now_s: float) -> bool:
        return self.left == 0 or (self.until_s is not None and now_s >= self.until_s)

    def aims_at(self, call: Call, data_store_id: str | None, ids: Collection[str]) -> bool:
        fault = self.fault
        return (
            fault.call in (None, call)
            and fault.data_store_id in (None, data_store_id)
            and (fault.record_id is None or fault.record_id in ids)
            and fault.min_records <= len(ids)
        )


class Faults:
    """The faults that are armed now; any thread may change them while calls are served."""

    def __init__(self, clock: Callable[[], float], seed: int = 0) -> None:
        """Start without faults; `clock` gives seconds of any origin, `seed` fixes every random choice."""
        self._lock = threading.Lock()
        self._clock = clock
        self._random = random.Random(seed)
        self._armed: list[_Armed] = []
        self._added = 0
        self._outage: tuple[OutageMode, float | None] | None = None

    def add(self, fault: Fault) -> int:
        """Arm a fault, after those already armed; returns the number that `remove` takes."""
        with self._lock:
            self._added += 1
            until_s = None if fault.for_s is None else self._clock() + fault.for_s
            self._armed.append(_Armed(self._added, fault, fault.next_requests, until_s))
            return self._added

    def remove(self, number: int) -> None:
        """Disarm one fault; one that has struck for the last time already is no error."""
        with self._lock:
            self._armed = [armed for armed in self._armed if armed.number != number]

    def clear(self) -> None:
        """Disarm all, and end an outage."""
        with self._lock:
            self._armed = []
            self._outage = None

    def begin_outage(self, mode: OutageMode = "reset", for_s: float | None = None) -> None:
        """Let every call fail on arrival, by a reset or 503, until `end_outage` or for `for_s` seconds."""
        _require(mode in get_args(OutageMode), f"an outage is one of {', '.join(get_args(OutageMode))}")
        with self._lock:
            self._outage = (mode, None if for_s is None else self._clock() + for_s)

    def end_outage(self) -> None:
        """Serve calls again."""
        with self._lock:
            self._outage = None

    def outage(self) -> OutageMode | None:
        """Say how calls fail on arrival now; None: they do not."""
        with self._lock:
            if self._outage is not None and self._outage[1] is not None and self._clock() >= self._outage[1]:
                self._outage = None
            return self._outage[0] if self._outage is not None else None

    def plan(self, call: Call, data_store_id: str | None = None, ids: Collection[str] = ()) -> Plan:
        """Decide what strikes this call, and count it against the faults that do."""
        with self._lock:
            now_s = self._clock()
            self._armed = [armed for armed in self._armed if not armed.is_spent(now_s)]
            struck: list[Fault] = []
            for armed in self._armed:
                if armed.aims_at(call, data_store_id, ids) and self._strikes(armed, struck):
                    struck.append(armed.fault)
            return self._combined(struck)

    def armed(self) -> list[dict[str, Any]]:
        """Return the faults that are armed, each with its number and what is `left` of it, as JSON may hold them."""
        with self._lock:
            now_s = self._clock()
            return [
                {"number": armed.number, "left": armed.left} | asdict(armed.fault)
                for armed in self._armed
                if not armed.is_spent(now_s)
            ]

    def _strikes(self, armed: _Armed, struck: list[Fault]) -> bool:
        rivals = next((kinds for kinds in EXCLUSIVE if armed.fault.kind in kinds), frozenset())
        if any(fault.kind in rivals for fault in struck):
            return False
        if armed.fault.probability is not None and self._random.random() >= armed.fault.probability:
            return False
        if armed.left is not None:
            armed.left -= 1
        return True

    def _combined(self, struck: list[Fault]) -> Plan:
        waits_s = [
            (fault.applied, self._random.uniform(fault.min_s, fault.max_s)) for fault in struck if fault.kind == "delay"
        ]
        return Plan(
            before_s=sum(wait_s for applied, wait_s in waits_s if not applied),
            after_s=sum(wait_s for applied, wait_s in waits_s if applied),
            ending=next((fault for fault in struck if fault.kind in ENDINGS), None),
            wrong_checksum=any(fault.kind == "checksum" for fault in struck),
            evidence=next((fault.evidence for fault in struck if fault.kind == "evidence"), None),
            naming=next((fault for fault in struck if fault.kind == "names"), None),
        )


def _require(holds: bool, otherwise: str) -> None:  # noqa: FBT001 -- reads as the sentence it is
    if not holds:
        raise FaultError(otherwise)
