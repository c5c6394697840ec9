/** The page that asks every model how well it predicts a text: who could have written it? */

import * as dialogs from "../common/dialogs.js";
import { $, announce, h } from "../common/dom.js";
import { describe } from "../common/failures.js";
import * as http from "../common/http.js";
import * as i18n from "../common/i18n.js";
import { titleOf } from "../common/models.js";
import * as preferences from "../common/preferences.js";
import { events } from "../common/stream.js";
import { surprise } from "../playground/cells.js";

const { tell } = i18n;
const LEAST = 2; // characters: the first is given, the second can be predicted

let asking = new AbortController();
/** @type {Map<string, any>} what the server has, by name */
let models = new Map();
/** What is being asked, or was: the field may have changed since. */
let text = "";

await i18n.start("score");
preferences.start();
dialogs.start();
http.onKeyNeeded(dialogs.askKey);

/** What the page calls a model, in the language of the moment. @param {string} [model] */
const called = (model) => () => titleOf({ ...models.get(model), model });

function complain(error) {
  $("problem").replaceChildren(...(error ? describe(error) : []));
}

/** A model's line: its name, which colours the text, how long its bar is, what it lacks. */
function line(row) {
  if (row.error) {
    const said = describe(http.ApiError.from(row.error));
    const name = tell(h("span", { class: "row-name" }), "model.title", { title: called(row.model) });
    return h("li", { class: "row" }, name, h("p", { class: "hint wide" }, ...said));
  }
  const name = h("button", { type: "button", class: "quiet row-name", "data-model": row.model });
  tell(name, "model.title", { title: called(row.model) });
  name.setAttribute("aria-pressed", "false");
  name.addEventListener("click", () => colour(row.model));
  const length = h("i");
  // The chance that it gives a character, on average.
  length.style.inlineSize = `${100 * Math.exp(-row.nats)}%`;
  const bits = { bits: Math.round(100 * row.bits) / 100 };
  return h(
    "li",
    { class: "row" },
    name,
    h("span", { class: "bar", "aria-hidden": "true" }, length),
    tell(h("span", { class: "row-value" }), "row.bits", bits),
    row.unknown
      ? tell(h("p", { class: "hint wide" }), "row.unknown", { count: row.unknown })
      : null,
  );
}

/** Show the models, the best first; those that failed come last. */
function rank(rows) {
  const nats = (row) => row.nats ?? Infinity;
  $("rows").replaceChildren(...[...rows].sort((one, other) => nats(one) - nats(other)).map(line));
}

async function ask() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  text = $("text").value;
  complain(null);
  rank([]);
  $("coloured").replaceChildren();
  $("result").hidden = false;
  tell($("status"), "status.asking");
  const rows = [];
  try {
    const there = await (await http.call("/api/models", { signal })).json();
    models = new Map(there.models.map((one) => [one.name, one]));
    const how = { body: { text }, accept: "text/event-stream", signal };
    for await (const { name, data } of events(await http.call("/v1/score", how))) {
      if (name === "error") throw http.ApiError.from(data.error);
      if (name === "progress") tell($("status"), "status.reading", { model: called(data.model) });
      if (name === "message") rank(rows.push(data) && rows);
    }
    const [best] = rows.filter((row) => !row.error).sort((one, other) => one.nats - other.nats);
    tell($("status"), best ? "status.best" : "status.nobody", { model: called(best?.model) });
    announce($("status").textContent);
    if (best) await colour(best.model);
  } catch (error) {
    if (error.name === "AbortError") return;
    tell($("status"), "status.failed");
    complain(error);
  }
}

/** Colour the text by how much each character surprised a model. */
async function colour(model) {
  try {
    const body = { text, models: [model], surprise: true };
    const answer = await http.call("/v1/score", { body, signal: asking.signal });
    const [row] = (await answer.json()).models;
    if (row.error) throw http.ApiError.from(row.error);
    const cells = row.surprise.map(([symbol, nats]) => {
      const step = nats === null ? 0 : surprise({ text: symbol, logprob: -nats, top: [] });
      const end = symbol === "\n" ? " line-end" : "";
      return h("span", { class: `s${step}${end}` }, symbol);
    });
    $("coloured").replaceChildren(...cells);
    tell($("coloured-by"), "coloured", { model: called(model) });
    for (const one of $("rows").querySelectorAll("button"))
      one.setAttribute("aria-pressed", String(one.dataset.model === model));
  } catch (error) {
    if (error.name !== "AbortError") complain(error);
  }
}

function changed() {
  $("ask").disabled = [...$("text").value].length < LEAST;
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
$("text").addEventListener("input", changed);
changed();
document.documentElement.dataset.ready = "true";
