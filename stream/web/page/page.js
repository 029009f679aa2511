"use strict";
// Shows what /events tells. It only reads; all text goes in as text, never as markup.

const STALE_AFTER_MS = 5000;
const POLL_MS = 3000;
const STREAM_AGAIN_MS = 30000;
const byId = (id) => document.getElementById(id);
const state = { document: null, facts: null, seenAt: 0, isPaused: false, source: null, lastTry: 0 };

// ---- words and figures

const SIGNS = {
  ok: "M4 13l5 5L20 7",
  warn: "M12 3v11M12 19v.5",
  bad: "M5 5l14 14M19 5L5 19",
  wait: "M12 4v8l5 3",
};
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

const count = (value) => (value === null || value === undefined ? "–" : whole.format(value));
/** Of a partition that is paused the end of the log is known as it was when it was fetched last. */
const atLeast = (value, isPaused) => (isPaused && value !== null ? "≥ " : "") + count(value);
const rate = (value) => (value === null || value === undefined ? "–" : value > 0 && value < 10 ? tenth.format(value) : whole.format(value));
const percent = (value) => (value === null || value === undefined ? "–" : (value < 100 ? tenth.format(Math.min(value, 99.9)) : "100") + " %");
const bytes = (value) => (value < 1048576 ? whole.format(value / 1024) + " KiB" : whole.format(value / 1048576) + " MiB");
const clock = (ms) => new Date(ms).toISOString().slice(11, 19);
const day = (text) => text.slice(0, 19).replace("T", " ");

function took(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 10) return tenth.format(ms) + " ms";
  if (ms < 1000) return whole.format(ms) + " ms";
  return ms < 60000 ? tenth.format(ms / 1000) + " s" : lasts(ms / 1000);
}

function lasts(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const s = Math.round(seconds);
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min " + (s % 60) + " s";
  if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor((s % 3600) / 60) + " min";
  return Math.floor(s / 86400) + " d " + Math.floor((s % 86400) / 3600) + " h";
}

const place = (topic, partition, offset) => topic + "/" + partition + " offset " + offset;

// ---- writing into the page: only what has changed, so that a selection and the focus stay

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Put a text in which names stand between backticks. */
function say(node, text) {
  if (node.dataset.text === text) return;
  node.dataset.text = text;
  node.replaceChildren(...text.split("`").map((part, index) => {
    if (index % 2 === 0) return part;
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  }));
}

function set(id, text, className) {
  const node = byId(id);
  put(node, text);
  if (className !== undefined && node.className !== className) node.className = className;
}

function children(parent, wanted, make) {
  while (parent.children.length > wanted) parent.lastElementChild.remove();
  while (parent.children.length < wanted) parent.append(make());
  return [...parent.children];
}

/** Fill a table: each row is a list of cells, a text or [text, class]; the first is the row's heading. */
function rows(id, cellsOfRows) {
  const table = byId(id);
  const labels = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  const body = table.tBodies[0];
  table.classList.toggle("has-rows", cellsOfRows.length > 0);
  children(body, cellsOfRows.length, () => document.createElement("tr")).forEach((row, index) => {
    const cells = cellsOfRows[index];
    const nodes = row.children.length === cells.length ? [...row.children] : cells.map((_, column) => {
      const node = document.createElement(column ? "td" : "th");
      if (column) node.dataset.label = labels[column];
      else node.scope = "row";
      row.append(node);
      return node;
    });
    cells.forEach((cell, column) => {
      const [text, className] = Array.isArray(cell) ? cell : [cell, "number"];
      (className === "said" ? say : put)(nodes[column], text);
      if (nodes[column].className !== className) nodes[column].className = className;
    });
  });
}

function lines(id, pairs) {
  const nodes = children(byId(id), 2 * pairs.length, () => document.createElement("dt"));
  pairs.flat().forEach((text, index) => {
    let node = nodes[index];
    if (index % 2 && node.tagName !== "DD") {
      const value = document.createElement("dd");
      node.replaceWith(value);
      node = value;
    }
    put(node, String(text));
  });
}

// ---- the verdict

function verdict(told) {
  const { findings, current } = told;
  const bad = findings.find((each) => each.severity === "bad");
  if (!told.live) return ["bad", bad ? bad.title : "The loop is stuck"];
  if (told.draining) return ["wait", "Ending: it was asked to stop"];
  if (!current) return ["wait", "Starting"];
  if (bad) return ["bad", bad.title + more(findings.filter((each) => each.severity !== "note"))];
  if (!told.ready) return ["bad", "Not ready"];
  const grave = findings.filter((each) => each.severity !== "note");
  if (grave.length) return ["warn", grave[0].title + more(grave)];
  return ["ok", (current.partitionCount ? "All is well" : "All is well, with no partition to read") + (findings.length ? "; some events fail" : "")];
}

function more(findings) {
  const others = findings.length - 1;
  return others > 0 ? ", and " + others + " more" : "";
}

function summary(told) {
  const { current } = told;
  if (!current) return told.reasons.join(" · ") || "The loop has not turned yet.";
  const { flow, requests } = current;
  const speed = requests.newestMs.p50 === null ? "no request in the last minute" : "a request takes " + took(requests.newestMs.p50);
  const lag = current.lag === null ? "lag unknown" : current.lag ? atLeast(current.lag, current.pausedCount) + " behind" : "nothing behind";
  return rate(flow.receivedPerS) + " events/s in, " + rate(flow.succeededPerS) + " done, " + rate(flow.failedPerS) +
    " failed · " + lag + " · " + speed + " · " + count(requests.inFlight) + " on the wire";
}

function showVerdict(told) {
  const [kind, headline] = verdict(told);
  byId("verdict").dataset.state = kind;
  byId("sign").setAttribute("d", SIGNS[kind]);
  set("headline", headline);
  set("summary", summary(told));
  document.title = { ok: "✓ ", warn: "! ", bad: "✗ ", wait: "… " }[kind] + headline + " · cxone-delta-stream";
  const colour = { ok: "%2317753a", warn: "%23b97a00", bad: "%23c8232f", wait: "%23707a84" }[kind];
  const icon = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><circle cx='8' cy='8' r='7' fill='" + colour + "'/></svg>";
  if (byId("icon").getAttribute("href") !== icon) byId("icon").setAttribute("href", icon);
}

function showFindings(told) {
  const items = children(byId("findings"), told.findings.length, () => {
    const item = document.createElement("li");
    item.append(document.createElement("h3"), document.createElement("p"), document.createElement("p"));
    item.lastElementChild.className = "action";
    return item;
  });
  told.findings.forEach((finding, index) => {
    items[index].className = finding.severity;
    [finding.title, finding.detail, finding.action].forEach((text, part) => say(items[index].children[part], text));
  });
  const reasons = told.ready ? [] : told.reasons;
  set("nothing-wrong", told.findings.length ? "" : reasons.length ? reasons.join(" · ") : "Nothing.");
}

// ---- the figures

function showNow(current) {
  const { flow, requests } = current;
  set("received", rate(flow.receivedPerS));
  set("succeeded", rate(flow.succeededPerS));
  set("failed", rate(flow.failedPerS), flow.failedPerS > 0 ? "warn" : "");
  set("lag", atLeast(current.lag, current.pausedCount));
  set("in-flight", count(requests.inFlight));
  set("max-in-flight", "requests of at most " + requests.maxInFlight);
  set("batch", requests.meanSize === null ? "–" : rate(requests.meanSize));
  set("fill", requests.fill === null ? "no request lately" : percent(100 * requests.fill) + " full, " + count(requests.perMinute) + " a minute");
  set("success-rate", requests.count ? percent(requests.successRate) : "–", requests.successRate < 100 ? "warn" : "");
  set("latency", took(requests.newestMs.p50));
  set("latency-mean", requests.count ? "since the start " + took(requests.avgLatencyMs) : "no request yet");
}

function showTime(latency) {
  const parts = { waiting: latency.waitingMs, request: latency.requestMs, commit: latency.commitMs };
  const all = Object.values(parts).reduce((sum, each) => sum + (each.p50 || 0), 0);
  for (const [name, part] of Object.entries(parts)) {
    set(name + "-p50", took(part.p50));
    set(name + "-p99", took(part.p99));
    byId("stretch").querySelector("." + name).style.flexGrow = all ? (100 * (part.p50 || 0)) / all : 0;
  }
  set("total-p50", took(latency.producedToCommittedMs.p50));
  set("total-p99", took(latency.producedToCommittedMs.p99));
  byId("stretch").setAttribute("aria-label", all
    ? Object.entries(parts).map(([name, part]) => name + " " + Math.round((100 * (part.p50 || 0)) / all) + " %").join(", ")
    : "no request in the last minute");
}

function shape(name, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function showPast(history, nowMs) {
  const chart = byId("chart");
  const spanMs = 15 * 60000, width = 600, height = 170;
  const x = (ms) => (width * (1 - (nowMs - ms) / spanMs)).toFixed(1);
  const peak = Math.max(1, ...history.flatMap((each) => [each.receivedPerS, each.succeededPerS, each.failedPerS]));
  const y = (value) => (height - 6 - (height - 16) * (value / peak)).toFixed(1);
  const parts = [5, 10].map((minutes) => shape("line", { x1: x(nowMs - minutes * 60000), x2: x(nowMs - minutes * 60000), y1: 0, y2: height }));
  history.forEach((each, index) => {
    const from = index ? history[index - 1].atMs : each.atMs;
    if (each.isHeld) parts.push(shape("rect", { x: x(from), y: 0, width: Math.max(1, x(each.atMs) - x(from)), height }));
  });
  for (const [name, key] of [["received", "receivedPerS"], ["succeeded", "succeededPerS"], ["failed", "failedPerS"]]) {
    parts.push(shape("polyline", { class: name, points: history.map((each) => x(each.atMs) + "," + y(each[key])).join(" ") }));
  }
  chart.replaceChildren(...parts);
  const held = history.filter((each) => each.isHeld).length;
  chart.setAttribute("aria-label", "Events a second in the last 15 minutes: at most " + rate(peak) + ", failed at most " +
    rate(Math.max(0, ...history.map((each) => each.failedPerS))) + (held ? ", something was held meanwhile" : ", nothing was held"));
  set("peak", "top of the chart: " + rate(peak) + " events/s; lines: 5 and 10 minutes ago");
}

function showStores(current) {
  const held = Object.fromEntries(current.status.held.map((each) => [each.datastoreId, each]));
  const isOutage = current.status.outage !== null;
  rows("stores", current.datastores.map((each) => {
    const hold = held[each.dataStoreId];
    return [
      each.dataStoreId,
      hold ? ["held for " + lasts(hold.heldForS) + (isOutage ? "" : ": " + hold.reason), "bad text"] : [each.state, "number"],
      count(each.waiting), each.waiting ? lasts(each.oldestWaitsS) : "–", count(each.inFlight), count(each.succeeded),
      [count(each.failed), each.failed ? "warn number" : "number"], took(each.latencyMs.p50), took(each.latencyMs.p99),
    ];
  }));
  const others = current.datastoreCount - current.datastores.length;
  set("stores-note", current.datastores.length
    ? "Succeeded and failed: events of the last minute." + (others > 0 ? " " + count(others) + " datastores are not listed." : "")
    : "No datastore has work, or had some in the last minute.");
}

function showResults(flow) {
  const names = Object.keys(flow.results).filter((name) => flow.results[name]).sort((a, b) => flow.results[b] - flow.results[a]);
  const received = ["received", rate(flow.receivedPerS), count(flow.received)];
  rows("results", [received, ...names.map((name) => [name, rate(flow.resultsPerS[name] || 0), count(flow.results[name])])]);
}

function showFailures(failures, nowMs) {
  rows("failures", failures.map((each) => {
    const last = each.last;
    return [
      each.code, [each.dataStoreId || "–", "text"], count(each.count), lasts((nowMs - each.lastMs) / 1000) + " ago",
      [each.message + (each.path ? " at " + each.path : "") + (each.httpStatus ? " (" + each.httpStatus + ")" : ""), "text"],
      [place(last.topic, last.partition, last.offset) + (last.recordId ? ", record " + last.recordId : ""), "text"],
      [each.remedy, "said"],
    ];
  }));
  set("failures-note", failures.length ? "" : "None.");
}

function showSetbacks(setbacks, nowMs) {
  rows("setbacks", setbacks.map((each) => [
    each.dataStoreId, count(each.count), lasts((nowMs - each.lastMs) / 1000) + " ago", [each.reason, "text"],
  ]));
  set("setbacks-note", setbacks.length ? "" : "None.");
}

function showParked(status) {
  rows("parked", status.parked.map((each) => {
    const { topic, partition } = each.oldest.partition;
    return [
      each.recordId, [each.datastoreId, "text"], [place(topic, partition, each.oldest.offset), "text"], lasts(each.parkedForS),
      count(each.triesFailed), lasts(each.nextTryInS), [each.reason, "text"],
    ];
  }));
  const others = status.parkedCount - status.parked.length;
  set("parked-note", status.parkedCount ? (others ? count(others) + " are not listed." : "") : "None.");
}

function showPartitions(current) {
  rows("partitions", current.partitions.map((each) => [
    each.topic + "/" + each.partition,
    [each.state.replace("_", " "), each.state === "refused" ? "bad number" : each.state === "paused" ? "warn number" : "number"],
    atLeast(each.lag, each.state === "paused"), each.committed === null ? "–" : String(each.committed), count(each.undecided), [each.reason || "–", "text"],
  ]));
  const others = current.partitionCount - current.partitions.length;
  set("partitions-note", current.partitionCount
    ? "In hand: events read past the committed offset." + (others ? " " + count(others) + " partitions are not listed." : "")
    : "No partition is assigned to this instance.");
}

function showInside(told) {
  const { backlog, publisher, requests } = told.current;
  lines("inside", [
    ["events that could go", count(backlog.waiting)],
    ["buffer", bytes(backlog.bufferBytes) + " of " + bytes(backlog.maxBufferBytes)],
    ["paused partitions", count(told.current.pausedCount)],
    ["oldest request without an answer", requests.inFlight ? lasts(requests.unansweredForS) : "–"],
    ["batches that wait for a time", count(requests.waiting)],
    ["outcomes not yet committed", count(publisher.waiting)],
    ["producer", publisher.state + (["rebuilding", "resolving"].includes(publisher.state) ? " for " + lasts(publisher.forS) : "")],
    ["the loop turned", told.loopStillS < 1 ? "just now" : lasts(told.loopStillS) + " ago"],
    ["in the consumer group", told.current.isMember ? "yes" : "no"],
  ]);
}

function showFacts(told) {
  const facts = state.facts;
  if (!facts) return;
  set("version", facts.version);
  lines("build", [
    ["version", facts.version],
    ...Object.entries(facts.build),
    ["group", facts.groupId + (facts.instanceId ? ", instance " + facts.instanceId : "")],
    ["runs since", day(told.startedAt) + " UTC, " + lasts(told.uptimeS)],
  ]);
  lines("schemas", [
    ...Object.entries(facts.schemas).map(([name, sha256]) => [name, "SHA-256 " + sha256]),
    ...(facts.mapping ? Object.entries(facts.mapping).map(([name, sha256]) => ["mapping " + name, "SHA-256 " + sha256]) : []),
  ]);
  lines("configuration", Object.entries(facts.configuration));
}

function show(told) {
  showVerdict(told);
  showFindings(told);
  showFacts(told);
  if (!told.current) return;
  const nowMs = Date.parse(told.now);
  showNow(told.current);
  showTime(told.current.latency);
  showPast(told.current.history, nowMs);
  showStores(told.current);
  showResults(told.current.flow);
  showFailures(told.current.failures, nowMs);
  showSetbacks(told.current.setbacks, nowMs);
  showParked(told.current.status);
  showPartitions(told.current);
  showInside(told);
}

// ---- the connection: a stream of events; where it breaks, /status now and then, and what is shown is called stale

function take(text) {
  const told = JSON.parse(text);
  if (told.facts) state.facts = told.facts;
  state.document = told;
  state.seenAt = Date.now();
  if (!state.isPaused) show(told);
  showConnection();
}

function showConnection() {
  const isStale = state.seenAt > 0 && Date.now() - state.seenAt > STALE_AFTER_MS;
  const kind = state.isPaused ? "paused" : !state.seenAt ? "wait" : isStale ? "stale" : "live";
  const since = state.document ? day(state.document.now).slice(11) + " UTC" : "";
  byId("connection").dataset.state = kind;
  set("connection", { paused: "paused at " + (state.pausedAt || since), wait: "connecting", stale: "stale since " + since, live: "live" }[kind]);
  document.body.classList.toggle("stale", kind === "stale");
}

function listen() {
  state.lastTry = Date.now();
  if (state.source) state.source.close();
  state.source = new EventSource("events");
  state.source.addEventListener("status", (event) => take(event.data));
}

async function poll() {
  try {
    const answer = await fetch("status", { cache: "no-store", signal: AbortSignal.timeout(POLL_MS) });
    if (answer.ok) take(await answer.text());
  } catch {
    showConnection();
  }
}

function tick() {
  showConnection();
  const silentMs = Date.now() - Math.max(state.seenAt, state.lastTry);
  if (silentMs < POLL_MS || document.hidden) return;
  if (Date.now() - state.lastTry > STREAM_AGAIN_MS) listen();
  else poll();
}

byId("pause").addEventListener("click", () => {
  state.isPaused = !state.isPaused;
  state.pausedAt = state.document ? day(state.document.now).slice(11) + " UTC" : "";
  set("pause", state.isPaused ? "Go on" : "Pause");
  if (!state.isPaused && state.document) show(state.document);
  showConnection();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && Date.now() - state.seenAt > STALE_AFTER_MS) listen();
});
setInterval(tick, 1000);
listen();
