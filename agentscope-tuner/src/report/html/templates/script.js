"use strict";
// Shows the conversations. All that models wrote is set as text, never as markup.

const BATCH = 50;
const byId = (id) => document.getElementById(id);
const filters = byId("filters");
const list = byId("list");
let conversations = [];
let haystacks = [];
let room = BATCH;

function read() {
  conversations = JSON.parse(byId("data").textContent);
  haystacks = [];
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function nameOf(one) {
  return `${one.task} · ${one.candidate}${one.attempt ? ` · attempt ${one.attempt + 1}` : ""}`;
}

// Filters

function haystack(at) {
  haystacks[at] ??= JSON.stringify(Object.values(conversations[at])).toLowerCase();
  return haystacks[at];
}

/** The words as they stand inside JSON. */
function needle() {
  return JSON.stringify(byId("words").value.trim().toLowerCase()).slice(1, -1);
}

function matching() {
  const words = needle();
  const [candidate, status] = [byId("candidate").value, byId("status").value];
  const [least, most] = [byId("least").value, byId("most").value];
  const fits = (at) => {
    const one = conversations[at];
    if (candidate && one.candidate !== candidate) return false;
    if (status && one.status !== status) return false;
    if (least !== "" && !(one.reward !== null && one.reward >= Number(least))) return false;
    if (most !== "" && !(one.reward !== null && one.reward <= Number(most))) return false;
    return !words || haystack(at).includes(words);
  };
  return conversations.map((_, at) => at).filter(fits);
}

function show() {
  const open = new Set([...list.querySelectorAll("details[open]")].map((one) => one.dataset.name));
  const found = matching();
  list.replaceChildren(...found.slice(0, room).map((at) => item(at, open)));
  byId("count").textContent = `${found.length} of ${conversations.length} conversations`;
  byId("more").hidden = found.length <= room;
  return found;
}

// One conversation

function item(at, open) {
  const one = conversations[at];
  const details = element("details");
  details.id = `conversation-${at}`;
  details.dataset.name = nameOf(one);
  const summary = element("summary");
  const chip = one.status === "scored" ? `reward ${Number(one.reward.toFixed(3))}` : one.status;
  summary.append(element("span", "task", nameOf(one)), element("span", `chip ${one.status}`, chip));
  details.append(summary);
  details.addEventListener("toggle", () => fill(details, one));
  if (open.has(details.dataset.name)) details.open = true;
  const row = element("li");
  row.append(details);
  return row;
}

function fill(details, one) {
  if (!details.open || details.children.length > 1) return;
  const body = element("div", "body");
  if (one.error) body.append(element("p", "warning", one.error));
  for (const turn of one.turns) body.append(...shownTurn(turn));
  if (one.response !== null) body.append(block("response", one.response));
  if (one.feedback) body.append(block("feedback of the judge", one.feedback));
  const metrics = Object.entries(one.metrics).map(([name, value]) => `${name} ${value}`);
  body.append(element("p", "took", [...metrics, one.took].join(", ")));
  details.append(body);
}

function block(name, text) {
  const made = element("div", "message");
  made.append(element("h4", "", name), element("pre", "text", text));
  return made;
}

function shownTurn(turn) {
  const head = turn.continues ? [] : [element("h3", "", `${turn.slot}: ${turn.model}`)];
  const cut = turn.cut ? [element("p", "warning", `The answer was cut: ${turn.cut}.`)] : [];
  const tokens = turn.tokens ? [shownTokens(turn.tokens)] : [];
  return [...head, ...turn.messages.map(shownMessage), ...cut, ...tokens];
}

const KINDS = { thinking: "thinks", call: "calls", result: "answers", refused: "failed" };

function shownMessage(message) {
  const made = element("div", `message ${message.role}`);
  made.append(element("h4", "", message.role));
  for (const part of message.parts) {
    const kind = KINDS[part.kind];
    if (kind) made.append(element("p", "kind", `${part.name ?? ""} ${kind}`.trim()));
    made.append(element("pre", `text ${part.kind}`, part.text));
  }
  return made;
}

// Tokens: the surer the model was of one, the paler it is.

function shownTokens(tokens) {
  const details = element("details", "tokens");
  const prompt = tokens.prompt_tokens === null ? "" : `${tokens.prompt_tokens} prompt tokens, `;
  details.append(element("summary", "", `${prompt}${tokens.logprobs.length} sampled tokens`));
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    details.append(legend());
    const text = element("pre", "text");
    if (tokens.prompt !== null) text.append(tokens.prompt);
    tokens.logprobs.forEach((logprob, at) => text.append(token(tokens, at, logprob)));
    details.append(text);
  });
  return details;
}

function token(tokens, at, logprob) {
  const known = tokens.texts.length > 0;
  const made = element("span", `token sure${sureness(logprob)}`, known ? tokens.texts[at] : `${tokens.ids[at]} `);
  const id = tokens.ids.length ? `token ${tokens.ids[at]}, ` : "";
  made.title = `${id}probability ${Math.exp(logprob).toPrecision(3)}, log ${logprob}`;
  return made;
}

/** 0 for a probability below 1 %, 5 for one above 90 %. */
function sureness(logprob) {
  return [0.01, 0.1, 0.3, 0.6, 0.9].filter((bound) => Math.exp(logprob) >= bound).length;
}

function legend() {
  const made = element("p", "legend", "Probability of each sampled token: ");
  const names = ["below 1 %", "1 to 10 %", "10 to 30 %", "30 to 60 %", "60 to 90 %", "above 90 %"];
  names.forEach((name, at) => made.append(element("span", `token sure${at}`, name), " "));
  return made;
}

// The matrix

function open(at) {
  let place = matching().indexOf(at);
  if (place < 0) {
    for (const field of filters.querySelectorAll("input, select")) field.value = "";
    place = at;
  }
  room = Math.max(room, place + 1);
  show();
  const details = byId(`conversation-${at}`);
  details.open = true;
  details.querySelector("summary").focus({ preventScroll: true });
  details.scrollIntoView({ block: "start" });
  history.replaceState(null, "", `#conversation-${at}`);
}

/** One cell is in the order of tabs; arrow keys move within the matrix. */
function rove() {
  const cells = document.querySelectorAll("#cells button.cell");
  cells.forEach((cell, at) => { cell.tabIndex = at === 0 ? 0 : -1; });
}

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function move(event) {
  const cell = event.target.closest("button.cell");
  const step = STEPS[event.key];
  if (!cell || !step) return;
  event.preventDefault();
  let [row, column] = [cell.closest("tr").rowIndex, cell.closest("td").cellIndex];
  const table = cell.closest("table");
  do {
    row += step[0];
    column += step[1];
    const next = table.rows[row]?.cells[column]?.querySelector("button.cell");
    if (next) {
      cell.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
      return;
    }
  } while (table.rows[row]?.cells[column]);
}

byId("cells").addEventListener("keydown", move);
byId("cells").addEventListener("click", (event) => {
  const cell = event.target.closest("button.cell");
  if (cell) open(Number(cell.dataset.conversation));
});

// Together

function changed() {
  room = BATCH;
  show();
}

filters.addEventListener("input", changed);
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("reset", () => setTimeout(changed));
byId("more").addEventListener("click", () => {
  room += BATCH;
  show();
});
document.addEventListener("run-went-on", () => {
  read();
  show();
  rove();
});

read();
show();
rove();
const asked = /^#conversation-(\d+)$/.exec(location.hash);
if (asked && conversations[Number(asked[1])]) open(Number(asked[1]));
