"""Keeps the token: renewed in the background before it expires, and by whoever finds it missing or refused."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

from .log import get_log
from .observer import SILENT
from .pace import Backoff
from .steps import NoAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    from .clock import Clock
    from .observer import Observer
    from .token import Token

AFTER_FAILURE = Backoff(base_s=5.0, cap_s=60.0)
"""Between calls of the background renewal; a request that needs a token does not wait for it."""


class Renewal:
    """The current token, for all threads.

    Single flight: the lock is held during a renewal, and whoever waited for it looks first whether the token changed,
    or whether the call that it waited for has failed.
    """

    def __init__(
        self,
        request: Callable[[int], Token | NoAnswer],
        clock: Clock,
        after_failure: Backoff = AFTER_FAILURE,
        observer: Observer = SILENT,
    ) -> None:
        """Begin without a token; the first one is asked for when it is needed.

        Args:
            request: makes one call for a token of the given generation; ends in bounded time.
            clock: by which tokens live.
            after_failure: how long the background renewal waits.
            observer: told of each renewal.
        """
        self._after_failure = after_failure
        self._observer = observer
        self._request = request
        self._clock = clock
        self._rng = random.Random()  # noqa: S311 - jitter
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._failure: tuple[float, NoAnswer] | None = None
        self._closed = threading.Event()
        self._there_is_one = threading.Event()
        threading.Thread(target=self._renew_in_time, name="token-renewal", daemon=True).start()

    def current(self) -> Token | NoAnswer:
        """Return a token that has not expired; get one if there is none."""
        token = self._token
        if token is not None and self._clock.monotonic_s() < token.expires_at_s:
            return token
        return self.after(token.generation if token else 0)

    def after(self, generation: int) -> Token | NoAnswer:
        """Return a token later than this generation; of many callers at once one makes the request."""
        asked_s = self._clock.monotonic_s()
        with self._lock:
            if self._token is not None and self._token.generation > generation:
                return self._token
            if self._failure is not None and self._failure[0] > asked_s:
                return self._failure[1]
            return self._renew()

    def close(self) -> None:
        """Stop renewing."""
        self._closed.set()
        self._there_is_one.set()

    def _renew(self) -> Token | NoAnswer:
        token = self._request(self._token.generation + 1 if self._token else 1)
        if isinstance(token, NoAnswer):
            self._failure = (self._clock.monotonic_s(), token)
            get_log().warning("token_not_renewed", reason=token.reason)
            self._observer.token_renewed(token.reason)
            return token
        self._token = token
        self._there_is_one.set()
        if not token.life_was_told:
            get_log().warning("token_without_expiry", assumed_s=round(token.expires_at_s - self._clock.monotonic_s()))
        get_log().info("token_renewed", generation=token.generation)
        self._observer.token_renewed(None)
        return token

    def _renew_in_time(self) -> None:
        """Renew when it is time; a failure is logged and repeated, while the old token serves and beyond."""
        self._there_is_one.wait()
        failures = 0
        while not self._closed.is_set():
            token = self._token
            assert token is not None  # noqa: S101 - none is ever taken away
            if self._closed.wait(max(0.0, token.renew_at_s - self._clock.monotonic_s())):
                return
            if isinstance(self.after(token.generation), NoAnswer):
                failures += 1
                self._closed.wait(self._after_failure.delay_s(failures, self._rng))
            else:
                failures = 0
