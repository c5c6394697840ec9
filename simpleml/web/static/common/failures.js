/** An error of the server in the visitor's words, the server's own (English) ones after it. */

import { h } from "./dom.js";
import { knows, tell } from "./i18n.js";

/**
 * @param {import("./http.js").ApiError} error
 * @returns {HTMLElement[]}
 */
export function describe(error) {
  const code = knows(`error.${error.code}`) ? error.code : "other";
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
