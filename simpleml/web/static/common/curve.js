/**
 * How a training went, drawn as SVG: bits per character against time, beside what merely counting
 * letters reaches. It follows the page's colours and language.
 */

import { h } from "./dom.js";
import { number, say } from "./i18n.js";
import { duration } from "./times.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 230;
const WIDTHS = [300, 760]; // in which it is drawn, so that its letters keep their size
const EDGE = { left: 44, right: 12, top: 26, bottom: 40 };
const LINES = 4; // of the grid
const HIGHEST = 1.25; // of the first judgement: a curve's beginning may lie far above all the rest

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
 * @param {number | null} counting bits per character that counting needs
 * @param {number} room width of the place, in pixels; 0 where it is not known
 * @returns {HTMLElement}
 */
export function curve(name, measured, counting, room) {
  const points = inBits(measured);
  const width = Math.min(WIDTHS[1], Math.max(WIDTHS[0], room || WIDTHS[1]));
  const unseen = points.map((one) => one.selection).filter((bits) => bits !== null);
  const ceiling = HIGHEST * Math.max(...(unseen.length ? unseen : [Infinity]), counting ?? 0);
  const values = points.flatMap((one) => [Math.min(one.loss, ceiling), ...(one.selection === null ? [] : [one.selection])]);
  if (counting) values.push(counting);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const last = points.at(-1);
  const across = (seconds) => EDGE.left + (seconds / (last.seconds || 1)) * (width - EDGE.left - EDGE.right);
  const up = (bits) =>
    EDGE.top + ((high - Math.min(bits, high)) / (high - low || 1)) * (HEIGHT - EDGE.top - EDGE.bottom);
  const line = (field, kind) => {
    const drawn = points.filter((one) => one[field] !== null);
    const places = drawn.map((one) => `${fixed(across(one.seconds))},${fixed(up(one[field]))}`);
    return s("polyline", { class: `line ${kind}`, points: places.join(" ") });
  };
  const best = points.filter((one) => one.best && one.selection !== null).at(-1);
  const picture = s(
    "svg",
    {
      viewBox: `0 0 ${width} ${HEIGHT}`,
      role: "img",
      "aria-label": spoken(name, points, counting),
    },
    ...grid(low, high, up, width),
    ...axes(last.seconds, across, width),
    ...(counting ? [level(up(counting), width)] : []),
    line("loss", "loss"),
    line("selection", "selection"),
    ...(best
      ? [s("circle", { class: "best", cx: fixed(across(best.seconds)), cy: fixed(up(best.selection)), r: 4 })]
      : []),
  );
  const key = (kind, word) => h("span", {}, h("i", { class: `key-line ${kind}` }), say(word));
  return h(
    "figure",
    { class: "curve" },
    picture,
    h(
      "figcaption",
      {},
      key("selection", "curve.selection"),
      key("loss", "curve.loss"),
      counting ? key("counting", "curve.counting") : null,
    ),
  );
}

/** Lines at even bits, with their figures. */
function grid(low, high, up, width) {
  return Array.from({ length: LINES + 1 }, (_, index) => {
    const bits = low + ((high - low) * index) / LINES;
    const y = fixed(up(bits));
    const digits = high - low < 0.1 ? 3 : 2;
    const label = number(bits, { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return [
      s("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y }),
      s("text", { x: EDGE.left - 6, y: Number(y) + 4, "text-anchor": "end" }, label),
    ];
  }).flat();
}

/** What stands on each axis, and where the time begins and ends. */
function axes(seconds, across, width) {
  const y = HEIGHT - EDGE.bottom + 16;
  const middle = (EDGE.left + width - EDGE.right) / 2;
  return [
    s("text", { class: "title", x: 0, y: 13 }, say("curve.bits")),
    s("text", { x: across(0), y, "text-anchor": "start" }, duration(0)),
    s("text", { x: across(seconds), y, "text-anchor": "end" }, duration(seconds)),
    s("text", { class: "title", x: middle, y: HEIGHT - 6, "text-anchor": "middle" }, say("curve.time")),
  ];
}

/** What counting reaches: the same at all times. */
function level(y, width) {
  return s("line", { class: "line counting", x1: EDGE.left, x2: width - EDGE.right, y1: fixed(y), y2: fixed(y) });
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

/** The curve in a sentence or two. */
function spoken(name, points, counting) {
  const [first, last] = [points[0], points.at(-1)];
  const shown = (value) => number(value ?? 0, { maximumFractionDigits: 2 });
  const said = say("curve.alt", {
    name,
    epochs: last.epoch,
    first: shown(first.selection ?? first.loss),
    last: shown(last.selection ?? last.loss),
  });
  return counting ? `${said} ${say("curve.alt.counting", { counting: shown(counting) })}` : said;
}
