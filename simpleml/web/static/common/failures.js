/** An error of the server in the visitor's words; its own, which are English, folded below them. */

import { h } from "./dom.js";
import { knows, say, tell } from "./i18n.js";

/** Codes of which our words say all there is to say. */
const PLAIN = [
  "class_forbidden", "class_paused", "corpus_unavailable", "deadline", "generation_failed",
  "invalid_api_key", "not_found", "not_yours", "offline", "payload_too_large", "queue_full",
  "request_timeout", "stopping",
];

/** Reasons that say which field it is, but not all that is wrong with it. */
const VAGUE = ["value_wrong"];
/** Fields whose label has another name. @type {Record<string, string>} */
const LABELS = { temp: "temperature" };

/** What stands in the gaps: a field by the label that it has on the page. */
function named({ field, ...params }) {
  const label = LABELS[field] ?? field;
  return { ...params, field: knows(label) ? () => say(label) : field };
}

/**
 * @param {import("./http.js").ApiError} error
 * @returns {HTMLElement[]}
 */
export function describe(error) {
  const known = [error.reason, error.code].find((one) => one && knows(`error.${one}`)) ?? "other";
  const said = tell(h("strong"), `error.${known}`, named(error.params));
  const whole = PLAIN.includes(known) || (known === error.reason && !VAGUE.includes(known));
  if (!error.message || whole) return [said];
  const details = h(
    "details",
    { class: "details" },
    tell(h("summary"), "error.details"),
    h("span", { lang: "en" }, error.message),
  );
  return [said, details];
}
