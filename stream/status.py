"""What is counted since the start: requests, their success rate and latency (contract section 5, log)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Requests with a verdict since the start."""

    requests: int = 0
    succeeded: int = 0
    latency_sum_ms: float = 0.0

    def count(self, latency_ms: float, *, succeeded: bool) -> None:
        """Count one request."""
        self.requests += 1
        self.succeeded += succeeded
        self.latency_sum_ms += latency_ms

    @property
    def success_rate(self) -> float:
        """Percent of the requests; 100 before the first."""
        return 100.0 * self.succeeded / self.requests if self.requests else 100.0

    @property
    def average_latency_ms(self) -> float:
        """Mean of the requests; 0 before the first."""
        return self.latency_sum_ms / self.requests if self.requests else 0.0
