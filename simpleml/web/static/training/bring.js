/** A model that was taken home elsewhere comes in, as a zip. */

import { $, announce, h } from "../common/dom.js";
import { describe } from "../common/failures.js";
import { isTeacher } from "../common/http.js";
import { say, tell } from "../common/i18n.js";
import * as server from "./server.js";

/** @type {{confirm: (what: string, name: string) => Promise<boolean>, changed: () => void}} */
let page;

/**
 * Bring the button to life.
 * @param {typeof page} asked asks before something is lost, and is told of changes
 */
export function start(asked) {
  page = asked;
  const file = $("bring-file");
  $("bring-choose").addEventListener("click", () => file.click());
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    file.value = "";
    if (chosen) await bring(chosen);
  });
}

/** List the models that were brought in. @param {Record<string, string>} owners by their names */
export function list(owners) {
  const { visitor } = document.documentElement.dataset;
  const mine = (name) => !visitor || owners[name] === visitor || isTeacher();
  const shown = JSON.stringify([Object.keys(owners).filter(mine), document.documentElement.lang]);
  const place = $("brought");
  if (place.dataset.shown === shown) return;
  place.dataset.shown = shown;
  place.replaceChildren(...Object.keys(owners).filter(mine).map(entry));
}

function entry(name) {
  const use = h("a", { href: `/?model=${encodeURIComponent(name)}` }, name);
  const remove = h("button", { type: "button", class: "quiet" }, say("delete"));
  remove.setAttribute("aria-label", `${say("delete")}: ${name}`);
  remove.addEventListener("click", async () => {
    if (!(await page.confirm("remove", name))) return;
    try {
      await server.removeBrought(name);
      announce(say("deleted", { name }));
    } catch (error) {
      $("bring-problem").replaceChildren(...describe(error));
    }
    page.changed();
  });
  return h("li", {}, use, " ", remove);
}

async function bring(file) {
  $("bring-problem").replaceChildren();
  $("bring-choose").disabled = true;
  tell($("bring-said"), "bring.sending");
  try {
    const { name } = await server.bring(file, $("bring-name").value.trim());
    const address = `/?model=${encodeURIComponent(name)}`;
    tell($("bring-said"), "bring.done", { name });
    $("bring-said").append(" ", h("a", { href: address }, say("use")));
    announce($("bring-said").textContent);
    page.changed();
  } catch (error) {
    tell($("bring-said"), "");
    $("bring-problem").replaceChildren(...describe(error));
    if (error.code === "model_exists") $("bring-name").focus();
  }
  $("bring-choose").disabled = false;
}
