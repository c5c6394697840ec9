/** The small window that shows what the network thought of one character. */

import { $, announce, h } from "../common/dom.js";
import { number, percent, say } from "../common/i18n.js";
import { spoken, visible } from "./symbols.js";

const GAP = 8; // pixels between the character and the window
const NARROW = "(max-width: 40rem)";

const place = () => $("inspector");
let anchor = null;

/** Keep the window at its character while the page scrolls. */
export function follow() {
  if (anchor) settle(anchor);
}

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
 * @param {boolean} aloud also say it to those who listen
 */
export function show(element, cell, position, aloud) {
  if (anchor !== element) anchor?.classList.remove("inspected");
  anchor = element;
  element.classList.add("inspected");
  const probability = Math.exp(cell.logprob);
  const rows = cell.top.map(([symbol, logprob]) => ({
    symbol,
    share: Math.exp(logprob),
    chosen: isChosen(cell, symbol),
  }));
  if (!rows.some((row) => row.chosen)) {
    rows.push({ symbol: cell.text, share: probability, chosen: true });
  }
  const rest = Math.max(0, 1 - rows.reduce((sum, row) => sum + row.share, 0));
  place().replaceChildren(
    h(
      "p",
      { class: "inspector-head" },
      h("strong", {}, visible(cell.text)),
      h("span", {}, odds(probability)),
    ),
    h("ol", {}, ...rows.map(bar), rest >= 0.001 ? restBar(rest) : null),
    h("p", { class: "hint" }, say("inspect.note")),
  );
  place().hidden = false;
  settle(element);
  if (aloud) {
    const list = cell.top.map(([symbol, logprob]) =>
      say("inspect.probability", { symbol: spoken(symbol), probability: percent(Math.exp(logprob)) }),
    );
    announce(
      say("inspect.spoken", {
        position,
        symbol: spoken(cell.text),
        probability: percent(probability),
        list: list.join(", "),
      }),
    );
  }
}

/** A word is shown with a separator that is not part of its symbol. */
const isChosen = (cell, symbol) => cell.text === symbol || cell.text === ` ${symbol}`;

function odds(probability) {
  if (probability > 0.95) return say("inspect.certain");
  return say("inspect.odds", {
    odds: number(1 / Math.max(probability, 1e-9), { maximumSignificantDigits: 2 }),
  });
}

function bar({ symbol, share, chosen }) {
  const track = h("span", { class: "track", "aria-hidden": "true" });
  track.style.setProperty("--share", String(share));
  return h(
    "li",
    { class: chosen ? "chosen" : null },
    h("span", { class: "symbol" }, visible(symbol)),
    track,
    h("span", { class: "share" }, percent(share)),
    chosen ? h("span", { class: "visually-hidden" }, say("inspect.chosen")) : null,
  );
}

function restBar(share) {
  const row = bar({ symbol: "…", share, chosen: false });
  row.classList.add("rest");
  row.setAttribute("aria-label", `${say("inspect.other")} ${percent(share)}`);
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
