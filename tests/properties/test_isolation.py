"""Isolation under any set of bad records: everyone is told apart, and the number of refused requests is bounded."""

from __future__ import annotations

import random
from math import ceil, log2
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.model import Result
from stream.steps import Policy, Send

from ..builders import batch, event
from ..conversation import answer, lead
from ..model_api import ModelApi, Naming

if TYPE_CHECKING:
    from collections.abc import Collection

    from stream.steps import Read, RenewToken, Reply

    from ..conversation import Conversation

EVENTS = tuple(event(f"r{n:03}", offset=n) for n in range(1_000))
SMALLEST = tuple(each._replace(record=b"0") for each in EVENTS)
"""Nobody reads these: bytes only cost time where many dialogues are led."""
UNBOUNDED = Policy(probe_budget=10_000)


def isolate(count: int, bad: Collection[int]) -> Conversation:
    """Lead a dialogue about so many records, of which those at these places are bad and never named."""
    bad_ids = {EVENTS[place].record_id for place in bad}

    def perform(step: Send | Read | RenewToken) -> Reply:
        assert isinstance(step, Send)
        is_bad = any(each.record_id in bad_ids for each in step.batch.events)
        return answer(400 if is_bad else 200)

    said = lead(batch(*SMALLEST[:count]), perform, policy=UNBOUNDED)
    assert {name for name, result in said.results.items() if result is Result.REJECTED} == bad_ids
    assert list(said.results) == [each.record_id for each in EVENTS[:count]], "decided in their order"
    assert said.undecided == ()
    return said


def refusals(said: Conversation) -> int:
    """Count the refused requests."""
    return sum(not decided.verdict.result.succeeded for decided in said.told)


def test_one_bad_record_costs_at_most_the_logarithm_and_one() -> None:
    """Every size up to 1000 at its end and somewhere, every place of small sizes, and every seventh of the largest."""
    rng = random.Random(5)
    cases = {(count, place) for count in range(1, 41) for place in range(count)}
    cases |= {(1_000, place) for place in range(0, 1_000, 7)}
    for count in range(41, 1_000):
        cases |= {(count, place) for place in (count - 1, rng.randrange(count))}
    for count, place in sorted(cases):
        assert refusals(isolate(count, {place})) <= ceil(log2(count)) + 1, (count, place)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 1_000), st.data())
def test_some_bad_records_cost_their_share_of_the_logarithm(count: int, data: st.DataObject) -> None:
    """K bad ones among n: at most k (log2(n / k) + 2) refused requests, and never more than 2n - 1."""
    bad = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=20))
    assert refusals(isolate(count, bad)) <= min(len(bad) * (ceil(log2(count / len(bad))) + 2), 2 * count - 1)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=40),
    st.sets(st.integers(0, 39)),
    st.sampled_from(Naming),
    st.integers(150, 900),
)
def test_any_sizes_bad_records_and_names_end_in_the_truth(
    lengths: list[int], bad: set[int], naming: Naming, most_bytes: int
) -> None:
    """The bad and the too large are rejected, all others applied exactly once, whoever is named."""
    events = [event(f"r{n}", offset=n, name_length=length) for n, length in enumerate(lengths)]
    api = ModelApi(bad=dict.fromkeys((f"r{n}" for n in bad), 422), naming=naming, most_bytes=most_bytes)
    said = lead(batch(*events), api.perform, policy=UNBOUNDED)
    for n, each in enumerate(events):
        is_too_large = len(batch(each).body) > most_bytes
        rejected = n in bad or is_too_large
        assert (said.results[each.record_id] is Result.REJECTED) == rejected
        assert api.applied[each.record_id] == (not rejected)
    assert len(said.results) == len(events)
