/** What is known of a model, as a list: where its text comes from, how well it guesses, its size. */

import { h } from "../common/dom.js";
import { current, number, say } from "../common/i18n.js";
import { letters, quality, titleOf } from "../common/models.js";
import { french } from "../common/typography.js";
import * as api from "./api.js";
import { visible } from "./symbols.js";

const fact = (key, ...value) => [h("dt", {}, say(key)), h("dd", {}, ...value)];

const STILL_TRAINING = "still training"; // how the note of a card begins meanwhile
const PUBLIC = "public domain"; // as cards have it
const VERDICTS = { good: "quality.good", fair: "quality.fair", poor: "quality.poor" };
const SAMPLED_AT = 0.5; // the temperature of the sample that is shown
const SAMPLE = 260; // characters of it

/** "hesitates between 2.5 letters: good"; "" where it is not known. @param {any} card */
export function figure(card) {
  const bits = card.metrics?.bits_per_character;
  if (typeof bits !== "number") return "";
  return say("card.figure", {
    count: letters(bits),
    quality: say(VERDICTS[quality(bits, card.vocabulary_size)]),
  });
}

/** Where a text comes from, in the page's language if the card says it. @param {any} corpus */
export function sourceOf({ sources, title, source, file }) {
  const own = sources?.[current()];
  if (typeof own !== "string") return title ?? source ?? file;
  return current() === "fr" ? french(own) : own;
}

/** The licence of a text; the usual one in the page's language. @param {any} corpus */
export function licenceOf({ license, licence = license }) {
  return licence === PUBLIC ? say("card.public") : licence && String(licence);
}

/**
 * @param {any} card
 * @returns {HTMLElement[]}
 */
export function facts(card) {
  const { corpus = {}, metrics = {} } = card;
  const rows = [];
  if (metrics.note?.startsWith(STILL_TRAINING)) {
    rows.push(...fact("card.state", say("card.learning")));
  }
  if (titleOf(card) !== card.model) rows.push(...fact("card.name", h("code", {}, card.model)));
  const source = sourceOf(corpus);
  if (source) {
    const length = corpus.characters;
    const counted = Number.isFinite(length) ? say("card.characters", { count: length }) : null;
    rows.push(...fact("card.source", String(source), counted && h("small", {}, counted)));
  }
  const licence = licenceOf(corpus);
  if (licence) rows.push(...fact("card.licence", licence));
  const begun = card.training?.begun_from;
  if (begun?.name) rows.push(...fact("card.begun", String(begun.name), why(begun)));
  if (typeof metrics.bits_per_character === "number") {
    const exact = number(metrics.bits_per_character, { maximumFractionDigits: 3 });
    const exactly = say("card.quality.exact", { bits: exact, symbols: card.vocabulary_size });
    rows.push(...fact("card.quality", figure(card), " ", ...help("help.bits"), h("small", {}, exactly)));
  }
  const { layers, units } = card;
  rows.push(...fact("card.network", say("card.network.value", { layers, units: String(units) })));
  const memory = card.stateful
    ? say("card.memory.stateful")
    : say("card.memory.window", { window: card.seq_maxlen });
  rows.push(...fact("card.memory", memory));
  rows.push(...fact("card.vocabulary", vocabulary(card)));
  rows.push(
    ...fact("card.weights", h("code", {}, `${card.weights_sha256.slice(0, 16)} · ${card.precision}`)),
  );
  const parts = [h("dl", {}, ...rows), ...sample(card)];
  if (!source && !licence) parts.push(h("p", { class: "hint" }, say("card.old")));
  return parts;
}

/** A mark that explains a word when it is pressed. @param {string} key of its label, and of its text */
function help(key) {
  const id = key.replace(".", "-");
  const about = { type: "button", class: "help", popovertarget: id, "aria-label": say(key) };
  const text = h("p", {}, say(`${key}.text`));
  return [h("button", about, "?"), h("div", { id, class: "help-text", popover: "" }, text)];
}

/** What it wrote when its card was made, chosen by nobody. @param {any} card */
function sample({ notes, stateful }) {
  const all = Array.isArray(notes?.samples) ? notes.samples : [];
  const mode = stateful ? "stateful" : "window";
  const one = all.find((each) => each.mode === mode && each.temperature === SAMPLED_AT) ?? all[0];
  if (typeof one?.text !== "string") return [];
  const text = [...one.text].slice(0, SAMPLE).join("");
  return [
    h(
      "figure",
      { class: "sample" },
      h("figcaption", {}, say("card.sample", { temperature: one.temperature })),
      h("blockquote", {}, `${text.trim()}…`),
    ),
  ];
}

/** Why a model began from another one, in short. @param {any} begun */
function why({ nats_before: nats, counting_nats: counted }) {
  if (!Number.isFinite(nats)) return null;
  const bits = (value) => number(value / Math.LN2, { maximumFractionDigits: 2 });
  const words = Number.isFinite(counted)
    ? say("card.begun.counting", { bits: bits(nats), counting: bits(counted) })
    : say("card.begun.hint", { bits: bits(nats) });
  return h("small", {}, words);
}

function vocabulary(card) {
  const symbols = card.alphabet.filter((one) => one !== card.unknown_symbol);
  const count = say("card.vocabulary.count", { count: card.vocabulary_size });
  if (card.level === "word") return count;
  return h(
    "details",
    { class: "vocabulary" },
    h("summary", {}, count),
    h("p", {}, ...symbols.map((one) => h("kbd", {}, visible(one)))),
  );
}

/**
 * How its training went, once that has come.
 * @param {string} model
 * @param {AbortSignal} signal
 * @param {HTMLElement} place that it will stand in
 */
export async function curve(model, signal, place) {
  const { curve: points, counting_bits: counting } = await api.curve(model, signal);
  if (points.length < 2) return null;
  const { curve: draw } = await import("../common/curve.js");
  return draw(model, points, counting, place.clientWidth);
}
