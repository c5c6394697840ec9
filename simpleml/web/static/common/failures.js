/** An error of the server in the visitor's words; its own, which are English, folded below them. */

import { h } from "./dom.js";
import { knows, tell } from "./i18n.js";

/** Codes of which our words say all there is to say. */
const PLAIN = [
  "class_forbidden", "class_paused", "corpus_unavailable", "deadline", "generation_failed",
  "invalid_api_key", "not_yours", "offline", "payload_too_large",
];

/**
 * @param {import("./http.js").ApiError} error
 * @returns {HTMLElement[]}
 */
export function describe(error) {
  const known = [error.reason, error.code].find((one) => one && knows(`error.${one}`)) ?? "other";
  const said = tell(h("strong"), `error.${known}`, error.params);
  if (!error.message || known === error.reason || PLAIN.includes(known)) return [said];
  const details = h(
    "details",
    { class: "details" },
    tell(h("summary"), "error.details"),
    h("span", { lang: "en" }, error.message),
  );
  return [said, details];
}
