/**
 * Language and colours. Kept in cookies and not in the browser's storage, so that the server sends
 * the page as the visitor had it and nothing flashes.
 */

import { $ } from "./dom.js";
import * as i18n from "./i18n.js";

function keep(name, value) {
  if (document.getElementById("words")) return; // a page that is a single file keeps nothing
  document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax`;
}

/** Bring the switches to life. */
export function start() {
  const buttons = [...$("languages").querySelectorAll("button")];
  for (const button of buttons) {
    button.addEventListener("click", async () => {
      keep("lang", button.dataset.language); // first: one may leave before the words are here
      await i18n.use(button.dataset.language);
      for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
    });
  }
  $("theme").addEventListener("change", () => {
    document.documentElement.dataset.theme = $("theme").value;
    keep("theme", $("theme").value);
  });
}
