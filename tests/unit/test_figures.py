"""Figures of the recent past: rates, quantiles, counts by datastore, each bounded."""

from __future__ import annotations

from stream.figures import MAX_DATASTORES, MAX_SAMPLES, Datastores, Rates, Samples, quantiles
from stream.snapshot import Quantiles


def test_a_rate_is_what_was_added_over_the_window() -> None:
    """The first look knows no rate; later ones measure over the window, not since the start."""
    rates = Rates(over_s=10.0)
    assert rates.look({"a": 5}, 0.0) == {"a": 0.0}
    found = [rates.look({"a": 5 + 100 * second}, float(second))["a"] for second in range(1, 31)]
    assert found == [100.0] * 30
    for second in range(31, 42):
        last = rates.look({"a": 3005, "b": 7}, float(second))
    assert last["a"] == 0.0
    assert last["b"] == 0.0


def test_quantiles_are_values_that_were_measured() -> None:
    """The half and the 99 % are by nearest rank; of nothing there are none."""
    assert quantiles([]) == Quantiles(0, None, None)
    assert quantiles([7.0]) == Quantiles(1, 7.0, 7.0)
    assert quantiles(map(float, range(1, 101))) == Quantiles(100, 50.0, 99.0)


def test_samples_forget_what_is_older_than_a_minute_and_are_bounded() -> None:
    """Only the last minute counts, and of a flood the newest."""
    assert Samples().mean is None
    samples = Samples()
    samples.add(1000.0, 0.0)
    samples.add(10.0, 50.0)
    assert samples.quantiles(70.0) == Quantiles(1, 10.0, 10.0)
    for number in range(3 * MAX_SAMPLES):
        samples.add(float(number), 71.0)
    assert samples.quantiles(72.0).count == MAX_SAMPLES
    assert samples.mean is not None
    assert samples.mean > 2 * MAX_SAMPLES


def test_counts_of_datastores_fade_and_are_bounded() -> None:
    """What was counted is there for half a minute at least and a minute at most; no flood of names is kept."""
    counts = Datastores()
    assert counts.look(0.0) == {}
    counts.count("people", 3, succeeded=True)
    counts.count("people", 2, succeeded=False)
    seen = [counts.look(float(now_s)).get("people") for now_s in (29, 30, 59)]
    assert [(each.succeeded, each.failed) for each in seen if each] == [(3, 2)] * 3
    counts.look(60.0)
    assert counts.look(61.0) == {}
    for number in range(2 * MAX_DATASTORES):
        counts.count(f"store-{number}", 1, succeeded=True)
    assert len(counts.look(62.0)) == MAX_DATASTORES


def test_both_halves_of_a_datastores_minute_count() -> None:
    """Counts and latencies of the half before are added to those of now."""
    counts = Datastores()
    counts.look(0.0)
    for latency_ms, now_s in ((10.0, 30.0), (20.0, 31.0)):
        counts.count("people", 1, succeeded=True)
        kept = counts.of("people")
        assert kept is not None
        kept.latencies_ms.append(latency_ms)
        found = counts.look(now_s)
    assert found["people"].succeeded == 2
    assert list(found["people"].latencies_ms) == [10.0, 20.0]
