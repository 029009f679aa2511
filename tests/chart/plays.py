"""For each alert, what makes it fire, and the nearest thing that must not: series as promtool writes them.

Times are minutes: one value for each. `a+bxn` begins at `a` and adds `b` n times; `_` is no value.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Series = dict[str, str]


class Play(NamedTuple):
    """What is seen for a while, and whether an alert fires at its end."""

    alert: str
    title: str
    series: Series
    at: str
    fires: int
    """How many times, one for each set of labels; 0: silent."""


EVENTS = "cxone_delta_events_total"
BUFFER = "cxone_delta_buffer_used_bytes"
COMMITTED = 'cxone_delta_transactions_total{cxone_status="committed"}'
LAG = 'cxone_delta_lag{messaging_destination_name="cxone.deltas",messaging_destination_partition_id="0"}'
WINDOW = LAG.replace("lag", "window_used")
FAILED = 'cxone_delta_token_renewals_total{cxone_status="failed"}'
RENEWED = 'cxone_delta_token_renewals_total{cxone_status="success"}'
REFUSED = 'cxone_delta_partitions{cxone_state="refused"}'
LIMITED = 'cxone_delta_retries_total{error_type="429"}'
REQUESTS = 'cxone_delta_requests_total{cxone_datastore_id="people",cxone_status="success"}'
STARTED = "process_start_time_seconds"


def _of(result: str, datastore_id: str = "people") -> str:
    return f'{EVENTS}{{cxone_datastore_id="{datastore_id}",cxone_result="{result}"}}'


PLAYS = (
    Play("CxoneStreamDown", "no pod answers", {"up": "0x20"}, "6m", 1),
    Play("CxoneStreamDown", "nothing is known of any pod", {}, "6m", 1),
    Play("CxoneStreamDown", "one of two answers", {"up": "0x20", "up#1": "1x20"}, "20m", 0),
    Play("CxoneStreamDown", "a scrape fails for a moment", {"up": "1x5 0 0 0 1x10"}, "9m", 0),
    Play("CxoneStreamOutage", "everything is held", {"cxone_delta_outage": "1x20"}, "6m", 1),
    Play("CxoneStreamOutage", "for two minutes", {"cxone_delta_outage": "0x5 1 1 0x10"}, "8m", 0),
    Play("CxoneStreamTokenFails", "each call fails", {FAILED: "0+1x40", RENEWED: "3x40"}, "30m", 1),
    Play("CxoneStreamTokenFails", "none has ever passed", {FAILED: "0+1x40"}, "30m", 1),
    Play("CxoneStreamTokenFails", "one fails, the next passes", {FAILED: "0x5 1x30", RENEWED: "3x6 4x30"}, "15m", 0),
    Play("CxoneStreamDatastoreHeld", "for a quarter of an hour", {"cxone_delta_held": "1x20"}, "15m", 1),
    Play("CxoneStreamDatastoreHeld", "released by a probe", {"cxone_delta_held": "1x5 0x20"}, "15m", 0),
    Play("CxoneStreamRecordParked", "for twenty minutes", {"cxone_delta_parked": "1x25"}, "20m", 1),
    Play("CxoneStreamRecordParked", "decided meanwhile", {"cxone_delta_parked": "1x10 0x20"}, "20m", 0),
    Play("CxoneStreamPartitionRefused", "an offset outside of the log", {REFUSED: "1x20"}, "6m", 1),
    Play("CxoneStreamPartitionRefused", "all flow", {REFUSED: "0x20"}, "10m", 0),
    Play("CxoneStreamWindowFull", "held back by one event", {WINDOW: "1x20"}, "11m", 1),
    Play("CxoneStreamWindowFull", "half full", {WINDOW: "0.5x20"}, "15m", 0),
    Play("CxoneStreamNoProgress", "events wait, nothing is committed", {LAG: "500x40", COMMITTED: "9x40"}, "30m", 1),
    Play("CxoneStreamNoProgress", "nothing was ever committed", {LAG: "500x40"}, "30m", 1),
    Play("CxoneStreamNoProgress", "commits go on", {LAG: "500x40", COMMITTED: "9+1x40"}, "30m", 0),
    Play("CxoneStreamNoProgress", "one event waits", {LAG: "1x40", BUFFER: "300x40", COMMITTED: "9x40"}, "30m", 1),
    Play("CxoneStreamNoProgress", "a marker at the end", {LAG: "1x40", BUFFER: "0x40", COMMITTED: "9x40"}, "30m", 0),
    Play(
        "CxoneStreamNoProgress",
        "an outage has its own alert",
        {LAG: "500x40", COMMITTED: "9x40", "cxone_delta_outage": "1x40"},
        "30m",
        0,
    ),
    Play("CxoneStreamLagGrows", "more comes in than goes out", {LAG: "150000+1000x60"}, "40m", 1),
    Play("CxoneStreamLagGrows", "a backlog that shrinks", {LAG: "900000-1000x60"}, "40m", 0),
    Play("CxoneStreamLagGrows", "little, and growing", {LAG: "0+100x60"}, "40m", 0),
    Play(
        "CxoneStreamRateLimited", "every other request is refused", {LIMITED: "0+60x60", REQUESTS: "0+60x60"}, "30m", 1
    ),
    Play("CxoneStreamRateLimited", "one in ten", {LIMITED: "0+6x60", REQUESTS: "0+60x60"}, "30m", 0),
    Play(
        "CxoneStreamFailedOutcomes",
        "in two datastores of three",
        {
            _of("APPLIED"): "0+900x60",
            _of("REJECTED"): "0+100x60",
            _of("INVALID", "teams"): "0+1x60",
            _of("APPLIED", "seats"): "0+900x60",
        },
        "30m",
        2,
    ),
    Play(
        "CxoneStreamFailedOutcomes",
        "one in a thousand",
        {_of("APPLIED"): "0+999x60", _of("REJECTED"): "0+1x60"},
        "30m",
        0,
    ),
    Play("CxoneStreamIntegrity", "the first one of a process", {_of("INTEGRITY"): "_x10 1x20"}, "12m", 1),
    Play("CxoneStreamIntegrity", "another one", {_of("INTEGRITY"): "4x30 5x20"}, "35m", 1),
    Play("CxoneStreamIntegrity", "an hour ago", {_of("INTEGRITY"): "_x10 1x90"}, "70m", 0),
    Play("CxoneStreamProducerRebuilt", "again and again", {"cxone_delta_producer_rebuilds_total": "0+1x40"}, "30m", 1),
    Play(
        "CxoneStreamProducerRebuilt",
        "for a broker's restart",
        {"cxone_delta_producer_rebuilds_total": "0x9 1x40"},
        "30m",
        0,
    ),
    Play("CxoneStreamRestarts", "every ten minutes", {STARTED: "1x10 2x10 3x10 4x10 5x10 6x10"}, "59m", 1),
    Play("CxoneStreamRestarts", "one update", {STARTED: "1x30 2x30"}, "59m", 0),
)


def promtool_tests(rules: str) -> dict[str, Any]:
    """Return all plays in promtool's form.

    Args:
        rules: name of the file with the rendered rules.
    """
    return {"rule_files": [rules], "evaluation_interval": "1m", "tests": [_promtool_test(play) for play in PLAYS]}


def _promtool_test(play: Play) -> dict[str, Any]:
    samples = [{"labels": "{}", "value": play.fires}] if play.fires else []
    firing = f'count(ALERTS{{alertname="{play.alert}",alertstate="firing"}})'
    return {
        "name": f"{play.alert}: {play.title}",
        "interval": "1m",
        "input_series": [{"series": _seen(name), "values": values} for name, values in play.series.items()],
        "promql_expr_test": [{"expr": firing, "eval_time": play.at, "exp_samples": samples}],
    }


def _seen(name: str) -> str:
    """Return a series as it is scraped off a pod: `up#1` is that of the second one."""
    metric, _, labels = name.rstrip("}").partition("{")
    metric, _, number = metric.partition("#")
    pod = f'namespace="crm",pod="deltas-cxone-delta-stream-{number or 0}"'
    return f"{metric}{{{pod}{',' if labels else ''}{labels}}}"
