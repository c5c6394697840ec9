/** What models are called, how good they are, and which one a page begins with. */

import { current } from "./i18n.js";

/**
 * @typedef {object} Choice a model as /api/models lists it
 * @property {string} name
 * @property {Record<string, string>} title by language
 * @property {string | null} language of its text
 * @property {number | null} bits per character of text it never saw
 * @property {boolean} finished false while it is still learning
 */

/** What a page calls a model. @param {any} model a choice or a card @returns {string} */
export const titleOf = ({ title = {}, name, model }) => title[current()] ?? title.en ?? name ?? model;

/**
 * The models in the order in which a page would choose one: finished, in its language, good.
 * @param {Choice[]} models
 * @param {string} language of the page
 * @returns {Choice[]}
 */
export function preferred(models, language) {
  const foreign = (one) => (one.language?.startsWith(language) ? 0 : one.language ? 2 : 1);
  const keys = (one) => [one.finished ? 0 : 1, foreign(one), one.bits ?? Infinity];
  return [...models].sort((first, second) => {
    const others = keys(second);
    const at = keys(first).findIndex((key, place) => key !== others[place]);
    return at < 0 ? 0 : keys(first)[at] - others[at];
  });
}

const GOOD = 1.8; // bits: hesitating between 3.5 letters
const FAIR = 2.32; // between 5

/**
 * A verdict on bits per character; where there are few symbols to guess among, less is good.
 * @param {number} bits
 * @param {number} symbols in the vocabulary
 * @returns {"good" | "fair" | "poor"}
 */
export function quality(bits, symbols) {
  const blind = Math.log2(symbols);
  if (bits <= Math.min(GOOD, 0.5 * blind)) return "good";
  return bits <= Math.min(FAIR, 0.7 * blind) ? "fair" : "poor";
}

/** Between how many letters it hesitates. @param {number} bits per character */
export const letters = (bits) => Math.round(10 * 2 ** bits) / 10;
