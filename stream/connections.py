"""Hears when a connection of a producer broke: librdkafka tells of that in its log alone, and sends again by itself.

What was lost with the connection may arrive all the same, later than what was sent again. Without KIP-890 a request to
commit that arrives so late ends the *next* transaction, half filled: offsets without their outcomes (measured). So a
producer whose connection broke is replaced before the next transaction: what is late is then of an older epoch.
"""

from __future__ import annotations

import logging
import re

LOST = "a connection broke, and a request that was lost with it could end the next transaction"
_BROKEN = re.compile(r"^FAIL .* \(after \d+ms in state UP\b")
"""One that was never up has carried no request."""


class Connections:
    """The connections of one producer."""

    def __init__(self, complaints: logging.Logger) -> None:
        """Begin to listen.

        Args:
            complaints: takes the producer's warnings and errors.
        """
        self.have_broken = False
        """Whether any did; known after the producer's next `poll`, which serves its log."""
        self.logger = logging.Logger(complaints.name, logging.INFO)  # noqa: LOG001 - one for each producer, not of the process
        """For the producer. Passes on what is worth a line."""
        self.logger.parent = complaints
        self.logger.addFilter(self._hear)

    def _hear(self, record: logging.LogRecord) -> bool:
        self.have_broken = self.have_broken or _BROKEN.match(record.getMessage()) is not None
        return record.levelno >= logging.WARNING
