"""Observers: all are told everything, and none of them can do harm."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from stream.observer import MAX_FAILURES_TOLD, Observer, Observers

if TYPE_CHECKING:
    from collections.abc import Callable

NEWS = sorted(name for name, _ in inspect.getmembers(Observer, inspect.isfunction) if not name.startswith("_"))


class Recording(Observer):
    """Writes down what it is told, whatever it is."""

    def __init__(self) -> None:
        self.told: list[tuple[str, tuple[object, ...]]] = []

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 - any method
        """Return a method that writes down its call."""
        if name not in NEWS:
            return super().__getattribute__(name)
        record: Callable[..., None] = lambda *given: self.told.append((name, given))  # noqa: E731
        return record


class Failing(Observer):
    """Cannot bear news."""

    def turned(self, now_s: float) -> None:
        """Fail."""
        raise RuntimeError(now_s)


def _arguments(name: str) -> list[object]:
    return [object() for _ in list(inspect.signature(getattr(Observer, name)).parameters)[1:]]


@pytest.mark.parametrize("name", NEWS)
def test_all_are_told_everything(name: str) -> None:
    """Whatever an observer can be told, each of several is told it, with the same values."""
    first, second = Recording(), Recording()
    given = _arguments(name)
    getattr(Observers(first, second), name)(*given)
    assert first.told == second.told == [(name, tuple(given))]


def test_one_that_fails_harms_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """What an observer raises is logged a few times, with its name, and the others are told all the same."""
    last = Recording()
    observers = Observers(Failing(), last)
    for turn in range(100):
        observers.turned(turn)
    assert len(last.told) == 100
    logged = capsys.readouterr()
    assert (logged.out + logged.err).count("observer_failed") == MAX_FAILURES_TOLD
