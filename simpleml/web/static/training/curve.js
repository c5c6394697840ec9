/** The curves of a training, drawn as SVG: bits per character against minutes. */

import { h } from "../common/dom.js";
import { number, say } from "../common/i18n.js";
import { duration } from "./times.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [560, 200];
const EDGE = { left: 40, right: 10, top: 8, bottom: 22 };
const LINES = 4; // of the grid

/** An SVG element. @param {string} tag @param {Record<string, any>} attributes */
function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * @param {string} name of the model
 * @param {Array<{epoch: number, seconds: number, loss: number, selection: number | null,
 *     bits: number | null, best: boolean}>} measured losses in nats per symbol, bits per character
 * @returns {HTMLElement}
 */
export function curve(name, measured) {
  const points = inBits(measured);
  const values = points.flatMap((one) => [one.loss, one.selection ?? one.loss]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const last = points.at(-1);
  const across = (seconds) =>
    EDGE.left + (seconds / last.seconds) * (WIDTH - EDGE.left - EDGE.right);
  const up = (bits) =>
    EDGE.top + ((high - bits) / (high - low || 1)) * (HEIGHT - EDGE.top - EDGE.bottom);
  const line = (field, kind) => {
    const drawn = points.filter((one) => one[field] !== null);
    const places = drawn.map((one) => `${fixed(across(one.seconds))},${fixed(up(one[field]))}`);
    return s("polyline", { class: `line ${kind}`, points: places.join(" ") });
  };
  const grid = Array.from({ length: LINES + 1 }, (_, index) => {
    const bits = low + ((high - low) * index) / LINES;
    const y = fixed(up(bits));
    const digits = high - low < 0.1 ? 3 : 2;
    const label = number(bits, { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return [
      s("line", { class: "grid", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y, y2: y }),
      s("text", { x: EDGE.left - 6, y: Number(y) + 4, "text-anchor": "end" }, label),
    ];
  });
  const best = points.filter((one) => one.best && one.selection !== null).at(-1);
  const picture = s(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": spoken(name, points) },
    ...grid.flat(),
    s("text", { x: WIDTH - EDGE.right, y: HEIGHT - 6, "text-anchor": "end" }, duration(last.seconds)),
    line("loss", "loss"),
    line("selection", "selection"),
    ...(best
      ? [s("circle", { class: "best", cx: across(best.seconds), cy: up(best.selection), r: 4 })]
      : []),
  );
  return h(
    "figure",
    { class: "curve" },
    picture,
    h(
      "figcaption",
      {},
      h("span", {}, h("i", { class: "key-line dashed" }), say("curve.loss")),
      h("span", {}, h("i", { class: "key-line" }), say("curve.selection")),
    ),
  );
}

/** The points with their losses in bits per character, as the figures beside the curve are. */
function inBits(points) {
  const known = points.findLast((one) => one.bits && one.selection);
  const factor = known ? known.bits / known.selection : Math.LOG2E;
  return points.map((one) => ({
    ...one,
    loss: one.loss * factor,
    selection: one.selection === null ? null : one.selection * factor,
  }));
}

const fixed = (value) => value.toFixed(1);

/** The curve in a sentence. */
function spoken(name, points) {
  const [first, last] = [points[0], points.at(-1)];
  const shown = (value) => number(value ?? 0, { maximumFractionDigits: 2 });
  return say("curve.alt", {
    name,
    epochs: last.epoch,
    first: shown(first.selection ?? first.loss),
    last: shown(last.selection ?? last.loss),
  });
}
