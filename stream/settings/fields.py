"""How a setting is declared: its row of the table, its bounds, and the kinds of value that look at the file system."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BeforeValidator, Field

from .secret import UnusableError, is_directory, is_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import JsonValue, ValidationInfo

_PACKAGE = Path(__file__).parent.parent
_INSTALLED_SCHEMAS = _PACKAGE / "schemas"
PACKAGED_SCHEMAS = _INSTALLED_SCHEMAS if _INSTALLED_SCHEMAS.is_dir() else _PACKAGE.parent / "schemas"
"""Inside the installed package; in a checkout, where they are not copied in, the directory at the top."""


def row(meaning: str, fix: str, default: Any = ..., *, shown: str = "", **more: Any) -> Any:  # noqa: ANN401 - pydantic's
    """Declare a setting.

    Args:
        meaning: as in contract section 5, for the table.
        fix: what to do when its value is wrong, as an imperative sentence.
        default: nothing where it must be given.
        shown: how the table shows the default, when not as itself.
        more: alias and bounds, as pydantic names them.
    """
    return Field(default, description=meaning, json_schema_extra=_note(fix, shown), **more)


def following(meaning: str, fix: str, default: Callable[[dict[str, Any]], object], *, shown: str, **more: Any) -> Any:  # noqa: ANN401
    """Declare a setting whose default follows from the fields before it, and is judged like a given value."""
    note = _note(fix, shown)
    return Field(default_factory=default, validate_default=True, description=meaning, json_schema_extra=note, **more)


def whole(meaning: str, default: int | None, low: int, high: int) -> Any:  # noqa: ANN401
    """Declare a whole number between two finite bounds."""
    return row(f"{meaning} ({low} to {high})", whole_fix(low, high), default, ge=low, le=high)


def whole_fix(low: int, high: int) -> str:
    """Return what to do when a whole number is wrong."""
    return f"give a whole number from {low} to {high}"


def choice(meaning: str, default: str, *others: str) -> Any:  # noqa: ANN401
    """Declare one of a few words."""
    return row(meaning, f"give {' or '.join([str(default), *others])}", default)


def flag(meaning: str) -> Any:  # noqa: ANN401
    """Declare a setting that is off by default."""
    return row(meaning, "give true or false", default=False)


Lower = BeforeValidator(str.lower)
"""Words of lower case, accepted in any."""
Upper = BeforeValidator(str.upper)
"""Words of upper case, accepted in any."""


def any_path(text: str, info: ValidationInfo) -> Path:
    """Accept a path; whoever opens it says what is wrong with it."""
    return _cwd(info) / text


def existing_directory(text: str, info: ValidationInfo) -> Path:
    """Accept the path of a directory."""
    path = _cwd(info) / text
    if not is_directory(path):
        raise UnusableError("names a directory that is not there")
    return path


def existing_file(text: str, info: ValidationInfo) -> Path:
    """Accept the path of a regular file."""
    path = _cwd(info) / text
    if not is_file(path):
        raise UnusableError("names a file that is not there")
    return path


def log_file(text: str, info: ValidationInfo) -> str:
    """Accept `-`, `off`, or the path of a file that is there or could be made."""
    if text.lower() in {"-", "off"}:
        return text.lower()
    path = _cwd(info) / text
    if "\0" in text or is_directory(path) or not is_directory(path.parent):
        raise UnusableError("names no file in a directory that is there")
    return str(path)


def _note(fix: str, shown: str) -> dict[str, JsonValue]:
    return {"fix": fix, "shown": shown}


def _cwd(info: ValidationInfo) -> Path:
    return Path(info.context["cwd"]) if info.context else Path()
