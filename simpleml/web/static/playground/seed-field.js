/**
 * The seed: a text area over a copy of its text in which unknown characters are marked, and a list
 * of what they become. The server says what it would replace; what it says is shown as one types.
 */

import { $, h } from "../common/dom.js";
import { tell } from "../common/i18n.js";
import { titleOf } from "../common/models.js";
import * as api from "./api.js";
import { visible } from "./symbols.js";

const PAUSE = 120; // milliseconds without typing before the server is asked
const MOST_LISTED = 6;

/** @type {any[]} the cards of the models that will read it */
let cards = [];
let timer = 0;
let asked = new AbortController();
/**
 * How each of them reads it.
 * @type {Array<{changes: Array<{position: number, original: string, replacement: string}>,
 *     symbols: number, window: number | null}>}
 */
let readings = [];

/** Bring the field to life. @param {() => void} submit what Ctrl + Enter does */
export function start(submit) {
  const field = $("seed");
  field.addEventListener("input", () => {
    readings = [];
    mark();
    check(PAUSE);
  });
  field.addEventListener("scroll", () => {
    $("seed-marks").scrollTop = field.scrollTop;
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      submit();
    }
  });
}

/** The seed; halves of characters, which no server could read, are made whole. */
export const value = () => $("seed").value.toWellFormed?.() ?? $("seed").value;

/** @param {string} text */
export function set(text) {
  $("seed").value = text;
  readings = [];
  mark();
  check(0);
}

/** Read the seed as other models do. @param {any[]} given their cards */
export function setCards(given) {
  cards = given;
  check(0);
}

function check(pause) {
  clearTimeout(timer);
  asked.abort();
  if (!cards.length) return;
  timer = setTimeout(async () => {
    asked = new AbortController();
    const limit = Number(document.body.dataset.maxSeed);
    const length = [...value()].length;
    if (length > limit) return showTooLong(length, limit);
    try {
      const { signal } = asked;
      const seed = value();
      readings = await Promise.all(cards.map(({ model }) => api.encode(model, seed, signal)));
      mark();
      list();
    } catch {
      // Writing does not need this answer, and says itself when the server is away.
    }
  }, pause);
}

/** Draw the text again with its unknown places marked. */
function mark() {
  const characters = [...value()];
  const pieces = [];
  let from = 0;
  const changes = readings.flatMap((one) => one.changes);
  changes.sort((one, other) => one.position - other.position);
  for (const { position, original } of changes) {
    if (position < from) continue; // several models do not know it
    const to = position + [...original].length;
    pieces.push(
      characters.slice(from, position).join(""),
      h("mark", {}, characters.slice(position, to).join("")),
    );
    from = to;
  }
  // An area's last empty line has a height only if something stands on it.
  $("seed-marks").replaceChildren(...pieces, `${characters.slice(from).join("")}\u200b`);
  $("seed-marks").scrollTop = $("seed").scrollTop;
}

function showTooLong(count, limit) {
  $("seed-changes").replaceChildren(
    tell(h("p", { class: "problem" }), "seed.long", { count, limit }),
  );
}

/** Say what becomes of each unknown character, each kind once. */
function list() {
  $("seed-changes").replaceChildren(...readings.flatMap((one, at) => told(one, cards[at])));
}

function told({ changes, symbols, window }, card) {
  const kinds = new Map(changes.map((one) => [one.original, one.replacement]));
  const items = [...kinds].slice(0, MOST_LISTED).map(([original, replacement]) => {
    const key =
      replacement === ""
        ? "seed.dropped"
        : replacement === card.unknown_symbol
          ? "seed.unknown"
          : "seed.becomes";
    return tell(h("li"), key, {
      original: visible(original),
      replacement: visible(replacement),
    });
  });
  if (kinds.size > MOST_LISTED) {
    items.push(tell(h("li"), "seed.more", { count: kinds.size - MOST_LISTED }));
  }
  const shown = [];
  if (items.length) {
    const key = cards.length > 1 ? "seed.changes.of" : "seed.changes";
    shown.push(tell(h("p"), key, { model: () => titleOf(card) }), h("ul", {}, ...items));
  }
  if (card.level === "char" && window && symbols > window) {
    shown.push(tell(h("p", { class: "hint" }), "seed.window", { window }));
  }
  return shown;
}
