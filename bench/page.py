"""The page of the report: its frame, its colours, and how was measured, in words."""

from __future__ import annotations

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>cxone-delta-stream: benchmark</title>
<style>
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2330; --soft: #5b6472; --rule: #e1e5ea; --card: #f7f8fa;
  --service: #2563eb; --floor: #94a3b8; --quix: #d97706; --arroyo: #0f766e; --good: #15803d; --bad: #b91c1c; }
@media (prefers-color-scheme: dark) { :root { --paper: #11151c; --ink: #e6e9ee; --soft: #9aa4b2; --rule: #2a313c;
  --card: #181e27; --service: #60a5fa; --floor: #64748b; --quix: #f59e0b; --arroyo: #2dd4bf; --good: #4ade80;
  --bad: #f87171; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: .95rem; margin: 0; } p { margin: .4rem 0; } figcaption p { color: var(--soft); font-size: .85rem; }
.verdict { font-weight: 600; font-size: 1.1rem; }
.good { color: var(--good); } .bad { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 1rem 0; font-size: .88rem; }
dt { color: var(--soft); } dd { margin: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--rule); text-align: left; font-weight: 400;
  white-space: nowrap; }
thead th { color: var(--soft); } tbody th { font-weight: 600; }
.numbers td:nth-child(n+3), .numbers thead th:nth-child(n+3), .ratios td:nth-child(n+2), .ratios th:nth-child(n+2) {
  text-align: right; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 1rem; }
figure { margin: 0; padding: 1rem; background: var(--card); border: 1px solid var(--rule); border-radius: 8px; }
svg { width: 100%; height: auto; display: block; margin-top: .5rem; font: 13px system-ui, sans-serif; }
svg text { fill: var(--ink); } .tick, .mark-label { font-size: 11.5px; } svg .tick { fill: var(--soft); }
.grid { stroke: var(--rule); }
.mark { stroke: var(--bad); stroke-dasharray: 4 3; } svg .mark-label { fill: var(--bad); }
rect.service { fill: var(--service); } rect.floor { fill: var(--floor); } rect.quix { fill: var(--quix); }
rect.arroyo { fill: var(--arroyo); } rect.variant { opacity: .6; }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round; } polyline.service { stroke: var(--service); }
polyline.floor { stroke: var(--floor); } polyline.quix { stroke: var(--quix); }
polyline.arroyo { stroke: var(--arroyo); }
polyline.variant { stroke-dasharray: 6 4; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: .25rem 0 0; padding: 0;
  font-size: .8rem; color: var(--soft); }
.legend i { display: inline-block; width: 18px; margin-right: .4rem; vertical-align: middle; border-top: 2px solid; }
.legend i.service { border-color: var(--service); } .legend i.floor { border-color: var(--floor); }
.legend i.quix { border-color: var(--quix); } .legend i.arroyo { border-color: var(--arroyo); }
.legend i.variant { border-top-style: dashed; }
.method { max-width: 75ch; font-size: .9rem; } .method li { margin: .3rem 0; }
</style>
</head>
<body>
<h1>cxone-delta-stream: benchmark</h1>
{VERDICT}
<dl>{FACTS}</dl>
<h2>Targets</h2>
<div class="scroll"><table><thead><tr><th>wanted</th><th>found</th><th></th></tr></thead>
<tbody>{TARGETS}</tbody></table></div>
<h2>Plots</h2>
<div class="plots">{PLOTS}</div>
<h2>All figures</h2>
<div class="scroll"><table class="numbers"><thead><tr><th>system</th><th>workload</th>{COLUMNS}</tr></thead>
<tbody>{RUNS}</tbody></table></div>
<h2>The service as a multiple of the others</h2>
<div class="scroll"><table class="ratios">{RATIOS}</table></div>
<h2>How this was measured</h2>
<div class="method">{METHOD}</div>
</body>
</html>
"""

METHOD = """
<ul>
<li>Everything ran on this one machine and shared its cores: a real Kafka (one broker), the API stand-in, the system
measured, and what samples and reads. <em>Cores elsewhere</em> is what processes outside the benchmark took.</li>
<li>Events are 270 bytes of compact JSON about 100,000 records of ten datastores (30, 20, 14, 10, 8, 6, 5, 4, 2 and 1
percent), in four partitions.</li>
<li>The API stand-in is a C program of one thread (epoll). It reads every body whole, parses it as JSON from its first
byte to its last, counts its records and answers with its SHA-256; alone it takes {API_RECORDS} records/s here. Where a
workload says so it also names every record, or answers after a delay that holds no other request.</li>
<li><em>events/s</em> and <em>s</em> are taken from the first PATCH that the API saw (paced runs: from the first event)
to the moment when the committed part of the outcome topic last grew, seen to 50 ms. <em>CPU s/M</em> is user and
system time of the system's process tree between the same moments, for a million events; <em>start CPU s</em> is what
it took before. <em>peak MiB</em> is the kernel's high-water mark of the whole process.</li>
<li>Latency runs from the input record's Kafka timestamp (the producer's clock at the send) to the moment when a
<code>read_committed</code> reader on the same machine got the outcome.</li>
<li>After each run the outcome topic is read again: each event must have its outcome, the service's exactly one.</li>
<li>The <em>floor</em> is the least that the job costs in Python with the same libraries: consume by thousands, parse,
judge by the same schemas, group, serialise, send by <code>httpx</code> in threads, one outcome each in transactions.
It has no lanes, no ledger, no order, no retries. Drains of floor and service were made several times in turn; the
table holds the median of each column.</li>
<li>The rivals do the same job in their own way, at least once, with no schema and no order among a record's requests;
they share the code of the request and of the outcome with the floor. Their settings are those that were fastest here
(see the head of <code>bench/rival_quix.py</code> and <code>bench/rival_arroyo.py</code>). They drain fewer events, as
their rate is all that counts.</li>
</ul>
"""
