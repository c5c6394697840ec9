/** A model to take home, as a file. */

import { h } from "../common/dom.js";
import { call } from "../common/http.js";
import { say } from "../common/i18n.js";

/** What GET /<model>/export.<form> answers; each has its words, take.<form>. */
const FORMS = ["zip", "html"];

/**
 * @param {string} model
 * @param {(error: import("../common/http.js").ApiError) => void} onError
 * @returns {HTMLElement}
 */
export function buttons(model, onError) {
  const made = FORMS.map((form) => {
    const button = h("button", { type: "button", class: "quiet" }, say(`take.${form}`));
    button.title = say(`take.${form}.hint`);
    button.addEventListener("click", async () => {
      button.disabled = true;
      await take(model, form).catch(onError);
      button.disabled = false;
    });
    return button;
  });
  return h("p", { class: "take" }, ...made);
}

async function take(model, form) {
  // a link could neither send the key nor say what is wrong
  const answer = await call(`/${encodeURIComponent(model)}/export.${form}`);
  const address = URL.createObjectURL(await answer.blob());
  h("a", { href: address, download: `${model}.${form}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
