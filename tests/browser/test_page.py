"""The status page in a real Chromium, beside a service on a real Kafka: under load, in an outage, and cut off.

`make browser` runs it, by hand; the pictures go to `docs/pictures/`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stream.sandbox.faults import Fault

from ..harness.asking import ANY_PORT, WITHIN_S, Asking
from ..harness.feed import Pace, Population
from ..harness.stage import Stage
from ..harness.waiting import eventually, pause
from .chromium import DARK, DESKTOP, PHONE, Chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream.sandbox.kafka import Kafka

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
RATE_PER_S = 1_000.0
LOOKED_AT_S = 5.0
"""How long the page is watched for shifts of its layout."""
SHIFTS = """new Promise(done => {
  const shifts = [];
  const told = each => (each.node?.id || each.node?.nodeName || "?") + ": " + (each.node?.innerText || "").slice(0, 30);
  new PerformanceObserver(list => {
    for (const each of list.getEntries()) shifts.push([each.value, each.sources.map(told)]);
  }).observe({ type: "layout-shift", buffered: false });
  setTimeout(() => done(shifts), %d);
})"""
"""How far what can be seen moved, and what it was."""
MAX_SHIFT = 0.02
FOCUSED = "document.activeElement.id || document.activeElement.innerText.split('\\n')[0]"
UNNAMED = """[...document.querySelectorAll("section, table, button, a, [role=img], [role=region]")]
  .filter(each => !(each.textContent.trim() || each.getAttribute("aria-label") || each.getAttribute("aria-labelledby")))
  .map(each => each.outerHTML.slice(0, 80))"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
FAINT = """(() => {
  const part = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const back = node => { for (; node; node = node.parentElement) {
    const colour = part(getComputedStyle(node).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour; } return [255, 255, 255]; };
  return [...document.querySelectorAll("body *")].filter(each => each.offsetParent && [...each.childNodes]
    .some(child => child.nodeType === 3 && child.data.trim())).map(each => {
      const [a, b] = [light(part(getComputedStyle(each).color)), light(back(each))].sort((x, y) => y - x);
      return [each.tagName + " " + each.innerText.slice(0, 30), (a + .05) / (b + .05)];
    }).filter(([, ratio]) => ratio < 4.5);
})()"""
"""Texts whose contrast is below what WCAG 2.2 AA asks for."""


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Chromium]:
    """A browser that nobody has used before."""
    with Chromium(tmp_path / "profile") as one:
        yield one


@pytest.fixture
def stage(kafka: Kafka, tmp_path: Path) -> Iterator[Stage]:
    """A topic, an API that takes 20 to 60 ms, and room for processes."""
    with Stage(kafka.bootstrap_servers, tmp_path) as one:
        one.sandbox.faults.add(Fault("delay", min_s=0.02, max_s=0.06))
        yield one


@pytest.mark.timeout(300)
def test_the_page_under_load_and_in_an_outage(stage: Stage, chromium: Chromium) -> None:
    """Well, then an outage, told within seconds with what to do; then well again, all without a reload or a shift."""
    asking = Asking(stage.start(STREAM_HTTP_ADDRESS=ANY_PORT))
    pace = Pace(stage.feed, Population(datastores=8, records=4_000), RATE_PER_S)
    chromium.show(DESKTOP)
    chromium.go(f"{asking.base_url}/")
    chromium.await_text("#headline", "All is well")
    chromium.await_text("#stores", "store-7")
    eventually(lambda: len(asking.status()["current"]["history"]) >= 3, WITHIN_S, "a past to be drawn")
    shifts = chromium.evaluate(SHIFTS % (1000 * LOOKED_AT_S))
    assert sum(value for value, _ in shifts) <= MAX_SHIFT, shifts
    assert chromium.text("#connection") == "live"
    for screen, name in ((DESKTOP, "status-light"), (DARK, "status-dark"), (PHONE, "status-phone")):
        chromium.show(screen)
        pause(1.5)  # one more event, so that the picture is of this size
        assert chromium.evaluate(WIDER) == 0
        assert chromium.evaluate(FAINT) == []
        assert chromium.evaluate(UNNAMED) == []
        (PICTURES / f"{name}.png").write_bytes(chromium.picture(whole=not screen.is_phone))

    for datastore_id in ("store-1", "example"):
        stage.feed.send_event(datastore_id, "wrong", fields={"number": "a", "tier": "tin"})
    outage = stage.sandbox.faults.add(Fault("answer", call=None, status=503))
    chromium.show(DESKTOP)
    chromium.await_text("#headline", "Outage: everything is held")
    chromium.await_text("#findings", "Look whether the API is up")
    eventually(lambda: asking.status()["current"]["status"]["heldCount"] == 8, WITHIN_S, "all datastores to be held")
    pause(1.5)
    for screen, name in ((DESKTOP, "status-outage"), (PHONE, "status-outage-phone")):
        chromium.show(screen)
        pause(1.5)
        assert chromium.evaluate(FAINT) == []
        (PICTURES / f"{name}.png").write_bytes(chromium.picture(whole=False))

    stage.sandbox.faults.remove(outage)
    eventually(lambda: "Outage" not in chromium.text("#headline"), 2 * WITHIN_S, "the end of the outage")
    pace.stop()
    asked = {each["request"]["url"] for each in chromium.heard("Network.requestWillBeSent")}
    assert {each for each in asked if not each.startswith(("data:", "about:"))} <= {
        f"{asking.base_url}/{path}" for path in ("", "events", "status")
    }
    problems = chromium.heard("Runtime.exceptionThrown", "Log.entryAdded")
    assert [each for each in problems if each.get("entry", {}).get("level") != "verbose"] == []


@pytest.mark.timeout(180)
def test_a_service_that_ends_is_called_stale_and_seen_again(stage: Stage, chromium: Chromium) -> None:
    """The figures stay, with the time that they are from; when the service is back at its address, so is the page."""
    service = stage.start(STREAM_HTTP_ADDRESS=ANY_PORT)
    asking = Asking(service)
    chromium.show(DESKTOP)
    chromium.go(f"{asking.base_url}/")
    chromium.await_text("#connection", "live")
    service.kill()
    chromium.await_text("#connection", "stale since")
    assert chromium.evaluate("document.body.classList.contains('stale')")
    stage.start("again", STREAM_HTTP_ADDRESS=asking.base_url.removeprefix("http://"))
    chromium.await_text("#connection", "live")


@pytest.mark.timeout(180)
def test_the_page_by_keyboard(stage: Stage, chromium: Chromium) -> None:
    """Tab reaches the way past the head, the pause, and all that opens; Enter works; what has the focus is seen."""
    asking = Asking(stage.start(STREAM_HTTP_ADDRESS=ANY_PORT))
    chromium.show(DESKTOP)
    chromium.go(f"{asking.base_url}/")
    chromium.await_text("#connection", "live")
    reached = []
    for _ in range(30):
        chromium.press("Tab")
        reached.append(chromium.evaluate(FOCUSED))
        outline = chromium.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", reached[-1]
        if reached[-1] == "pause":
            chromium.press("Enter")
            chromium.await_text("#connection", "paused at")
            chromium.press("Enter")
            chromium.await_text("#connection", "live")
        if reached[-1] == "/livez":
            break
    assert reached[:2] == ["To what is wrong", "pause"]
    assert {"Schemas and mapping", "Configuration, without secrets", "/status"} <= {*reached}
