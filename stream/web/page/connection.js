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
