"""What a row of failures means: the datastore, or one of its batches."""

from __future__ import annotations

from stream.health import (
    DIFFERENT_BATCHES,
    FAILURES_IN_A_ROW,
    LAST_LIMIT_S,
    UNTRUE_IN_A_ROW,
    Health,
    Reaction,
    Tries,
)
from stream.model import Result

WAIT, HALVE, PARK, DISSOLVE = Reaction.WAIT, Reaction.HALVE, Reaction.PARK, Reaction.DISSOLVE


def reactions(health: Health, tries: Tries, count: int, *, records: int = 100) -> list[Reaction]:
    """Let a batch fail so often."""
    return [health.failed(tries, records) for _ in range(count)]


def test_different_batches_in_a_row_mean_the_datastore() -> None:
    """The third batch that fails while nothing passes holds the datastore, however often each of them failed."""
    health = Health()
    assert [health.failed(Tries(origin), 100) for origin in range(1, 4)] == [WAIT, WAIT, DISSOLVE]


def test_halves_count_as_their_batch() -> None:
    """Batches of one origin are not different ones."""
    health = Health()
    assert [health.failed(Tries(7), 100) for _ in range(DIFFERENT_BATCHES)] == [WAIT] * DIFFERENT_BATCHES


def test_a_pass_ends_the_row() -> None:
    """Between failures of different batches something passed: they are bad luck."""
    health = Health()
    for origin in range(50):
        assert health.failed(Tries(origin), 100) is WAIT
        health.passed(100, 0.0)


def test_one_batch_that_is_all_there_is_holds_its_datastore() -> None:
    """With nothing else to compare it with, its fifth failure means the datastore."""
    assert reactions(Health(), Tries(1), FAILURES_IN_A_ROW) == [WAIT] * (FAILURES_IN_A_ROW - 1) + [DISSOLVE]


def test_a_batch_that_fails_while_others_pass_is_halved() -> None:
    """At the fifth failure, as contract section 4.5 has it; its half at the next, once something has passed again."""
    health, tries = Health(), Tries(1)
    for _ in range(FAILURES_IN_A_ROW - 1):
        assert health.failed(tries, 100) is WAIT
        health.passed(100, 0.0)
    assert health.failed(tries, 100) is HALVE
    one, other = health.half_of(tries), health.half_of(tries)
    assert one.origin == other.origin == tries.origin
    assert health.failed(one, 50) is WAIT, "nothing has passed since: it may be the API"
    health.passed(50, 0.0)
    assert health.failed(one, 50) is HALVE


def test_halves_that_fail_together_mean_the_datastore() -> None:
    """The API went away when a batch was halved: it is not taken to pieces for that."""
    health, tries = Health(), Tries(1)
    for _ in range(FAILURES_IN_A_ROW):
        health.failed(tries, 100)
        health.passed(100, 0.0)
    halves = [health.half_of(tries), health.half_of(tries)]
    found = [health.failed(halves[number % 2], 50) for number in range(FAILURES_IN_A_ROW)]
    assert found == [WAIT] * (FAILURES_IN_A_ROW - 1) + [DISSOLVE]


def test_a_single_record_with_nothing_beside_it_is_not_parked() -> None:
    """It cannot be told from a dead datastore, however shortly before something has passed."""
    health = Health()
    health.passed(1, 0.0)
    assert reactions(health, Tries(1), FAILURES_IN_A_ROW, records=1)[-1] is DISSOLVE


def test_a_single_record_is_parked_while_others_pass() -> None:
    """However long its backoff makes that take."""
    health, tries = Health(), Tries(1)
    for failure in range(FAILURES_IN_A_ROW - 1):
        health.failed(tries, 1)
        health.passed(1, 1_000.0 * failure)
    assert health.failed(tries, 1) is PARK


def test_three_untrue_requests_in_a_row_are_too_many() -> None:
    """One that is applied truly ends the row; a refused one says nothing about it."""
    health = Health()
    told = [Result.INTEGRITY, Result.INTEGRITY, Result.APPLIED, Result.INTEGRITY, Result.REJECTED, Result.INTEGRITY]
    assert all(health.judge_truth(result) for result in told)
    assert not health.judge_truth(Result.INTEGRITY)
    assert UNTRUE_IN_A_ROW == 3


def fail_whole_batches(health: Health, records: int, now_s: float) -> None:
    """Let different batches of one size fail, and a single record pass."""
    for origin in range(DIFFERENT_BATCHES):
        health.failed(Tries(origin), records)
    health.learn_limit(now_s)
    health.passed(1, now_s)


def test_where_batches_fail_and_a_record_passes_smaller_batches_are_made() -> None:
    """Half of what failed, until that passes: an API may time out above so many records."""
    health = Health()
    assert health.most_records is None
    for failed, most in ((1000, 500), (500, 250), (3, 1), (2, 1)):
        fail_whole_batches(health, failed, 0.0)
        assert health.most_records == most


def test_larger_batches_are_tried_again_after_a_while() -> None:
    """Twice as large with each batch as large as the limit that passes, once it is late enough; in the end any size."""
    health = Health()
    fail_whole_batches(health, 900, 0.0)
    health.passed(450, 9.0)
    assert health.most_records == 450, "too early"
    health.passed(449, 11.0)
    assert health.most_records == 450, "not as large as the limit"
    health.passed(450, 12.0)
    assert health.most_records == 900
    health.passed(900, 12.1)
    assert health.most_records is None


def test_a_limit_that_is_found_again_and_again_is_kept_longer() -> None:
    """Each attempt may cost a time-out: the wait doubles up to ten minutes, and begins anew when all was well."""
    health, now_s, kept_s = Health(), 0.0, []
    for _ in range(9):
        fail_whole_batches(health, 1000, now_s)
        began_s = now_s
        while health.most_records is not None:
            now_s += 1.0
            health.passed(500, now_s)
        kept_s.append(now_s - began_s)
    assert kept_s == [10, 20, 40, 80, 160, 320, LAST_LIMIT_S, LAST_LIMIT_S, LAST_LIMIT_S]
    fail_whole_batches(health, 1000, now_s + 3 * LAST_LIMIT_S)
    health.passed(500, now_s + 3 * LAST_LIMIT_S + 10.0)
    assert health.most_records is None


def test_single_failures_teach_no_limit() -> None:
    """Where single records failed, the size of batches is not the reason."""
    health = Health()
    fail_whole_batches(health, 1, 0.0)
    assert health.most_records is None
