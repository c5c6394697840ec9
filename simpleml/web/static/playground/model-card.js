/** What is known of a model, as a list: where its text comes from, how well it guesses, its size. */

import { h } from "../common/dom.js";
import { number, say } from "../common/i18n.js";
import * as api from "./api.js";
import { visible } from "./symbols.js";

const fact = (key, ...value) => [h("dt", {}, say(key)), h("dd", {}, ...value)];

/** "1.91 bits per character", in short; "" where it is not known. @param {any} card */
export function figure(card) {
  const bits = card.metrics?.bits_per_character;
  if (typeof bits !== "number") return "";
  return say("card.figure", { bits: number(bits, { maximumFractionDigits: 2 }) });
}

/**
 * @param {any} card
 * @returns {HTMLElement[]}
 */
export function facts(card) {
  const { corpus = {}, metrics = {} } = card;
  const rows = [];
  const source = corpus.title ?? corpus.source ?? corpus.file;
  if (source) {
    const length = corpus.characters;
    const counted = Number.isFinite(length) ? say("card.characters", { count: length }) : null;
    rows.push(...fact("card.source", String(source), counted && h("small", {}, counted)));
  }
  const licence = corpus.licence ?? corpus.license;
  if (licence) rows.push(...fact("card.licence", String(licence)));
  if (typeof metrics.bits_per_character === "number") {
    const blind = number(Math.log2(card.vocabulary_size), { maximumFractionDigits: 1 });
    rows.push(
      ...fact(
        "card.quality",
        number(metrics.bits_per_character, { maximumFractionDigits: 3 }),
        card.level === "char"
          ? h("small", {}, say("card.quality.hint", { symbols: card.vocabulary_size, blind }))
          : null,
      ),
    );
  }
  const { layers, units } = card;
  rows.push(...fact("card.network", say("card.network.value", { layers, units: String(units) })));
  const memory = card.stateful
    ? say("card.memory.stateful")
    : say("card.memory.window", { window: card.seq_maxlen });
  rows.push(...fact("card.memory", memory));
  rows.push(...fact("card.alphabet", alphabet(card)));
  rows.push(
    ...fact("card.weights", h("code", {}, `${card.weights_sha256.slice(0, 16)} · ${card.precision}`)),
  );
  const parts = [h("dl", {}, ...rows)];
  if (!source && !licence) parts.push(h("p", { class: "hint" }, say("card.old")));
  return parts;
}

function alphabet(card) {
  const symbols = card.alphabet.filter((one) => one !== card.unknown_symbol);
  const count = say("card.alphabet.count", { count: card.vocabulary_size });
  if (card.level === "word") return count;
  return h(
    "details",
    { class: "alphabet" },
    h("summary", {}, count),
    h("p", {}, ...symbols.map((one) => h("kbd", {}, visible(one)))),
  );
}

/**
 * The training curve, once it has come.
 * @param {string} model
 * @param {AbortSignal} signal
 */
export async function curve(model, signal) {
  const address = URL.createObjectURL(await api.curve(model, signal));
  const image = h("img", { src: address, alt: say("card.curve.alt", { name: model }) });
  image.addEventListener("load", () => URL.revokeObjectURL(address));
  return h("figure", {}, h("figcaption", {}, say("card.curve")), image);
}
