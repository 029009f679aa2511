"""The metrics as Prometheus scrapes them: what one request, one refusal, one transaction add to them."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from stream.circuit import Change, ChangeKind
from stream.codes import ErrorCode
from stream.flights import Flights, InFlightLimits
from stream.intake import Unfit
from stream.model import Decided, Defect, Result, Ruling, Verdict
from stream.observer import Called, TookIn
from stream.outbox import State, Transaction
from stream.partitions import Phase
from stream.standing import PartitionStanding, Standing
from stream.status import EverythingHeld, Status, Tally
from stream.steps import Policy, Scope, Wait
from stream.telemetry import names
from stream.telemetry.choice import choose
from stream.telemetry.gauges import Gauges
from stream.telemetry.metrics import Metrics
from stream.telemetry.moments import Moments
from stream.telemetry.place import Place
from stream.telemetry.providers import Providers

from ..builders import OTHER_PARTITION, PARTITION, event, settled
from .test_telemetry_parts import HandClock

if TYPE_CHECKING:
    from stream.flights import Flight

DOCS = Path(__file__).parents[2] / "docs" / "telemetry.md"
PLACE = Place(
    {names.SERVER_ADDRESS: "api.example", names.SERVER_PORT: 443},
    {"execute": "/execute", "read": "/read", "token": "/token"},
    "group",
    "outcomes",
    10,
    4_194_304,
)


class Scraped:
    """Metrics with a page to scrape."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.providers = Providers(choose({}, has_http=True), None)
        meter = self.providers.meter()
        assert meter is not None
        self.metrics = Metrics(meter, PLACE, Moments(self.clock))
        self.gauges = Gauges(meter)
        self._flights = Flights(InFlightLimits(8, 4), Policy(), random.Random(1))

    def fly(self, count: int) -> Flight:
        """Hand out a batch whose events arrived a second ago."""
        events = tuple(event(f"r{number}", offset=number, arrived_s=self.clock.now_s - 1.0) for number in range(count))
        flight = self._flights.launch(events)
        self.metrics.handed_out(flight, self.clock.now_s)
        return flight

    def scrape(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Read the page as Prometheus does; of a histogram its count and sum."""
        families = text_string_to_metric_families(self.providers.scrape().decode())
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
            if not sample.name.endswith(("_bucket", "_created"))
        }

    def value(self, name: str, **labels: str) -> float:
        """Return one sample."""
        return self.scrape()[name, tuple(sorted(labels.items()))]


def test_a_request_is_counted_by_what_became_of_its_events() -> None:
    """Each event counts once under its own result, the request once; a second telling of it adds no request."""
    scraped = Scraped()
    flight = scraped.fly(3)
    ruling = Ruling(Result.SKIPPED_STALE, None, 7, confirmed=True)
    verdict = Verdict(Result.APPLIED, 200, 12.5, 1, rulings={"r1": ruling})
    first = Decided(flight.batch, verdict, flight.batch.events[:2])
    scraped.metrics.decided(first, [settled(0), settled(1)._replace(result=Result.SKIPPED_STALE)], scraped.clock.now_s)
    later = Decided(flight.batch, verdict, flight.batch.events[2:], has_line=True)
    scraped.metrics.decided(later, [settled(2)], scraped.clock.now_s)
    labels = {"cxone_datastore_id": "people"}
    assert scraped.value("cxone_delta_events_total", **labels, cxone_result="APPLIED") == 2
    assert scraped.value("cxone_delta_events_total", **labels, cxone_result="SKIPPED_STALE") == 1
    assert scraped.value("cxone_delta_requests_total", **labels, cxone_status="success") == 1


def test_stages_tell_where_the_time_went() -> None:
    """Lane, call, publishing and commit are timed by the loop's clock; the outcome's age by the calendar."""
    scraped = Scraped()
    flight = scraped.fly(5)
    clock, metrics = scraped.clock, scraped.metrics
    metrics.called(Called("execute", "PATCH", "b", 200, None, clock.now_s, clock.now_s + 0.2, 100))
    outcomes = tuple(settled(number) for number in range(5))
    verdict = Verdict(Result.APPLIED, 200, 12.5, 1)
    metrics.decided(Decided(flight.batch, verdict, flight.batch.events), outcomes, clock.now_s)
    transaction = Transaction("nonce", outcomes, (), None)
    metrics.filled(transaction, clock.now_s + 0.5)
    clock.now_ms += 3_000
    metrics.committed(transaction, clock.now_s + 0.75)
    sums = {"lane": 1.0, "http": 0.2, "publish": 0.5, "commit": 0.25}
    for stage, sum_s in sums.items():
        assert round(scraped.value("cxone_delta_stage_duration_seconds_sum", cxone_stage=stage), 6) == sum_s
    assert scraped.value("cxone_delta_produce_to_outcome_duration_seconds_sum") == 3.0
    assert scraped.value("cxone_delta_batch_fill_sum") == 0.5
    assert scraped.value("cxone_delta_batch_size_sum") == 5


def test_what_goes_wrong_is_counted_by_its_cause() -> None:
    """Repeats, calls, tokens, producers, transactions, holds, suspects: each has a counter with a short cause."""
    scraped = Scraped()
    metrics, flight = scraped.metrics, scraped.fly(2)
    metrics.waits(flight, Wait(1.0, "503", Scope.REQUEST, flight.batch.events, 503), 0.0)
    metrics.called(Called("execute", "PATCH", "b", None, "timeout", 0.0, 30.0, 1))
    metrics.token_renewed("no")
    metrics.rebuilds("why")
    metrics.aborted(Transaction("n", (), (), None), 0.0)
    metrics.changed(Change(ChangeKind.DATASTORE_HELD, "why", 0.0, "people"), 0.0)
    metrics.came_late([settled(1)])
    metrics.rebalanced("lost", [PARTITION])
    values = scraped.scrape()
    assert values["cxone_delta_retries_total", (("error_type", "503"),)] == 1
    assert values["cxone_delta_suspects_total", (("cxone_cause", "lost_answer"),)] == 2
    assert values["cxone_delta_token_renewals_total", (("cxone_status", "failed"),)] == 1
    assert values["cxone_delta_producer_rebuilds_total", ()] == 1
    assert values["cxone_delta_transactions_total", (("cxone_status", "aborted"),)] == 1
    assert values["cxone_delta_changes_total", (("cxone_change", "datastore_held"),)] == 1
    assert values["cxone_delta_late_outcomes_total", ()] == 1
    assert values["cxone_delta_rebalances_total", (("cxone_change", "lost"),)] == 1
    timeout = [labels for name, labels in values if name == "http_client_request_duration_seconds_count"]
    assert ("error_type", "timeout") in timeout[0]


def test_refused_events_are_counted_and_their_names_are_bounded() -> None:
    """An unfit message counts under the datastore that it names, `unknown` without one, `other` beyond the bound."""
    scraped = Scraped()
    defect = Defect(ErrorCode.NOT_AN_OBJECT, "no")
    unfit = [Unfit(Result.INVALID, defect, f"made-up-{number}") for number in range(30)]
    unfit.append(Unfit(Result.INVALID, defect))
    outcomes = [settled(number, fit=False) for number in range(31)]
    scraped.metrics.took_in(TookIn(PARTITION, 40, 3, unfit, outcomes, 0.0, 0.0, 0.1))
    events = {dict(labels)["cxone_datastore_id"]: v for (n, labels), v in scraped.scrape().items() if "events" in n}
    assert (events["unknown"], events["other"], len(events)) == (1, 14, 18)
    assert sum(events.values()) == 31
    assert scraped.value("cxone_delta_suspects_total", cxone_cause="takeover") == 3


def test_gauges_tell_what_stands_now() -> None:
    """Each figure of the last look is there; a partition that is gone, and a lag that is not known, are not."""
    scraped = Scraped()
    partitions = (
        PartitionStanding(PARTITION, Phase.FLOWING, "", 5, 1_000, 8_192, is_paused=True),
        PartitionStanding(OTHER_PARTITION, Phase.REFUSED, "why", None, None, 0, is_paused=False),
    )
    status = Status(EverythingHeld("why", 1.0, 1.0), (), 2, (), 3)
    standing = Standing(
        now_s=1.0,
        is_member=True,
        partitions=partitions,
        lanes=1,
        ready=7,
        on_wire=2,
        waiting=3,
        most_on_wire=8,
        buffer_used_bytes=1_024,
        buffer_bytes=2_048,
        outbox=9,
        outbox_state=State.OPEN,
        outbox_since_s=0.0,
        datastores=(),
        status=status,
        tally=Tally(4, 3, 100.0),
    )
    scraped.gauges.stands(standing)
    values = scraped.scrape()
    place = (("messaging_destination_name", "deltas"), ("messaging_destination_partition_id", "0"))
    assert values["cxone_delta_lag", place] == 1_000
    assert values["cxone_delta_window_used", place] == 0.5
    assert sum(name == "cxone_delta_lag" for name, _ in values) == 1
    states = {dict(labels)["cxone_state"]: v for (n, labels), v in values.items() if n == "cxone_delta_partitions"}
    assert states == {"flowing": 0, "paused": 1, "starting": 0, "refused": 1}
    alone = {name: value for (name, labels), value in values.items() if not labels}
    assert alone["cxone_delta_outage"] == 1
    assert (alone["cxone_delta_held"], alone["cxone_delta_parked"]) == (2, 3)
    assert (alone["cxone_delta_in_flight"], alone["cxone_delta_waiting"], alone["cxone_delta_ready"]) == (2, 3, 7)
    assert (alone["cxone_delta_buffer_used_bytes"], alone["cxone_delta_success_rate_percent"]) == (1_024, 75.0)


def test_every_name_stands_in_the_documents_tables() -> None:
    """Each metric has its row, with unit, attributes and meaning, and each attribute and span is explained."""
    text = DOCS.read_text()
    for metric in names.METRICS:
        attributes = ", ".join(f"`{name}`" for name in metric.attributes) or "none"
        assert f"| `{metric.name}` | {metric.unit} | {attributes} | {metric.meaning} |\n" in text
    own = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
    explained = set(re.findall(r"`([^`\n]+)`", text))
    not_explained = own - explained - {names.SCHEMA_URL, names.OTHER, names.VALIDATE, names.LANE}
    assert not_explained == set()
    declared = {metric.name for metric in names.METRICS}
    assert {name for name in explained if name.startswith("cxone.delta.")} <= declared
