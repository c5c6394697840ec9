import assert from "node:assert/strict";
import { test } from "node:test";

import { CellReader, bits, surprise } from "../../simpleml/web/static/playground/cells.js";

const thought = (symbol, logprob = -1) => ({ symbol, logprob, top: [] });
const texts = (cells) => cells.map((cell) => cell.text);

test("each symbol is a cell", () => {
  assert.deepEqual(texts(new CellReader().read("abc", [..."abc"].map((one) => thought(one)))), [..."abc"]);
});

test("probabilities may be ahead of the text", () => {
  const reader = new CellReader();
  assert.deepEqual(texts(reader.read("a", [thought("a"), thought("b")])), ["a"]);
  assert.deepEqual(texts(reader.read("bc", [thought("c")])), ["b", "c"]);
});

test("a word may stand behind a separator that is not its own", () => {
  assert.deepEqual(texts(new CellReader().read("the sultan", [thought("the"), thought("sultan")])), ["the", " sultan"]);
});

test("a text that was cut inside a symbol ends with what there is of it", () => {
  assert.deepEqual(texts(new CellReader().read("the sul", [thought("the"), thought(" sultan")])), ["the", " sul"]);
});

test("surprise goes from nothing to four", () => {
  assert.equal(bits(thought("a", 0)), 0);
  assert.equal(bits(thought("a", -Math.LN2)), 1);
  assert.deepEqual([0, 1, 3, 5, 9].map((many) => surprise(thought("a", -many * Math.LN2))), [0, 1, 2, 3, 4]);
});
