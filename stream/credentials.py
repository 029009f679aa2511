"""The client's id and secret as they are now: they may rotate on disk while the service runs (contract section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .log import get_log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .settings.secret import Secret


class Credentials:
    """Read before each call for a token; what keeps a file from being used is logged once, until it is over."""

    def __init__(self, client_id: Secret, client_secret: Secret) -> None:
        self._secrets: Mapping[str, Secret] = {
            "CXONE_CLIENT_ID_FILE": client_id,
            "CXONE_CLIENT_SECRET_FILE": client_secret,
        }
        self._last: tuple[str, ...] | None = None
        self._troubles: dict[str, str] = {}

    def read(self) -> tuple[str, str]:
        """Return both; a file that cannot be used now gives what it held before."""
        client_id, client_secret = (self._text(name, secret) for name, secret in self._secrets.items())
        now = (client_id, client_secret)
        if self._last not in (None, now):
            get_log().info("credentials_changed")
        self._last = now
        return now

    def _text(self, name: str, secret: Secret) -> str:
        text, trouble = secret(), secret.trouble
        if trouble is None:
            self._troubles.pop(name, None)
        elif trouble != self._troubles.get(name):
            self._troubles[name] = trouble
            get_log().warning("credentials_file_unusable", setting=name, reason=trouble, still="the last good value")
        return text
