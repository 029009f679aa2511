"""The simulator keeps the promises, replays exactly, tests what it says it tests, and condemns each planted bug."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .bugs import BUGS
from .crew import Tally, run_all
from .faults import Weather
from .plan import draw_window
from .run import Report, play, play_plan, silent_logs
from .weather import IN_SPELLS_ONLY, WEATHERS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
QUICK_SEEDS = 400
MAX_SEEDS_FOR_A_BUG = 2_000
TWELVE = {
    *("settle before publish", "drop the settled set", "commit past a gap", "reuse an old epoch", "forget a retry"),
    *("swap two events of a record", "release a record before commit", "resolve without nonce"),
    *("treat 429 as refusal", "merge two partitions' offsets", "retry after revocation"),
    "lose the first half of a bisection",
}
RESULTS = ("APPLIED", "ALREADY_APPLIED", "SKIPPED_STALE", "CONFLICT", "REJECTED", "INTEGRITY", "SUPERSEDED")

MENDED = (2377, 50621, 53469)
"""A good record was never probed in an outage; a datastore that failed while no token was to be had went on with four
requests at once; a dialogue sent a request after its partitions had been lost, and the loss told as a revocation."""

FAULTS = (
    *(f"api_{each}" for each in WEATHERS if each is not Weather.FINE and each not in IN_SPELLS_ONLY),
    *("in_spell_refusing", "in_spell_forbidden", "in_spell_silent", "in_spell_odd", "tokens_denied", "tokens_revoked"),
    *("refused_400", "refused_404", "refused_409", "refused_413", "refused_422", "too_large", "too_many_to_be_quick"),
    *("broken_by_a_record", "foreign_writes", "read_back", "rebased", "patient_runs", "partitions_added"),
    *("polls_too_late", "lost_told_as_revoked", "partitions_orphaned", "ownership_mended", "permits_needed"),
    *(f"outcome_{result.lower()}" for result in RESULTS),
    *("kills_on_wire", "kills_in_transaction", "freezes", "twins", "stalls", "cuts", "terms", "broker_outages"),
    *("rebalances", "revocations", "lost", "sessions_expired", "static_returns", "leases_lost", "stale_generation"),
    *("aborts", "unknown_ends", "late_commits", "transaction_hang", "hanging_starts", "fenced", "transaction_timeouts"),
    *("lost_answers", "late_applications", "double_executions", "tokens_renewed", "pauses"),
    *("at_arrived", "at_answered", "at_produced", "at_offsets_sent", "at_ended", "at_revoking"),
    *("groups", "groups_refused", "groups_replayed"),
)
"""What must have befallen somebody within the quick seeds, or the simulator tests less than it says."""


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """Keep the service's log out of the tests' output."""
    with silent_logs():
        yield


def test_every_promise_is_kept_whatever_befalls() -> None:
    """Some hundred seeds: no promise is broken, and every fault of the list has struck at least once."""
    tally = Tally()
    for summary in run_all(range(QUICK_SEEDS), None, jobs=1):
        tally.add(summary)
    assert tally.broken == {}
    assert [fault for fault in FAULTS if not tally.counts[fault]] == []


@pytest.mark.parametrize("seed", MENDED)
def test_what_was_mended_stays_mended(seed: int) -> None:
    """Of 100,000 seeds these found faults of the service; each keeps its promises since."""
    assert play(seed).broken is None


def test_how_many_share_the_work_changes_nothing() -> None:
    """The same seeds come to the same, in one process and in two."""
    command = [sys.executable, "-m", "tests.simulator", "--seeds", "20", "--jobs"]
    told = [
        subprocess.run([*command, jobs], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        for jobs in ("1", "2")
    ]
    one, two = ([line for line in each.splitlines() if " seeds in " not in line] for each in told)
    assert one == two
    assert len(one) > 50


def test_the_bugs_that_were_asked_for_are_planted() -> None:
    """The twelve worst are among them."""
    assert set(BUGS) >= TWELVE


@pytest.mark.parametrize("seed", [0, 1], ids=["dense offsets", "sparse offsets"])
def test_a_window_is_never_passed(seed: int) -> None:
    """One event that cannot be decided stops its partition at the window or the metadata's bound; then all is done."""
    report = play_plan(draw_window(seed))
    assert report.broken is None
    assert report.counts["pauses"] > 0
    assert seed == 1 or report.counts["full_windows"] > 0


def test_a_seed_replays_exactly() -> None:
    """The same seed gives the same trace, in this process and in another one with other hashes."""
    digest = play(7).digest
    assert play(7).digest == digest
    assert play(8).digest != digest
    command = [sys.executable, "-m", "tests.simulator", "--seed", "7"]
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    told = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    assert told.endswith(f"digest {digest}\n")


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str) -> None:
    """Each bug that is planted on purpose breaks a promise within the seeds that CI runs."""
    reports = (play(seed, BUGS[bug]) for seed in range(MAX_SEEDS_FOR_A_BUG))
    found: Report | None = next((report for report in reports if report.broken is not None), None)
    assert found is not None
    assert found.trace[-1].what == "BROKEN"


def test_a_broken_promise_is_told_with_its_seed() -> None:
    """The command ends with 1, and names the seed, the promise and the way to replay it."""
    command = [sys.executable, "-m", "tests.simulator", "--seeds", "3", "--bug", "swallow one produce"]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "seed 0 broke offsets: " in ended.stdout
    assert "python -m tests.simulator --seed 0" in ended.stdout
