/** The windows over the page: a text's link and its code. */

import { $, origin } from "../common/dom.js";
import { hasKey } from "../common/http.js";
import { say, tell } from "../common/i18n.js";

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
export async function showCode(model, body, requests) {
  const { snippets } = await import("./snippets.js");
  const lines = snippets(origin(), model, body, hasKey());
  for (const [language, text] of Object.entries(lines)) $(`code-${language}`).textContent = text;
  const explained = requests > 1 ? "code.explained.continued" : "code.explained";
  tell($("code-explained"), explained, { count: requests });
  if (hasKey()) $("code-explained").append(` ${say("code.key")}`);
  $("code-dialog").showModal();
}
