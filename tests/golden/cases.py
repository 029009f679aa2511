"""Runs each golden file as `cxone-stream try --json` does."""

from __future__ import annotations

from pathlib import Path

from stream.trial import Reading, TrialOptions, load_trial, run_trial

HERE = Path(__file__).parent
NAMES = tuple(sorted(path.name.removesuffix(".expected.jsonl") for path in HERE.glob("*.expected.jsonl")))


def results(name: str) -> list[str]:
    """Return what is said of each message of a golden file, as JSON lines."""
    said: list[str] = []
    intake, topic = load_trial({}, HERE, HERE / f"{name}.toml")
    run_trial(TrialOptions(HERE / f"{name}.jsonl", topic, Reading.MESSAGE, as_json=True), intake, said.append)
    return said
