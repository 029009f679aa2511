"""Lets promtool judge the alerts, and play each of them: when it fires, and when it stays silent.

`python -m tests.chart.rules`, or `make chart-rules`. What is played is what Helm makes of the chart, not its source.
"""

from __future__ import annotations

import subprocess
import sys

import yaml

from .modules import CACHE
from .plays import promtool_tests
from .rendering import documents, only, rendered

PROMTOOL = CACHE / "bin" / "promtool"
RULES, PLAYS = "rules.yaml", "plays.yaml"


def main() -> int:
    """Write the rendered rules beside the plays, and return promtool's exit code."""
    folder = CACHE / "rules"
    folder.mkdir(parents=True, exist_ok=True)
    rules = only(documents(rendered("monitored")), "PrometheusRule")["spec"]
    (folder / RULES).write_text(yaml.safe_dump(rules), encoding="utf-8")
    (folder / PLAYS).write_text(yaml.safe_dump(promtool_tests(RULES)), encoding="utf-8")
    for command in (["check", "rules", "--lint=all", "--lint-fatal", RULES], ["test", "rules", PLAYS]):
        done = subprocess.run([PROMTOOL, *command], cwd=folder, check=False)
        if done.returncode != 0:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
