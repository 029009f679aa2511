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
