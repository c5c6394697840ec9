/** The windows over a page: how they close, what they copy, and the question for a key. */

import { $, copy } from "./dom.js";
import { tell } from "./i18n.js";

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

/** @type {Promise<string> | null} one question, however many requests wait for its answer */
let asking = null;

/**
 * Ask for a key.
 * @param {boolean} wrong whether the one that was given before opens nothing here
 * @returns {Promise<string>} "" when the visitor has none
 */
export function askKey(wrong) {
  asking ??= new Promise((resolve) => {
    const dialog = $("key-dialog");
    $("key").value = "";
    $("key-wrong").hidden = !wrong;
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
