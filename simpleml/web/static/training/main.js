/** The page of trainings: a text becomes a model, before one's eyes. */

import * as http from "../common/http.js";
import * as dialogs from "../common/dialogs.js";
import { $, announce, h } from "../common/dom.js";
import { describe } from "../common/failures.js";
import * as i18n from "../common/i18n.js";
import * as preferences from "../common/preferences.js";
import * as advice from "./advice.js";
import * as bring from "./bring.js";
import * as server from "./server.js";
import * as source from "./source.js";
import { Training } from "./training.js";

const { say, tell } = i18n;
const LOOK_MILLISECONDS = 3000;
const NUMBERS = ["layers", "units", "max_minutes", "epochs"];

/** @type {Map<string, Training>} */
const trainings = new Map();
const CHOICES = ["auto", "nothing"]; // of what to begin from, before any model
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
bring.start({ confirm, changed: () => look() });
source.start(textChanged);
i18n.onLanguage(() => {
  for (const one of trainings.values()) one.show();
});

function textChanged(fromFile) {
  checking.abort();
  advice.tell(null);
  tell($("checking"), "");
  adviseSize(null);
  const usable = source.isReady();
  $("check").disabled = $("start").disabled = !usable;
  if (fromFile && !nameChosen) {
    $("name").value = source.suggestedName();
    checkName();
  }
  if (fromFile && usable) check();
}

/** Let the name be one that a model can have, as it is typed. */
function cleanName() {
  const field = $("name");
  const name = source.asName(field.value);
  if (name !== field.value) {
    const caret = source.asName(field.value.slice(0, field.selectionStart)).length;
    field.value = name;
    field.setSelectionRange(caret, caret);
  }
  checkName();
}

/** Say whether the name is taken. */
function checkName() {
  const name = $("name").value;
  const taken = trainings.has(name) || [...$("from").options].some((one) => one.value === name);
  if (!taken || CHOICES.includes(name)) tell($("name-taken"), "");
  else if ($("name-taken").textContent !== say("name.taken", { name })) {
    tell($("name-taken"), "name.taken", { name });
  }
}

/** What the form says besides the text; what is left empty is left out. */
function options() {
  const found = {
    level: $("level").value,
    validation: $("validation").value,
    lower: $("lower").checked,
  };
  const from = $("from").value;
  if (from !== "auto") found.from = from;
  for (const id of NUMBERS) {
    const field = $(id);
    if (field.disabled) continue;
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

/**
 * Fill in the size that is advised; none where it is the usual one or a base's, which are taken by
 * themselves: a size that is named keeps a training from beginning with a base of another one.
 * @param {any} facts of a check; null for none
 */
function adviseSize(facts) {
  if (sizeChosen) return;
  const advised = facts && !facts.begins_from.name;
  for (const id of ["layers", "units"]) {
    const value = advised ? facts[`suggested_${id}`] : null;
    $(id).value = value && value !== facts[id] ? value : "";
  }
}

/** Offer the models that can be begun from. @param {string[]} names */
function offer(names) {
  const select = $("from");
  const offered = [...select.options].map((one) => one.value);
  for (const one of [...select.options]) {
    if (![...CHOICES, ...names].includes(one.value)) one.remove();
  }
  for (const name of names) {
    if (!offered.includes(name)) select.append(h("option", { value: name }, name));
  }
  sizesOfBase();
}

/** A model that is begun from has its own size. */
function sizesOfBase() {
  for (const id of ["layers", "units"]) $(id).disabled = !CHOICES.includes($("from").value);
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
    adviseSize(facts);
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
    $("name").value = "";
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
  offer(found.beginnings);
  bring.list(found.brought);
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
  if (document.activeElement === $("name") || $("name-taken").textContent) checkName();
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
for (const kind of ["input", "compositionend"]) {
  $("name").addEventListener(kind, (event) => {
    nameChosen = Boolean($("name").value);
    if (!event.isComposing) cleanName();
  });
}
for (const id of ["layers", "units"]) {
  $(id).addEventListener("input", () => (sizeChosen = Boolean($("layers").value || $("units").value)));
}
$("from").addEventListener("change", () => {
  sizesOfBase();
  adviseSize(null);
});
textChanged(false);
await look();
const lookIfSeen = () => document.visibilityState === "visible" && look();
setInterval(lookIfSeen, LOOK_MILLISECONDS);
document.addEventListener("visibilitychange", lookIfSeen);
document.documentElement.dataset.ready = "true";
