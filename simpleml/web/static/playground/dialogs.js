/** The windows over the page: a text's link, its code, and the question for a key. */

import { $, copy } from "./dom.js";
import { hasKey } from "./api.js";
import { say, tell } from "./i18n.js";
import { snippets } from "./snippets.js";

const COPIED_MILLISECONDS = 1600;

/** Copy a text and let a button say so for a moment. */
export async function copyBy(button, text) {
  await copy(text);
  const key = button.dataset.t;
  tell(button, "copied");
  setTimeout(() => tell(button, key), COPIED_MILLISECONDS);
}

export function start() {
  for (const button of document.querySelectorAll("[data-copies]")) {
    const source = $(button.dataset.copies);
    button.addEventListener("click", () => copyBy(button, source.value ?? source.textContent));
  }
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close(); // a click beside it
    });
  }
}

/** @param {string} address */
export function showLink(address) {
  $("link-address").value = address;
  $("link-dialog").showModal();
  $("link-address").select();
}

/**
 * @param {string} model
 * @param {Record<string, any>} body of the last request
 * @param {number} requests how many the text took
 */
export function showCode(model, body, requests) {
  const lines = snippets(location.origin, model, body, hasKey());
  for (const [language, text] of Object.entries(lines)) $(`code-${language}`).textContent = text;
  const explained = requests > 1 ? "code.explained.continued" : "code.explained";
  tell($("code-explained"), explained, { count: requests });
  if (hasKey()) $("code-explained").append(` ${say("code.key")}`);
  $("code-dialog").showModal();
}

/** @type {Promise<string> | null} one question, however many requests wait for its answer */
let asking = null;

/** Ask for a key. @returns {Promise<string>} "" when the visitor has none */
export function askKey() {
  asking ??= new Promise((resolve) => {
    const dialog = $("key-dialog");
    $("key").value = "";
    dialog.addEventListener(
      "close",
      () => {
        asking = null;
        resolve(dialog.returnValue === "use" ? $("key").value.trim() : "");
        dialog.returnValue = "";
      },
      { once: true },
    );
    dialog.showModal();
  });
  return asking;
}
