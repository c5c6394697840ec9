/** The page of trainings: a text becomes a model, before one's eyes. */

import * as http from "../common/http.js";
import * as dialogs from "../common/dialogs.js";
import { $, announce, h } from "../common/dom.js";
import { describe } from "../common/failures.js";
import * as i18n from "../common/i18n.js";
import * as preferences from "../common/preferences.js";
import * as advice from "./advice.js";
import * as server from "./server.js";
import * as source from "./source.js";
import { Training } from "./training.js";

const { say, tell } = i18n;
const LOOK_MILLISECONDS = 3000;
const NUMBERS = ["layers", "units", "max_minutes", "epochs"];

/** @type {Map<string, Training>} */
const trainings = new Map();
let checking = new AbortController();
/** Whether the visitor chose a size; before that it is the one that is advised. */
let sizeChosen = false;
let nameChosen = false;
/** Whether the visitor was asked for a key and gave none: not to be asked every three seconds. */
let locked = false;

await i18n.start("training");
preferences.start();
dialogs.start();
http.onKeyNeeded(dialogs.askKey);
advice.start();
source.start(textChanged);
i18n.onLanguage(() => {
  for (const one of trainings.values()) one.show();
});

function textChanged(fromFile) {
  checking.abort();
  advice.tell(null);
  tell($("checking"), "");
  const usable = source.isReady();
  $("check").disabled = $("start").disabled = !usable;
  if (fromFile && !nameChosen) $("name").value = source.suggestedName();
  if (fromFile && usable) check();
}

/** What the form says besides the text; what is left empty is left out. */
function options() {
  const found = {
    level: $("level").value,
    validation: $("validation").value,
    lower: $("lower").checked,
  };
  for (const id of NUMBERS) {
    const field = $(id);
    if (field.value === "" && !field.validity.badInput) continue;
    if (!field.checkValidity()) {
      $("more").open = true;
      field.focus();
      throw new Error(
        say("field.range", { label: field.labels[0].textContent, low: Number(field.min), high: Number(field.max) }),
      );
    }
    found[id] = field.valueAsNumber;
  }
  return found;
}

/** Ask what the text is worth. */
async function check() {
  $("form-problem").replaceChildren();
  checking.abort();
  const { signal } = (checking = new AbortController());
  advice.tell(null);
  let asked;
  try {
    asked = options();
  } catch (error) {
    $("form-problem").textContent = error.message;
    return;
  }
  tell($("checking"), "checking");
  $("check").disabled = true;
  try {
    const facts = await server.check(source.content(), asked, signal);
    advice.tell(facts);
    announce($("advice").textContent);
    if (!sizeChosen) {
      $("layers").value = facts.suggested_layers;
      $("units").value = facts.suggested_units;
    }
    tell($("checking"), "");
  } catch (error) {
    if (signal.aborted) return;
    tell($("checking"), "");
    $("form-problem").replaceChildren(...describe(error));
  }
  $("check").disabled = false;
}

async function start() {
  $("form-problem").replaceChildren();
  if (!$("name").value.trim()) {
    tell($("form-problem"), "name.missing");
    $("name").focus();
    return;
  }
  $("start").disabled = true;
  try {
    const asked = { ...options(), name: $("name").value.trim() };
    if ($("source").value.trim()) asked.source = $("source").value.trim();
    const now = await server.start(source.content(), asked);
    announce(say("started", { name: now.name }));
    nameChosen = locked = false;
    await look();
    trainings.get(now.name)?.element.scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (error instanceof http.ApiError) $("form-problem").replaceChildren(...describe(error));
    else $("form-problem").textContent = error.message;
  }
  $("start").disabled = false;
}

/** Ask before something is lost. @returns {Promise<boolean>} */
function confirm(what, name) {
  const dialog = $("confirm-dialog");
  tell($("confirm-title"), `confirm.${what}`, { name });
  tell($("confirm-text"), `confirm.${what}.text`, { name });
  tell($("confirm-yes"), `confirm.${what}.yes`);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** Say what is wrong with the server; said once, however often it is found. */
function complain(error) {
  const problem = $("problem");
  const what = error ? `${error.code} ${error.message}` : "";
  if (problem.dataset.what === what) return;
  problem.dataset.what = what;
  problem.replaceChildren(...(error ? describe(error) : []));
  if (!locked) return;
  const button = tell(h("button", { type: "button", class: "quiet" }), "key.again");
  button.addEventListener("click", () => {
    locked = false;
    look();
  });
  problem.append(button);
}

/** Bring the list up to date, and follow the one that runs. */
async function look() {
  if (locked) return;
  let found;
  try {
    found = await server.list();
  } catch (error) {
    locked = error.code === "invalid_api_key";
    complain(error);
    return;
  }
  complain(found.problem ? new http.ApiError("training_not_installed", found.problem) : null);
  const names = new Set(found.trainings.map((one) => one.name));
  for (const [name, one] of trainings) {
    if (!names.has(name)) {
      one.leave();
      trainings.delete(name);
    }
  }
  for (const summary of found.trainings) {
    const known = trainings.get(summary.name);
    if (known) known.update(summary);
    else {
      const added = new Training(summary, { confirm, changed: look });
      trainings.set(summary.name, added);
      $("training-list").prepend(added.element);
    }
  }
  $("empty").hidden = trainings.size > 0;
  for (const one of trainings.values()) {
    // One stream at most: browsers open six connections to a server.
    if (["running", "stopping"].includes(one.now.state)) one.watch();
  }
}

$("new").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
$("check").addEventListener("click", check);
$("name").addEventListener("input", () => (nameChosen = true));
for (const id of ["layers", "units"]) $(id).addEventListener("input", () => (sizeChosen = true));
textChanged(false);
await look();
setInterval(() => document.visibilityState === "visible" && look(), LOOK_MILLISECONDS);
document.documentElement.dataset.ready = "true";
