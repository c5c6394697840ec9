/** Beginnings to try: those of the model's card, else some that its vocabulary can write. */

import { $, h } from "../common/dom.js";
import { tell } from "../common/i18n.js";
import * as seedField from "./seed-field.js";
import { visible } from "./symbols.js";

const MOST = 4;

const FRENCH = ["Il était une fois ", "Le roi lui répondit : ", "Dès que la nuit ", "Je vous "];
const ENGLISH = ["Once upon a time ", "It was a dark night, ", "My dear friend, ", "She said "];
const PLAIN = ["il etait une fois ", "the king said ", "la nuit ", "the "];

/** Show them as buttons that fill the seed field. @param {any} card with its vocabulary */
export function showExamples(card) {
  const choose = (text) => {
    seedField.set(text);
    $("seed").focus();
  };
  $("examples").replaceChildren(
    tell(h("span", { class: "hint" }), "examples"),
    ...examples(card).map((text) =>
      h("button", { type: "button", class: "chip", onclick: () => choose(text) }, chipText(text)),
    ),
  );
}

/** An example on its button: its spaces as they are, its line ends as signs. */
const chipText = (text) => (text.trim() ? text.trimEnd().split("\n").join(visible("\n")) : visible(text));

/**
 * @param {any} card with its vocabulary
 * @returns {string[]}
 */
function examples(card) {
  const given = card.notes?.examples;
  if (Array.isArray(given)) {
    const texts = given.filter((one) => typeof one === "string" && one);
    if (texts.length) return texts.slice(0, MOST);
  }
  if (card.level === "word") return sample(card.alphabet, card.unknown_symbol);
  const known = new Set(card.alphabet);
  const writable = (text) => [...text].every((one) => known.has(one));
  const french = ["é", "è", "ç", "ê"].every((one) => known.has(one));
  const candidates = french ? [...FRENCH, ...ENGLISH] : [...ENGLISH, ...FRENCH];
  const found = candidates.flatMap((text) => [text, text.toLowerCase()].filter(writable).slice(0, 1));
  const texts = [...new Set([...found, ...PLAIN.filter(writable)])].slice(0, MOST);
  return texts.length ? texts : sample(card.alphabet, null);
}

/** A few symbols spread over a vocabulary that writes no words (moves of a game, notes). */
function sample(vocabulary, unknown) {
  const symbols = vocabulary.filter((one) => one.trim() && one !== unknown);
  const step = Math.max(1, Math.floor(symbols.length / MOST));
  return symbols.filter((_, at) => at % step === 0).slice(0, MOST).map((one) => one.trimStart());
}
