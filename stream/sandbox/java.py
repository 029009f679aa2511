"""How Java programs are run here: small, writing nothing outside of their directory, and by nobody else's options."""

from __future__ import annotations

import os

JAVA_OPTIONS = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Quick to start, and small on a machine with two cores for everything; a benchmark gives its own."""

JAVA_ALWAYS = (
    "-XX:-UsePerfData",
    "-Djava.io.tmpdir=tmp",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)
"""Relative paths: Java writes below its working directory only, so that everything goes with it, even after kill -9."""

_FOREIGN_JAVA_VARIABLES = frozenset({"CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"})


def java_environ() -> dict[str, str]:
    """Return this process's environment without what would change a Java program's options or classes."""
    return {name: value for name, value in os.environ.items() if name not in _FOREIGN_JAVA_VARIABLES}
