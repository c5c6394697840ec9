/** What the server found in a text, in the visitor's language. */

import { $, h } from "../common/dom.js";
import { knows, number, onLanguage, percent, say } from "../common/i18n.js";
import { duration } from "../common/times.js";

/** @type {any} */
let found = null;

export const start = () => onLanguage(show);

/** Show what a check found, or nothing. @param {any} facts null for nothing */
export function tell(facts) {
  found = facts;
  show();
}

function show() {
  const place = $("advice");
  place.hidden = !found;
  if (!found) return place.replaceChildren();
  place.replaceChildren(
    h("p", { class: "time" }, say("advice.time", { time: duration(found.seconds) })),
    h("p", {}, beginning(found.begins_from)),
    h("ul", {}, ...found.advice.map((one) => h("li", {}, sentence(one), ...listed(one)))),
    h(
      "p",
      { class: "hint" },
      say("advice.figures", {
        characters: found.characters,
        alphabet: found.alphabet,
        speed: found.characters_per_second,
        memory: number(found.memory / 1e9, { maximumFractionDigits: 1 }),
        bits: number(found.bits_to_beat, { maximumFractionDigits: 2 }),
      }),
    ),
  );
}

/** What a training begins from, and why. @param {any} from */
export function beginning({ name, reason, bits, counting_bits: counting }) {
  const shown = (value) => number(value, { maximumFractionDigits: 2 });
  if (!name) return say(`advice.from_nothing.${reason}`, { bits: shown(bits), counting: shown(counting) });
  if (counting === null) return say("advice.begun.asked", { base: name, bits: shown(bits) });
  return say("advice.begun", { base: name, bits: shown(bits), counting: shown(counting) });
}

/** The words that one may not want to read, after the advice that tells of them. */
const listed = ({ code }) =>
  code === "unwanted_words"
    ? [" ", h("q", {}, found.unwanted.map(({ word, times }) => `${word} (${times})`).join(", "))]
    : [];

/** An advice in words; one that this page does not know, in the server's own. */
function sentence({ code, message, values }) {
  const key = `advice.${code}`;
  if (!knows(key)) return h("span", { lang: "en" }, message);
  const shown = { ...values };
  if ("share" in shown) shown.share = percent(shown.share);
  return say(key, shown);
}
