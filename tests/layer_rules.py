"""Reads source as syntax trees and names what breaks a rule of the house; the rules' tables stand in `test_layers.py`.

Every function takes what it judges and returns sentences, one for each breach: an empty list is the proof.
"""

from __future__ import annotations

import ast
import graphlib
import re
import statistics
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

ROOT_MODULE = "__init__"
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60
MAX_MEDIAN_FUNCTION_LINES = 8

_Function = ast.FunctionDef | ast.AsyncFunctionDef

_CLOCK_CALLS = frozenset({"now", "today", "utcnow"})
_MOCK_NAMES = frozenset({"AsyncMock", "MagicMock", "Mock", "mocker"})
_SKIPS = frozenset({"importorskip", "skip", "skipif", "xfail"})

# With brackets, so that this file does not break the rule itself.
_MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:[h]ome|[r]oot|[U]sers|[w]ork)/\w")
_REGISTRY_HOST = re.compile(r"py[p]i\.org|python[h]osted\.org|maven\.[a]pache\.org|maven[.]org|registry\.[n]pmjs")


@dataclass(frozen=True)
class Module:
    """One source file of a package; `name` is dotted and without the package: `lanes`, `sandbox.kafka`, `sandbox`."""

    name: str
    text: str
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)

    @property
    def folder(self) -> tuple[str, ...]:
        """Where relative imports start, as parts of a dotted name."""
        parts = () if self.name == ROOT_MODULE else tuple(self.name.split("."))
        return parts if self.is_package else parts[:-1]


def read_modules(package: Path) -> list[Module]:
    """Return every module below a directory."""
    return [_read_module(package, file) for file in sorted(package.rglob("*.py"))]


def _read_module(package: Path, file: Path) -> Module:
    parts = file.relative_to(package).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts) or ROOT_MODULE
    return Module(name, file.read_text(), is_package)


def covers(names: Iterable[str], module: str) -> bool:
    """Return whether a module is one of `names` or lies in one of them."""
    return any(module == name or module.startswith(f"{name}.") for name in names)


def foreign_imports(module: Module) -> set[str]:
    """Return the top names of everything imported absolutely, inside functions and for types only included."""
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"}:
            found |= {str(a.value).split(".")[0] for a in node.args[:1] if isinstance(a, ast.Constant)}
    return found


def own_imports(module: Module, names: Collection[str]) -> set[str]:
    """Return the modules of the same package that a module imports, given the names of all of them."""
    return {
        target
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level > 0
        for target in _targets(module, node, names)
    }


def _targets(module: Module, node: ast.ImportFrom, names: Collection[str]) -> Iterator[str]:
    folder = module.folder[: len(module.folder) - (node.level - 1)]
    base = [*folder, *(node.module.split(".") if node.module else [])]
    for alias in node.names:
        deeper = ".".join([*base, alias.name])
        yield deeper if deeper in names else ".".join(base) or ROOT_MODULE


def table_breaches(modules: list[Module], may_import: Mapping[str, Collection[str]]) -> list[str]:
    """Judge who imports whom.

    Args:
        modules: the whole package.
        may_import: what each module may import; an entry for a folder speaks for the modules in it that have none of
            their own, and these may import each other.
    """
    names = {module.name for module in modules}
    found = [f"the table names {name}, which does not exist" for name in may_import if not _exists(name, names)]
    for module in modules:
        entry = _entry(module.name, may_import)
        if entry is None:
            found.append(f"{module.name} is missing from the table: say what it may import")
            continue
        allowed = [*may_import[entry], *([entry] if entry != module.name or module.is_package else [])]
        wrong = sorted(t for t in own_imports(module, names) if not covers(allowed, t))
        found += [f"{module.name} imports {target}, which the table does not allow" for target in wrong]
    return found


def _exists(name: str, names: Collection[str]) -> bool:
    return any(covers([name], known) for known in names)


def _entry(name: str, may_import: Mapping[str, Collection[str]]) -> str | None:
    return max((key for key in may_import if covers([key], name)), key=len, default=None)


def edge_breaches(modules: list[Module], edges: Mapping[str, Collection[str]]) -> list[str]:
    """Judge that a library is imported by its own edges only: `edges` gives, for each library, its modules."""
    return [
        f"{module.name} imports {library}, which is for {', '.join(sorted(allowed))} only"
        for library, allowed in edges.items()
        for module in modules
        if library in foreign_imports(module) and not covers(allowed, module.name)
    ]


def purity_breaches(modules: list[Module], pure: Collection[str], forbidden: Collection[str]) -> list[str]:
    """Judge that the modules of the pure core import nothing that waits, talks, logs or tells the time."""
    return [
        f"{module.name} is of the pure core and imports {library}"
        for module in modules
        if covers(pure, module.name)
        for library in sorted(foreign_imports(module) & set(forbidden))
    ]


def clock_breaches(modules: list[Module], allowed: Collection[str]) -> list[str]:
    """Judge that nobody else asks what time it is: `datetime.now()` and its kin (the `time` module is an edge)."""
    return [
        f"{module.name}:{node.lineno} reads the clock"
        for module in modules
        if not covers(allowed, module.name)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and _called(node) in _CLOCK_CALLS and _of_datetime(node.func)
    ]


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _of_datetime(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and bool({"date", "datetime", "dt"} & set(_names(function.value)))


def _names(expression: ast.expr) -> Iterator[str]:
    for node in ast.walk(expression):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def relative_breaches(modules: list[Module], package: str) -> list[str]:
    """Judge that a package imports itself relatively: its name must be free to change."""
    return [f"{module.name} imports {package} by its name" for module in modules if package in foreign_imports(module)]


def cycle_breaches(modules: list[Module]) -> list[str]:
    """Judge that imports, those for types only included, make no circle."""
    names = {module.name for module in modules}
    graph = {module.name: own_imports(module, names) - {module.name} for module in modules}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [f"imports go in a circle: {' <- '.join(error.args[1])}"]
    return []


def size_breaches(modules: list[Module]) -> list[str]:
    """Judge the length of files, of functions without their docstrings, and of the median function."""
    found = [
        f"{module.name} has {lines} lines, more than {MAX_FILE_LINES}"
        for module in modules
        if (lines := len(module.text.splitlines())) > MAX_FILE_LINES
    ]
    lengths = [(f"{module.name}:{f.name}", _length(f)) for module in modules for f in _functions(module)]
    found += [f"{name} has {n} lines, more than {MAX_FUNCTION_LINES}" for name, n in lengths if n > MAX_FUNCTION_LINES]
    median = statistics.median(n for _, n in lengths) if lengths else 0
    if median > MAX_MEDIAN_FUNCTION_LINES:
        found.append(f"the median function has {median:g} lines, more than {MAX_MEDIAN_FUNCTION_LINES}")
    return found


def _functions(module: Module) -> Iterator[_Function]:
    return (node for node in ast.walk(module.tree) if isinstance(node, _Function))


def _length(function: _Function) -> int:
    first = function.body[0]
    has_docstring = ast.get_docstring(function) is not None
    return _lines(function) - (_lines(first) if has_docstring else 0)


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_breaches(modules: list[Module]) -> list[str]:
    """Judge that tests replace no functions, are never skipped, and say what they hold."""
    return [f"{module.name}:{line} {what}" for module in modules for line, what in _test_breaches(module)]


def _test_breaches(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom | ast.Import) and "mock" in ast.unparse(node).replace(".", " ").split():
            yield node.lineno, "imports mock: write a fake beside what it stands for"
        elif (
            isinstance(node, ast.Name | ast.arg)
            and (node.id if isinstance(node, ast.Name) else node.arg) in _MOCK_NAMES
        ):
            yield node.lineno, "uses a mock: write a fake beside what it stands for"
        elif isinstance(node, ast.Attribute) and "monkeypatch" in _names(node) and node.attr == "setattr":
            yield node.lineno, "replaces a function: give the parts as arguments"
        elif isinstance(node, ast.Attribute) and "pytest" in _names(node) and node.attr in _SKIPS:
            yield node.lineno, "may be skipped"
        elif isinstance(node, _Function) and node.name.startswith("test_") and not ast.get_docstring(node):
            yield node.lineno, f"{node.name} does not say what it holds"


def text_breaches(name: str, text: str) -> list[str]:
    """Judge that a file names no path of one machine and no host of a package registry."""
    found = [(match.start(), f"a machine's path, {match[0]}…") for match in _MACHINE_PATH.finditer(text)]
    found += [(match.start(), f"a registry's host, {match[0]}") for match in _REGISTRY_HOST.finditer(text)]
    return [f"{name}:{text.count(chr(10), 0, at) + 1} names {what}" for at, what in sorted(found)]
