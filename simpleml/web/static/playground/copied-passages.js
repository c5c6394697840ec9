/** What of a text stands in what its model has read, in words. */

import { h } from "../common/dom.js";
import { tell } from "../common/i18n.js";

const QUOTED = 80; // characters of the longest copied passage that are shown

/** The beginning of a passage, on one line. @param {string} text */
function shortened(text) {
  const characters = [...text.replaceAll("\n", " ").trim()];
  return characters.slice(0, QUOTED).join("") + (characters.length > QUOTED ? "…" : "");
}

/** How much stands in what was read, in words. @param {any} found @param {string} key */
function overlap(found, key) {
  return tell(h("span"), key, {
    name: found.name,
    share: Math.round(1000 * found.copied_share) / 10,
    count: found.longest?.length ?? 0,
    passage: found.longest ? shortened(found.longest.text) : "",
  });
}

/**
 * @param {any} found as /api/originality answers
 * @returns {Array<Node | string>}
 */
export function said(found) {
  const { base } = found;
  const own = overlap(found, found.longest ? "copies.some" : "copies.none");
  if (!base) return [own];
  return [own, " ", overlap(base, base.longest ? "copies.base.some" : "copies.base.none")];
}
