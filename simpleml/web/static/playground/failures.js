/** An error of the server in the visitor's words, the server's own (English) ones after it. */

import { h } from "./dom.js";
import { tell } from "./i18n.js";

const KNOWN = [
  "model_broken", "model_not_found", "invalid_value", "payload_too_large", "deadline",
  "invalid_api_key", "generation_failed", "offline",
]; // prettier-ignore

/**
 * @param {import("./api.js").ApiError} error
 * @returns {HTMLElement[]}
 */
export function describe(error) {
  const code = KNOWN.includes(error.code) ? error.code : "other";
  const parts = [tell(h("strong"), `error.${code}`)];
  if (error.message && code !== "offline") {
    parts.push(
      h(
        "span",
        { class: "details" },
        tell(h("span"), "error.details"),
        " ",
        h("span", { lang: "en" }, error.message),
      ),
    );
  }
  return parts;
}
