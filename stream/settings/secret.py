"""Credentials, and the files that hold settings: read without ever showing what stands in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SECRET_FILE_MAX_BYTES = 65_536


class UnusableError(ValueError):
    """A setting's text cannot be used; it never leaves the settings, which make a `Problem` of it.

    `wrong` is the predicate of a sentence about the setting, `fix` what to do (empty: what its row says).
    """

    def __init__(self, wrong: str, fix: str = "") -> None:
        """Keep both parts."""
        self.wrong = wrong
        self.fix = fix
        super().__init__(wrong)


class Secret:
    """A credential: called, it gives its text; shown, it never does.

    One that stands in a file is read at each call (contract section 5, `CXONE_CLIENT_ID`), so that it can be rotated
    while the service runs. While the file cannot be used, the last good text holds, and `trouble` says why: a rotation
    may take the file away for a moment, or write it in two steps.
    """

    __slots__ = ("_path", "_text", "_trouble")

    def __init__(self, text: str) -> None:
        """Hold a text that never changes."""
        self._path: Path | None = None
        self._text = text
        self._trouble: str | None = None

    @classmethod
    def from_file(cls, path: Path) -> Secret:
        """Hold what stands in a file, without the line's end.

        Raises:
            UnusableError: it cannot be read, or holds no text.
        """
        secret = cls(read_secret_file(path))
        secret._path = path
        return secret

    @property
    def path(self) -> Path | None:
        """The file that it stands in, if it stands in one."""
        return self._path

    @property
    def trouble(self) -> str | None:
        """What kept the last call from using the file, as the predicate of a sentence about its setting."""
        return self._trouble

    def __call__(self) -> str:
        """Return the text as it is now. May be called from any thread."""
        if self._path is not None:
            try:
                self._text, self._trouble = read_secret_file(self._path), None
            except UnusableError as error:
                self._trouble = error.wrong
        return self._text

    def __repr__(self) -> str:
        """Say that there is one, not what it is."""
        return "Secret(hidden)"


def secret_text(text: str) -> str:
    """Accept a secret as it stands: any text that can be sent as UTF-8."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise UnusableError("holds bytes that are not UTF-8 text", "give it as it was issued, or in a file")
    return text


def read_secret_file(path: Path) -> str:
    """Return what stands in a file, without the line's end.

    Raises:
        UnusableError: it cannot be read, is larger than `SECRET_FILE_MAX_BYTES`, is not UTF-8, or holds no text.
    """
    text = read_text_file(path, SECRET_FILE_MAX_BYTES).rstrip("\r\n")
    if not text.strip() or "\0" in text:
        raise UnusableError("names a file without a usable value", "write the value, and nothing else, into it")
    return text


def read_text_file(path: Path, max_bytes: int) -> str:
    """Return the text of a file, without a byte order mark.

    Raises:
        UnusableError: it is no regular file, cannot be read, is larger than `max_bytes`, or is not UTF-8.
    """
    # Asked before it is opened: opening a pipe would wait for its writer.
    if not is_file(path):
        raise UnusableError("names a file that is not there", "give the path of a file that this process can read")
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise UnusableError(
            f"names a file that cannot be read ({reason})", "give this process the right to read it"
        ) from None
    if len(content) > max_bytes:
        raise UnusableError(f"names a file above {max_bytes} bytes", "give a file that holds nothing else")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnusableError("names a file that is not UTF-8 text", "write it as UTF-8") from None


def is_file(path: Path) -> bool:
    """Tell whether a path names a regular file, whatever the path is made of."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_directory(path: Path) -> bool:
    """Tell whether a path names a directory, whatever the path is made of."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
