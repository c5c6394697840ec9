/** Putting a text of the playground on the wall: asks by what name, then does it. */

import { announce, h } from "../common/dom.js";
import { describe } from "../common/failures.js";
import { say, tell } from "../common/i18n.js";
import * as permalink from "./permalink.js";

/** Ask by what name. @param {string} usual @returns {Promise<string | null>} null for not at all */
function askName(usual) {
  const name = h("input", { type: "text", id: "publish-name", maxlength: 40, autocomplete: "off" });
  name.value = usual;
  const dialog = h(
    "dialog",
    { id: "publish-dialog", "aria-labelledby": "publish-title" },
    h("h2", { id: "publish-title" }, say("publish.title")),
    h(
      "form",
      { method: "dialog" },
      h("p", { class: "field" }, h("label", { for: "publish-name" }, say("publish.name")), name),
      h(
        "p",
        { class: "copy-row" },
        h("button", { class: "primary", value: "yes" }, say("publish.yes")),
        h("button", { class: "quiet", value: "no" }, say("publish.no")),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? name.value : null);
    });
  });
}

/** @param {import("./sheet.js").Sheet} sheet with the text, and where to say what came of it */
export async function publish({ text, seed, card, parts, recipe, buttons, notice }) {
  try {
    const server = await import("../class/server.js"); // of a class alone
    const author = await askName((await server.about()).name);
    buttons.publish.focus();
    if (author === null) return;
    await server.publish({
      text,
      seed,
      author,
      model: card.model,
      temperature: parts.at(-1).options.temp,
      recipe: permalink.write({ columns: [recipe], copies: false }),
    });
    notice.replaceChildren(
      tell(h("span"), "publish.done"),
      tell(h("a", { href: "/class" }), "footer.class"),
    );
    announce(say("publish.done"));
  } catch (error) {
    notice.replaceChildren(...describe(error));
  }
}
