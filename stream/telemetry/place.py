"""What telemetry says of where this instance works: the same on every span and metric of a kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from . import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..settings import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """The API's address, the group, the outcome topic, how full a batch can be, and which names are wanted.

    `url_templates`: of the three calls, by kind; without ids.
    """

    server: Mapping[str, str | int]
    url_templates: Mapping[str, str]
    group_id: str
    outcome_topic: str
    batch_size: int
    batch_bytes: int
    opt_in: str = ""

    def messaging(self, operation: str, destination: str) -> dict[str, str]:
        """Name an operation on a topic, as spans and metrics do.

        Args:
            operation: `poll`, `process`, `send` or `commit`.
            destination: the topic, or several with commas between them.
        """
        facts = {
            names.SYSTEM: "kafka",
            names.OPERATION: operation,
            names.DESTINATION: destination,
            names.GROUP: self.group_id,
        }
        return names.with_older(facts, self.opt_in)


def place_of(settings: Settings, opt_in: str) -> Place:
    """Read the place from the settings.

    Args:
        settings: judged and complete.
        opt_in: what `OTEL_SEMCONV_STABILITY_OPT_IN` says.
    """
    cxone, stream = settings.cxone, settings.stream
    address = urlsplit(cxone.base_url)
    port = address.port or (80 if address.scheme == "http" else 443)
    templates = {"execute": cxone.execute_path, "token": cxone.token_path, "read": cxone.record_path or ""}
    return Place(
        {names.SERVER_ADDRESS: address.hostname or "", names.SERVER_PORT: port},
        templates,
        settings.kafka.group_id,
        settings.kafka.outcome_topic,
        stream.batch_size,
        stream.batch_bytes,
        opt_in,
    )
