/** Beginnings to try: those of the model's card, else some that its alphabet can write. */

const MOST = 4;

const FRENCH = ["Il était une fois ", "Le roi lui répondit : ", "Dès que la nuit ", "Je vous "];
const ENGLISH = ["Once upon a time ", "It was a dark night, ", "My dear friend, ", "She said "];
const PLAIN = ["il etait une fois ", "the king said ", "la nuit ", "the "];

/**
 * @param {any} card with its alphabet
 * @returns {string[]}
 */
export function examples(card) {
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

/** A few symbols spread over an alphabet that writes no words (moves of a game, notes). */
function sample(alphabet, unknown) {
  const symbols = alphabet.filter((one) => one.trim() && one !== unknown);
  const step = Math.max(1, Math.floor(symbols.length / MOST));
  return symbols.filter((_, at) => at % step === 0).slice(0, MOST).map((one) => one.trimStart());
}
