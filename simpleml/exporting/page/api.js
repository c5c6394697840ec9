/** What the playground's modules ask of a server, answered by the page itself. */

import { Vocabulary } from "./vocabulary.js";

/** What the file says of the model, its network and its symbols. */
export const described = JSON.parse(document.getElementById("model").textContent);
export const vocabulary = new Vocabulary(described.vocabulary);

/** How the model reads a seed. */
export async function encode(_model, seed) {
  const { indices, changes } = vocabulary.encode(seed);
  return { changes, symbols: indices.length, window: described.window };
}
