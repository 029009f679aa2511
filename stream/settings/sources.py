"""Where settings come from: the process environment, `.env`, a TOML file, and files that hold one secret each.

The first that names a setting wins, in this order. An empty text counts as not set, as Compose files and shells leave
such behind. `.env` is read without `${…}` substitution: a secret may hold those characters.
"""

from __future__ import annotations

import io
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dotenv.parser import parse_stream

from ..errors import Problem
from .kafka_config import PREFIX as KAFKA_CONFIG
from .kafka_config import VARIABLES, property_of
from .names import is_service_link, nearest
from .secret import UnusableError, is_file, read_text_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

CONFIG_FILE = "STREAM_CONFIG_FILE"
FILE = "_FILE"
_OTEL = "OTEL_"
_OURS = ("CXONE_", "KAFKA_", "STREAM_")
_MAX_NAME_SHOWN = 80
_MAX_FILE_BYTES = 1_048_576
_DATA_KINDS = (str, bool, int, float)


@dataclass(frozen=True, slots=True)
class Entry:
    """What one source says about one setting."""

    text: str = field(repr=False)
    origin: str = ""
    """The file that says so; empty for the process environment."""

    def problem(self, name: str, wrong: str, fix: str) -> Problem:
        """Return a problem with this entry that says where the entry stands."""
        return Problem(shown(name), f"{wrong} (in {self.origin})" if self.origin else wrong, fix)


Entries = dict[str, Entry]


def read_sources(environ: Mapping[str, str], cwd: Path, known: AbstractSet[str]) -> tuple[Entries, list[Problem]]:
    """Collect what the environment, `.env` and the TOML file say; the first of them wins.

    Args:
        environ: the process environment.
        cwd: the working directory: `.env` stands there, and relative paths start there.
        known: the names of all settings but `KAFKA_CONFIG_…` and `OTEL_…`.

    Returns:
        The entries by their settings' names, and what is wrong with names and files.
    """
    problems: list[Problem] = []
    environment = {name: Entry(text) for name, text in environ.items() if text.strip()}
    dotenv = _read_dotenv(cwd / ".env", problems)
    for entries in (environment, dotenv):
        problems.extend(_misspelt(entries, known))
    toml = _read_toml({**dotenv, **environment}.get(CONFIG_FILE), cwd, known, problems)
    merged = {**toml, **dotenv, **environment}
    return {name: entry for name, entry in merged.items() if _is_setting(name, known)}, problems


def _is_setting(name: str, known: AbstractSet[str]) -> bool:
    return name in known or name.startswith(_OTEL) or (name.startswith(KAFKA_CONFIG) and not is_service_link(name))


def _misspelt(entries: Entries, known: AbstractSet[str]) -> Iterator[Problem]:
    """Name the settings that unknown variables were meant to be; other unknown variables belong to somebody else."""
    for name, entry in sorted(entries.items()):
        if not name.upper().startswith(_OURS) or _is_setting(name, known) or is_service_link(name):
            continue
        if meant := name.upper() if name.upper() in known else nearest(name, known | _KAFKA_NAMES):
            yield entry.problem(name, f"is unknown, but close to {meant}", f"write {meant}, or remove it")


_KAFKA_NAMES = VARIABLES | {name + FILE for name in VARIABLES}


def names_property(name: str) -> bool:
    """Tell whether a `KAFKA_CONFIG_…` name means a property itself, and not a file with its value.

    Some properties of librdkafka end in `.file`.
    """
    return not name.endswith(FILE) or property_of(name) is not None


def shown(name: str) -> str:
    """Return a name that somebody else wrote so that it fits on one line of a terminal."""
    escaped = name.encode("unicode_escape").decode("ascii")
    return escaped if len(escaped) <= _MAX_NAME_SHOWN else escaped[:_MAX_NAME_SHOWN] + "…"


def _read_dotenv(path: Path, problems: list[Problem]) -> Entries:
    if not is_file(path):
        return {}
    try:
        text = read_text_file(path, _MAX_FILE_BYTES)
    except UnusableError as error:
        problems.append(Problem(".env", error.wrong, error.fix))
        return {}
    entries = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            wrong = f"line {binding.original.line} cannot be read"
            problems.append(Problem(".env", wrong, "write NAME=value there, or NAME='value' where it holds spaces"))
        elif binding.key and binding.value and binding.value.strip():
            entries[binding.key] = Entry(binding.value, ".env")
    return entries


def _read_toml(entry: Entry | None, cwd: Path, known: AbstractSet[str], problems: list[Problem]) -> Entries:
    if entry is None:
        return {}
    try:
        tables = tomllib.loads(read_text_file(cwd / entry.text.strip(), _MAX_FILE_BYTES))
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line \d+, column \d+", str(error))
        wrong = f"names a file that is not TOML{f' ({place[0]})' if place else ''}"
        problems.append(entry.problem(CONFIG_FILE, wrong, "correct it there; text values stand in quotes"))
    except RecursionError:
        problems.append(entry.problem(CONFIG_FILE, "names a file that is nested too deeply", "write it flat"))
    except UnusableError as error:
        problems.append(entry.problem(CONFIG_FILE, error.wrong, error.fix))
    else:
        return _toml_entries(tables, known, problems)
    return {}


def _toml_entries(tables: dict[str, object], known: AbstractSet[str], problems: list[Problem]) -> Entries:
    entries: Entries = {}
    for path, value in _leaves(tables):
        name, key = _setting_name(path), shown(".".join(path))
        text = _toml_text(value)
        if name == CONFIG_FILE or not _is_setting(name, known):
            near = nearest(name, known | _KAFKA_NAMES)
            fix = f"write {near.lower()}, or remove it" if near else "remove it"
            problems.append(Problem(key, f"is no setting that the file of {CONFIG_FILE} may hold", fix))
        elif name in entries:
            problems.append(Problem(key, f"gives {name} a second time in the file of {CONFIG_FILE}", "remove one"))
        elif text is None:
            wrong = f"holds a kind of value that no setting has (in the file of {CONFIG_FILE})"
            problems.append(Problem(key, wrong, "give a text, a number, true or false, or a list of texts"))
        elif text.strip():
            entries[name] = Entry(text, f"the file of {CONFIG_FILE}")
    return entries


def _leaves(tables: dict[str, object]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Walk the tables without recursion: their depth is the file's."""
    pending: list[tuple[tuple[str, ...], object]] = [((), tables)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict):
            pending.extend(((*path, key), below) for key, below in reversed(value.items()))
        else:
            yield path, value


def _setting_name(path: tuple[str, ...]) -> str:
    """Return `KAFKA_GROUP_ID` for `kafka_group_id`, and for `group_id` or `kafka_group_id` in the table `[kafka]`."""
    name = "_".join(path).replace(".", "_").upper()
    prefix = path[0].upper() + "_"
    return name.removeprefix(prefix) if name.startswith(prefix * 2) else name


def _toml_text(value: object) -> str | None:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, _DATA_KINDS) else None
