"""The rules of the house: who may import whom, who may touch the world, how long things may be.

Change a table here in the commit that changes the architecture, and say why. The rules themselves are in
`layer_rules.py`; the second half of this file shows that each of them can fail.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from . import layer_rules as rules
from .layer_rules import Module

ROOT = Path(__file__).parents[1]
STREAM = rules.read_modules(ROOT / "stream")
TESTS = rules.read_modules(ROOT / "tests")

MAY_IMPORT: dict[str, set[str]] = {
    # what everybody may know
    "__init__": set(),
    "codes": set(),
    "remedies": {"codes"},
    "errors": set(),
    "model": {"codes"},
    "clock": set(),
    "recurring": set(),
    "log": {"clock", "recurring"},
    # configuration
    "settings": {"errors", "model"},
    # the pure core, in the order in which an event meets it
    "decode": {"codes", "model"},
    "validate": {"codes", "model"},
    "schema_files": {"errors", "validate"},
    "usual": {"model", "validate"},
    "cdc": {"codes", "decode", "model", "validate"},
    "mapping": {"cdc", "errors", "model", "settings"},
    "intake": {"cdc", "codes", "model", "usual", "validate"},
    "coalesce": {"model"},
    "records": {"model"},
    "lanes": {"coalesce", "model", "records"},
    "payload": {"model"},
    "pace": set(),
    "steps": {"model"},
    "naming": set(),
    "conflict": {"codes", "model"},
    "answers": {"codes", "conflict", "model", "pace", "steps", "token"},
    "asking": {"answers", "conflict", "model", "record_address", "steps"},
    "talk": {"asking", "conflict", "model", "payload", "steps"},
    "dialogue": {"answers", "asking", "conflict", "model", "naming", "steps", "talk"},
    "token": set(),
    "record_address": set(),
    "health": {"model"},
    "flights": {"dialogue", "health", "model", "payload", "steps"},
    "circuit": {"model", "pace"},
    "holds": {"circuit", "health", "model", "steps"},
    "parking": {"circuit", "model", "steps"},
    "undecided": {"flights", "holds", "lanes", "parking", "steps"},
    "probing": {"circuit", "flights", "model", "undecided"},
    "giving_up": {"codes", "model", "undecided"},
    "dead_letter": {"model"},
    "replayed": {"model"},
    "outcome_headers": {"model"},
    "outcome": {"dead_letter", "intake", "model", "outcome_headers", "replayed"},
    "superseded": {"coalesce", "model", "outcome"},
    "metadata": set(),
    "ledger": {"metadata"},
    "partitions": {"ledger", "metadata", "model"},
    "outbox": {"model", "partitions"},
    # the loop, and the parts of its turn
    "ports": {"flights", "model", "outbox", "partitions", "steps"},
    "lease": {"model"},
    "status": {"circuit", "holds", "model", "parking", "undecided"},
    "watch": {"circuit", "log", "status"},
    "audit": {"errors", "model"},
    "start": {"metadata", "model", "partitions", "ports"},
    "observer": {"circuit", "flights", "intake", "log", "model", "outbox", "standing", "steps"},
    "standing": {"model", "outbox", "partitions", "status"},
    "landing": {
        *("coalesce", "flights", "health", "holds", "log", "model", "observer", "pace", "parking", "ports", "steps"),
        "undecided",
    },
    "execution": {
        *("flights", "giving_up", "landing", "model", "observer", "pace", "ports", "probing", "status", "undecided"),
        "watch",
    },
    "publication": {"errors", "log", "metadata", "model", "observer", "outbox", "partitions", "ports"},
    "parts": {
        *("audit", "clock", "flights", "holds", "intake", "lanes", "lease", "outcome", "ports", "start", "steps"),
        *("observer", "undecided"),
    },
    "reception": {"clock", "execution", "intake", "ledger", "model", "observer", "outbox", "partitions", "parts"},
    # what is told of it all
    "snapshot": {"status"},
    "board": {"snapshot"},
    "figures": {"snapshot"},
    "failures": {"model", "remedies", "snapshot"},
    "account": {"failures", "figures", "model", "partitions", "snapshot", "standing"},
    "bulletin": {
        *("account", "board", "clock", "codes", "failures", "flights", "intake", "model", "observer", "outbox"),
        *("standing", "steps"),
    },
    "watchdog": {"board", "log"},
    "web": {"__init__", "board", "clock", "errors", "holds", "log", "settings", "snapshot", "status", "watchdog"},
    "showing": {
        *("__init__", "board", "bulletin", "clock", "mapping", "observer", "schema_files", "settings", "watchdog"),
        "web",
    },
    "lookout": {"execution", "observer", "partitions", "parts", "publication", "standing", "status"},
    "loop": {
        *("audit", "clock", "execution", "log", "lookout", "model", "partitions", "parts", "publication", "reception"),
        *("start", "status", "superseded", "undecided"),
    },
    # the edges
    "stop_signal": {"clock"},
    "membership": set(),
    "ownership": {"model"},
    "group_watch": {"clock", "consumer_properties", "log", "model", "ownership", "settings"},
    "output_topics": {"errors", "log", "settings"},
    "fetched": {"model"},
    "rights": {"settings"},
    "consumer_properties": {"settings"},
    "consumer": {
        *("consumer_properties", "errors", "fetched", "log", "membership", "model", "partitions", "ports", "rights"),
        "settings",
    },
    "connections": set(),
    "publisher": {
        *(
            "connections",
            "dead_letter",
            "errors",
            "log",
            "model",
            "observer",
            "outbox",
            "output_topics",
            "ports",
            "rights",
            "settings",
        ),
    },
    "deadline": set(),
    "wire": {"deadline"},
    "answer_body": {"deadline", "wire"},
    "credentials": {"log", "settings"},
    "renewal": {"clock", "log", "observer", "pace", "steps", "token"},
    "cxone": {
        *("__init__", "answer_body", "clock", "deadline", "errors", "log", "observer", "payload", "record_address"),
        *("renewal", "steps", "token", "wire"),
    },
    "workers": {"clock", "flights", "lease", "model", "observer", "ports", "steps"},
    "telemetry": {
        *("__init__", "cdc", "circuit", "clock", "flights", "ledger", "log", "model", "observer", "outbox"),
        *("partitions", "settings", "standing", "steps"),
    },
    # what wires it all
    "service": {
        *("audit", "clock", "consumer", "credentials", "cxone", "errors", "flights", "group_watch", "holds", "intake"),
        *("lanes", "lease", "log", "loop", "mapping", "observer", "outcome", "parts", "publisher", "schema_files"),
        *("settings", "showing", "start", "steps", "stop_signal", "telemetry", "validate", "workers"),
    },
    # what looks at the outside before it is used, with what the service would use
    "check": {
        *("__init__", "answer_body", "clock", "consumer", "cxone", "metadata", "model", "partitions", "output_topics"),
        *("mapping", "record_address", "schema_files", "settings", "start", "token"),
    },
    # what became of events: the outcome topic, read back
    "outcomes": {"clock", "codes", "errors", "fetched", "model", "remedies", "settings"},
    # what would be sent, without anything outside
    "trial": {"errors", "intake", "mapping", "model", "schema_files", "settings"},
    # failed events back to the input
    "replay": {
        *("clock", "dead_letter", "errors", "fetched", "metadata", "model", "outcome", "outcomes", "output_topics"),
        *("connections", "replayed", "settings"),
    },
    "cli": {
        *("__init__", "check", "clock", "codes", "errors", "log", "mapping", "model", "outcomes", "replay", "sandbox"),
        *("schema_files", "service", "settings", "trial"),
    },
    "__main__": {"cli"},
    # what a machine needs to try it all: modules of one folder know each other, and nothing of the service
    "sandbox": {"errors"},
}

# The only modules that import a library, so that a swap or a fake is one file.
EDGES: dict[str, set[str]] = {
    "confluent_kafka": {
        "consumer",
        "fetched",
        "group_watch",
        "outcomes.reader",
        "output_topics",
        "publisher",
        "replay.reading",
        "replay.writing",
        "check",
        "sandbox",
    },
    "httpcore": {"wire"},
    "httpx": {"answer_body", "cxone", "wire", "check", "sandbox"},
    "http": {"cxone", "web.server"},
    "opentelemetry": {"telemetry"},
    "socketserver": {"web.server"},
    "time": {"clock", "sandbox"},
}

PURE = {
    "account",
    "cdc",
    "answers",
    "asking",
    "circuit",
    "coalesce",
    "codes",
    "conflict",
    "dead_letter",
    "decode",
    "dialogue",
    "errors",
    "failures",
    "figures",
    "flights",
    "giving_up",
    "health",
    "holds",
    "intake",
    "lanes",
    "ledger",
    "membership",
    "metadata",
    "model",
    "naming",
    "outbox",
    "outcome",
    "outcome_headers",
    "outcomes.order",
    "outcomes.published",
    "outcomes.run",
    "outcomes.shown",
    "outcomes.wanted",
    "ownership",
    "pace",
    "parking",
    "partitions",
    "payload",
    "probing",
    "records",
    "record_address",
    "recurring",
    "remedies",
    "replay.candidates",
    "replay.decision",
    "replay.evidence",
    "replay.original",
    "replay.ports",
    "replay.report",
    "replay.run",
    "replay.sending",
    "replayed",
    "rights",
    "steps",
    "superseded",
    "talk",
    "token",
    "usual",
    "validate",
    "web.findings",
    "web.probes",
}
WORLD = {
    "asyncio",
    "confluent_kafka",
    "httpx",
    "logging",
    "opentelemetry",
    "os",
    "queue",
    "requests",
    "select",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "structlog",
    "subprocess",
    "threading",
    "time",
    "urllib3",
}


def test_every_module_imports_only_what_the_table_allows() -> None:
    """The table names each module and what it may import, and nothing that does not exist."""
    assert rules.table_breaches(STREAM, MAY_IMPORT) == []


def test_each_library_has_its_edges() -> None:
    """Kafka, HTTP, telemetry and the clock are each touched in the files that are there for it, and nowhere else."""
    assert rules.edge_breaches(STREAM, EDGES) == []
    assert rules.clock_breaches(STREAM, EDGES["time"]) == []


def test_the_core_is_pure() -> None:
    """Nothing that decides can wait, talk, log or tell the time."""
    assert rules.purity_breaches(STREAM, PURE, WORLD) == []


def test_imports_go_one_way_and_do_not_know_the_packages_name() -> None:
    """No circle of imports, and `stream` can be renamed in one line."""
    assert rules.cycle_breaches(STREAM) == []
    assert rules.relative_breaches(STREAM, "stream") == []


def test_files_and_functions_are_short() -> None:
    """A file has at most 300 lines, a function 60 without its docstring, the median function 8."""
    assert rules.size_breaches(STREAM) == []


def test_tests_use_the_real_thing_and_say_what_they_hold() -> None:
    """No mocks, no replaced functions, no skips; each test has a sentence."""
    assert rules.test_breaches(TESTS) == []


def test_no_file_names_one_machine_or_a_registry() -> None:
    """What is tracked, or would be, holds no path of a developer's machine and no host of a package registry."""
    listing = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    files = [ROOT / name for name in names if name and (ROOT / name).is_file()]
    assert len(files) > len(STREAM)
    found = [breach for file in files for breach in rules.text_breaches(file.name, file.read_text(errors="replace"))]
    assert found == []


def _package(**sources: str) -> list[Module]:
    return [Module(name.replace("__", "."), text, text == "") for name, text in sources.items()]


def test_the_table_finds_a_forbidden_import_wherever_it_hides() -> None:
    """At the top, in a function, for types only, from a folder, and out of one: each forbidden import is named."""
    hidden = "def f():\n    from .b import x\n"
    for_types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import b\n"
    for text in ("from .b import x", "from . import b", hidden, for_types):
        assert rules.table_breaches(_package(a=text, b="x = 1"), {"a": set(), "b": set()}) == [
            "a imports b, which the table does not allow"
        ]
    folder = _package(a="", s="", s__x="from ..a import f\nfrom . import y", s__y="from .x import z")
    assert rules.table_breaches(folder, {"a": set(), "s": {"a"}}) == []
    assert rules.table_breaches(folder, {"a": set(), "s": set()}) == ["s.x imports a, which the table does not allow"]
    assert rules.table_breaches(folder, {"a": set(), "s": set(), "s.x": {"a"}}) == [
        "s.x imports s.y, which the table does not allow"
    ]


def test_the_table_must_be_whole() -> None:
    """A module that the table forgets, and an entry for a module that is gone, are both named."""
    assert rules.table_breaches(_package(a="x = 1"), {"b": set()}) == [
        "the table names b, which does not exist",
        "a is missing from the table: say what it may import",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "import httpx",
        "import httpx._client as h",
        "from httpx import Client",
        "def f():\n    import httpx",
        "import importlib\nhttpx = importlib.import_module('httpx')",
    ],
)
def test_a_library_away_from_its_edge_is_found(text: str) -> None:
    """Every way to import a library counts, and only in modules that are not its edge."""
    modules = _package(cxone=text, loop=text, cxone2=text)
    found = rules.edge_breaches(modules, {"httpx": {"cxone"}})
    assert found == ["loop imports httpx, which is for cxone only", "cxone2 imports httpx, which is for cxone only"]
    assert rules.purity_breaches(modules, {"loop"}, {"httpx"}) == ["loop is of the pure core and imports httpx"]


@pytest.mark.parametrize(
    "text", ["datetime.now()", "datetime.datetime.now(UTC)", "date.today()", "dt.datetime.utcnow()"]
)
def test_a_clock_that_is_read_is_found(text: str) -> None:
    """Asking `datetime` for the time is found outside the clock; a method of that name elsewhere is not."""
    assert rules.clock_breaches(_package(clock=text, lanes=text), {"clock"}) == ["lanes:1 reads the clock"]
    assert rules.clock_breaches(_package(lanes="clock.now()"), {"clock"}) == []


def test_a_circle_and_a_named_package_are_found() -> None:
    """A circle is told with its members; an absolute import of the own package is named."""
    circle = _package(a="from .b import x", b="def f():\n    from . import c", c="from .a import y")
    (told,) = rules.cycle_breaches(circle)
    assert told.startswith("imports go in a circle: ")
    assert rules.relative_breaches(_package(a="from stream.b import x"), "stream") == ["a imports stream by its name"]


def test_long_files_and_functions_are_found() -> None:
    """Length counts without the docstring; a long median is found even when no function is too long."""
    body = "    x = 1\n" * 59
    docstring = '    """Says.\n\n    More.\n    """\n'
    assert rules.size_breaches(_package(a=f"def f():\n{docstring}{body}def g(): pass\ndef h(): pass")) == []
    assert rules.size_breaches(_package(a=f"def f():\n    x = 2\n{body}", b="x = 1\n" * 301)) == [
        "b has 301 lines, more than 300",
        "a:f has 61 lines, more than 60",
        "the median function has 61 lines, more than 8",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "from unittest import mock",
        "import unittest.mock",
        "from unittest.mock import patch",
        "def test_it(mocker): 'Says.'",
        "monkeypatch.setattr(x, 'y', 1)",
        "pytest.skip('later')",
        "@pytest.mark.xfail\ndef test_it(): 'Says.'",
        "def test_it(): pass",
    ],
)
def test_a_test_that_cheats_is_found(line: str) -> None:
    """Mocks, replaced functions, skips and tests without a sentence are named, an environment variable is not."""
    assert len(rules.test_breaches(_package(test_a=line))) == 1
    assert rules.test_breaches(_package(test_a="def test_it(m): 'Says.'\nmonkeypatch.setenv('A', 'b')")) == []


def test_a_machines_path_and_a_registrys_host_are_found() -> None:
    """Both are named with their line; a path of an address or a relative one is not a machine's."""
    planted = "\n".join(["x", "see /" + "home/me/x", "from " + "pypi" + ".org"])
    assert len(rules.text_breaches("a.txt", planted)) == 2
    assert rules.text_breaches("a.txt", planted)[0].startswith("a.txt:2 names a machine's path")
    assert rules.text_breaches("a.txt", "https://example.org/home/x and ./work/x and ~/work/y") == []
