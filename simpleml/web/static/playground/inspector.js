/** The small window that shows what the network thought of one character. */

import { $, announce, h } from "../common/dom.js";
import { number, percent, say } from "../common/i18n.js";
import { spoken, visible } from "./symbols.js";

const GAP = 8; // pixels between the character and the window
const NARROW = "(max-width: 40rem)";
const RARE = 0.1; // less is said as one chance in so many
const STEPS = { back: ["‹", "inspect.back"], on: ["›", "inspect.on"], close: ["×", "inspect.close"] };
const SAME = 0.005; // a difference that is not shown

const place = () => $("inspector");
let anchor = null;

/** Keep the window at its character while the page scrolls. */
export function follow() {
  if (anchor) settle(anchor);
}

/** Whether an element is in the window. @param {EventTarget | null} element */
export const holds = (element) => element instanceof Node && place().contains(element);

/** Put the window away. */
export function hide() {
  anchor?.classList.remove("inspected");
  anchor = null;
  place().hidden = true;
}

/**
 * Show the window beside a character.
 * @param {HTMLElement} element the character's own
 * @param {import("./cells.js").Cell} cell
 * @param {number} position counted from 1
 * @param {Record<"back" | "on" | "close", () => void> | null} steps what its buttons do, where it
 *     stays; it is also said to those who listen then
 */
export function show(element, cell, position, steps) {
  if (anchor !== element) anchor?.classList.remove("inspected");
  anchor = element;
  element.classList.add("inspected");
  const rows = rowsOf(cell);
  const changed = rows.some((row) => Math.abs(row.after - row.share) > SAME);
  const pressed = holds(document.activeElement) && document.activeElement.dataset.step;
  place().classList.toggle("both", changed);
  place().classList.toggle("stays", Boolean(steps));
  place().replaceChildren(
    h(
      "div",
      { class: "inspector-head" },
      h("strong", {}, visible(cell.text)),
      h("span", {}, odds(Math.exp(cell.logprob))),
      steps && h("span", { class: "steps" }, ...Object.entries(steps).map(step)),
    ),
    changed ? heads() : null,
    h("ol", {}, ...rows.map(bar)),
    h("p", { class: "hint" }, say(changed ? "inspect.both" : "inspect.note")),
  );
  place().hidden = false;
  settle(element);
  if (pressed) place().querySelector(`[data-step=${pressed}]`)?.focus();
  if (steps) speak(cell, position);
}

/** The likeliest symbols, the chosen one, and what is left. @param {import("./cells.js").Cell} cell */
function rowsOf(cell) {
  const rows = cell.top.map(([symbol, logprob], at) => {
    const share = Math.exp(logprob);
    return { symbol, share, after: cell.chances?.[at] ?? share, chosen: isChosen(cell, symbol) };
  });
  if (!rows.some((row) => row.chosen)) {
    const share = Math.exp(cell.logprob);
    rows.push({ symbol: cell.text, share, after: cell.chance ?? share, chosen: true });
  }
  const left = (name) => Math.max(0, 1 - rows.reduce((sum, row) => sum + row[name], 0));
  const rest = { symbol: "…", share: left("share"), after: left("after"), rest: true };
  return rest.share >= 0.001 ? [...rows, rest] : rows;
}

function speak(cell, position) {
  const list = cell.top.map(([symbol, logprob]) =>
    say("inspect.probability", { symbol: spoken(symbol), probability: percent(Math.exp(logprob)) }),
  );
  announce(
    say("inspect.spoken", {
      position,
      symbol: spoken(cell.text),
      probability: percent(Math.exp(cell.logprob)),
      list: list.join(", "),
    }),
  );
}

/** A word is shown with a separator that is not part of its symbol. */
const isChosen = (cell, symbol) => cell.text === symbol || cell.text === ` ${symbol}`;

/** A chance in words where a percentage would say little. */
function odds(probability) {
  if (probability >= RARE) return percent(probability);
  return say("inspect.odds", {
    odds: number(1 / Math.max(probability, 1e-9), { maximumSignificantDigits: 2 }),
  });
}

/** A button that the text keeps its focus under. */
function step([name, onclick]) {
  const [sign, key] = STEPS[name];
  const onmousedown = (event) => event.preventDefault();
  const about = { type: "button", "data-step": name, "aria-label": say(key) };
  return h("button", { ...about, onclick, onmousedown }, sign);
}

const heads = () =>
  h(
    "p",
    { class: "inspector-heads", "aria-hidden": "true" },
    h("span", {}, say("inspect.before")),
    h("span", {}, say("inspect.after")),
  );

function bar({ symbol, share, after, chosen, rest }) {
  const track = h("span", { class: "track", "aria-hidden": "true" });
  track.style.setProperty("--share", String(share));
  track.style.setProperty("--after", String(after));
  const row = h(
    "li",
    { class: chosen ? "chosen" : rest ? "rest" : null },
    h("span", { class: "symbol" }, visible(symbol)),
    track,
    h("span", { class: "share" }, percent(share)),
    h("span", { class: "share after" }, percent(after)),
    chosen ? h("span", { class: "visually-hidden" }, say("inspect.chosen")) : null,
  );
  if (rest) row.setAttribute("aria-label", `${say("inspect.other")} ${percent(share)}`);
  return row;
}

/** Under the character where there is room, else above; at the bottom of a narrow window. */
function settle(element) {
  const box = place();
  if (window.matchMedia(NARROW).matches) {
    box.style.removeProperty("left");
    box.style.removeProperty("top");
    return;
  }
  const at = element.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = box;
  const left = Math.min(Math.max(GAP, at.left - width / 2), innerWidth - width - GAP);
  const below = at.bottom + GAP;
  const top = below + height < innerHeight ? below : Math.max(GAP, at.top - height - GAP);
  box.style.left = `${left}px`;
  box.style.top = `${top}px`;
}
