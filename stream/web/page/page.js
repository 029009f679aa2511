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
