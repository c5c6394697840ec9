import assert from "node:assert/strict";
import { test } from "node:test";

import { checksum, read, sameWeights, write } from "../../simpleml/web/static/playground/permalink.js";

const part = { size: 300, temp: 0.5, random_state: 1234 };
const recipe = (more = {}) => ({
  model: "tales",
  seed: "once upon\na time & so #1",
  parts: [part],
  weights: "5f0c5f0c5f0c5f0c",
  precision: "float32",
  checksum: "9a0b1c2d",
  ...more,
});

test("a link that is read again says what it said", () => {
  const every = {
    ...part, top_k: 5, top_p: 0.9, min_p: 0.1, repetition_penalty: 1.2, max_copy: 20,
    stateful: false, stop: ["\n", "&x="], mix: "tales:0.7,flow:0.3",
  };
  const link = {
    columns: [recipe({ model: "tales+flow", parts: [every, { ...part, mix: "tales:1,flow:0" }] }), recipe({ model: "flow", seed: "le sultan é" })],
    copies: true,
  };
  assert.deepEqual(read(`#${write(link)}`), link);
});

test("a text beside it with the same seed does not repeat the seed", () => {
  const hash = write({ columns: [recipe(), recipe({ model: "flow" })], copies: false });
  assert.equal(hash.split("once").length, 2);
  assert.equal(read(hash).columns[1].seed, recipe().seed);
});

test("of the weights' hash sixteen digits stand in a link", () => {
  const weights = "0123456789abcdef0123456789abcdef";
  const back = read(write({ columns: [recipe({ weights })], copies: false })).columns[0];
  assert.equal(back.weights, weights.slice(0, 16));
  assert.ok(sameWeights(back, { weights_sha256: weights }));
  assert.ok(!sameWeights(back, { weights_sha256: "f".repeat(32) }));
});

test("what does not say what to write is no link", () => {
  for (const hash of [
    "", "#", "#m=tales", "#m=tales&s=a&n=0&t=0.5&r=1", "#m=tales&n=10&t=x&r=1",
    "#m=tales&n=10&t=0.5&r=1.5", "#m=tales&n=10&t=Infinity&r=1", "#n=10&t=0.5&r=1",
    "#m=a&n=10&t=1&r=1&then=n=no", `#m=a&n=1&t=1&r=1${"&with=m%3Da%26n%3D1%26t%3D1%26r%3D1".repeat(3)}`,
  ]) {
    assert.equal(read(hash), null, hash);
  }
});

test("the checksum is FNV-1a", () => {
  assert.equal(checksum(""), "811c9dc5");
  assert.equal(checksum("a"), "e40c292c");
  assert.equal(checksum("foobar"), "bf9cf968");
});
