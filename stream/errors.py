"""Every exception that may leave a room of this package. An outcome is never one of them: it is a value.

    StreamError
    ├── ConfigurationError   nothing was touched: name every problem at once, exit 2
    └── FatalError           the process cannot go on without breaking a promise: flush the log, exit 1

Foreign exceptions (sockets, Kafka, files) are translated once, at the edge that imports their library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration, told on one line; it never holds a secret's value."""

    name: str
    """The setting, as the user wrote or should write it."""
    wrong: str
    """What is wrong with it, as the predicate of a sentence about the name."""
    fix: str
    """What to do, as an imperative sentence."""

    def __str__(self) -> str:
        """Return the line that a person reads."""
        return f"{self.name}: {self.wrong}; {self.fix}"


class StreamError(Exception):
    """Any failure that this package tells a person about; `exit_code` is the process's (contract section 6)."""

    exit_code: ClassVar[int] = 1


class ConfigurationError(StreamError):
    """The configuration cannot be used; raised before anything outside the process is touched."""

    exit_code: ClassVar[int] = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep all problems.

        Args:
            problems: at least one, in the order in which they shall be read.
        """
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class FatalError(StreamError):
    """The process must stop: going on would break a promise of contract section 4."""

    def __init__(self, what: str, fix: str = "") -> None:
        """Say what happened and what a person can do.

        Args:
            what: what happened, and where; without secrets and field values.
            fix: what to do next; empty when a restart is enough.
        """
        self.what = what
        self.fix = fix
        super().__init__(f"{what}; {fix}" if fix else what)
