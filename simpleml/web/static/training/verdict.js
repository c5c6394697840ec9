/** What came of a training, in sentences: does it guess well, write whole words, copy? */

import { h } from "../common/dom.js";
import { number, percent, say } from "../common/i18n.js";

const COPIES = {
  little: "verdict.copies.little",
  phrases: "verdict.copies.phrases",
  much: "verdict.copies.much",
};

/**
 * @param {any} verdict
 * @returns {HTMLElement[]} an item for each question that was asked; what is good is marked so
 */
export function sentences(verdict) {
  const bits = (value) => number(value, { maximumFractionDigits: 2 });
  const found = [
    item(
      verdict.better,
      say(verdict.better ? "verdict.better" : "verdict.worse", {
        bits: bits(verdict.bits),
        counting: bits(verdict.counting_bits),
      }),
    ),
  ];
  if (verdict.whole_words !== null) {
    const key = verdict.whole_words ? "verdict.words" : "verdict.half_words";
    const usual = percent(verdict.known_words_held_out);
    found.push(item(verdict.whole_words, say(key, { share: percent(verdict.known_words), usual })));
  }
  if (verdict.copies !== null) {
    const key = COPIES[verdict.copies];
    const usual = percent(verdict.copied_held_out);
    const share = percent(verdict.copied);
    found.push(item(verdict.copies !== "much", say(key, { share, usual })));
  }
  return found;
}

const item = (good, sentence) => h("li", { "data-good": String(good) }, sentence);
