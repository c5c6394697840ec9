import assert from "node:assert/strict";
import { test } from "node:test";

import { isBlend, membersOf, mixOf, percentOf, shown } from "../../simpleml/web/static/playground/blend.js";

test("a mix says the percentage that it was made with", () => {
  for (let percent = 0; percent <= 100; percent += 5) {
    assert.equal(percentOf(mixOf("tales+flow", percent)), percent);
  }
  assert.equal(mixOf("tales+flow", 30), "tales:0.7,flow:0.3");
  assert.equal(percentOf("damaged"), 50);
});

test("a blend's name is its members'", () => {
  assert.deepEqual(membersOf("tales+flow"), ["tales", "flow"]);
  assert.deepEqual(membersOf("tales"), ["tales"]);
  assert.ok(isBlend("tales+flow"));
  assert.ok(!isBlend("tales"));
  assert.equal(shown("tales:0.7,flow:0.3"), "tales 0.7 + flow 0.3");
});
