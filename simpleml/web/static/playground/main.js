/** The page: what stands in the form becomes texts. */

import * as windows from "../common/dialogs.js";
import { $, announce, h } from "../common/dom.js";
import { describe } from "../common/failures.js";
import * as http from "../common/http.js";
import * as i18n from "../common/i18n.js";
import * as preferences from "../common/preferences.js";
import * as api from "./api.js";
import * as dialogs from "./dialogs.js";
import { examples } from "./examples.js";
import * as form from "./form.js";
import * as inspector from "./inspector.js";
import { ModelPicker } from "./model-picker.js";
import * as permalink from "./permalink.js";
import * as seedField from "./seed-field.js";
import { Sheet } from "./sheet.js";
import { visible } from "./symbols.js";

const { tell } = i18n;

/** @type {Sheet[]} */
let sheets = [];
/** Names of the models of which the server has what they have read. */
let withCorpus = new Set();
const events = {
  changed,
  again: checked(again),
  goOn: checked(goOn),
  link: (sheet) => dialogs.showLink(addressOf([sheet])),
  showsCopies: () => $("copies").checked,
  hasCorpus: (model) => withCorpus.has(model),
};

await i18n.start("playground");
preferences.start();
windows.start();
http.onKeyNeeded(windows.askKey);
seedField.start(() => $("controls").requestSubmit());
form.start();

const first = new ModelPicker("model", showModel, true);
const second = new ModelPicker("model2", offerCopies, false);

/** Show what depends on the model. @param {any} card null while there is none */
function showModel(card) {
  seedField.setCard(card);
  $("generate").disabled = !card;
  offerCopies();
  if (!card) return;
  tell($("size-unit"), card.level === "word" ? "size.unit.words" : "size.unit");
  const choose = (text) => {
    seedField.set(text);
    $("seed").focus();
  };
  $("examples").replaceChildren(
    tell(h("span", { class: "hint" }), "examples"),
    ...examples(card).map((text) =>
      h("button", { type: "button", class: "chip", onclick: () => choose(text) }, chipText(text)),
    ),
  );
}

/** Let the switch be used where the server can say what is copied; say why where it cannot. */
function offerCopies() {
  const chosen = form.layout() === "models" ? [first, second] : [first];
  const names = [...chosen.map((one) => one.select.value), ...sheets.map((one) => one.card?.model)];
  const possible = names.some((name) => withCorpus.has(name));
  $("copies").disabled = !possible;
  const name = first.select.value;
  tell($("copies-why"), possible || !name ? "" : "copies.unknown", { name });
}

/** An example on its button: its spaces as they are, its line ends as signs. */
const chipText = (text) => (text.trim() ? text.trimEnd().split("\n").join(visible("\n")) : visible(text));

/** Read the form and write. */
async function write() {
  const requests = await read();
  if (!requests) return;
  halt();
  lay(requests.length);
  for (const [index, { card, options }] of requests.entries()) {
    sheets[index].write(card, seedField.value(), [options]);
  }
  reveal();
}

/**
 * One request for each text of the layout, with the same dice.
 * @returns {Promise<Array<{card: any, options: permalink.Options}> | null>}
 */
async function read(random_state) {
  const options = { random_state: form.newRandomState(), ...form.options() };
  if (random_state !== undefined) options.random_state = random_state;
  const cards = [first.card];
  if (form.layout() === "models") {
    cards.push(second.card ?? (await second.choose(second.select.value)));
  }
  if (cards.includes(null)) return null;
  const temperatures = form.temperatures();
  return cards.flatMap((card) => temperatures.map((temp) => ({ card, options: { ...options, temp } })));
}

/** Put `count` empty sheets on the page. */
function lay(count) {
  inspector.hide();
  $("empty").hidden = true;
  sheets = Array.from({ length: count }, () => new Sheet(events));
  $("sheet-list").replaceChildren(...sheets.map((sheet) => sheet.element));
  $("sheet-list").dataset.count = String(count);
  $("link-all").hidden = true;
}

/** Stop everything that is being written. */
function halt() {
  for (const sheet of sheets) sheet.stop();
}

/** Bring the sheets into view where the form stands above them. */
function reveal() {
  const top = $("sheets").getBoundingClientRect().top;
  if (top > 0.6 * innerHeight) $("sheets").scrollIntoView({ block: "start" });
}

/** Show what the state of the sheets changes elsewhere. @param {Sheet} sheet */
function changed(sheet) {
  if (!sheets.includes(sheet)) return;
  const busy = sheets.some((one) => one.busy);
  const halting = document.activeElement === $("stop-all");
  const starting = document.activeElement === $("generate");
  $("stop-all").hidden = !busy;
  $("generate").hidden = busy;
  if (halting && !busy) $("generate").focus();
  if (starting && busy) $("stop-all").focus();
  $("link-all").hidden = busy || sheets.length === 1 || !linkable();
  if (!busy) showAddress();
}

/** Whether everything on the page can be had again. */
const linkable = () => sheets.every((one) => one.parts.length && one.state !== "failed");

/** The address that brings texts back. @param {Sheet[]} shown */
function addressOf(shown) {
  const columns = shown.map((one) => one.recipe);
  const hash = permalink.write({ columns, copies: events.showsCopies() });
  return `${location.origin}${location.pathname}#${hash}`;
}

/** Let the address bring back what is on the page. */
function showAddress() {
  history.replaceState(null, "", linkable() ? addressOf(sheets) : location.pathname);
}

/** Write one text again with what the form says now. */
async function again(sheet, sameDice) {
  const index = sheets.indexOf(sheet);
  const number = sameDice ? sheet.parts[0].options.random_state : form.newRandomState();
  const requests = await read(number);
  // With another layout in the form there may be no such text: the sheet's own settings then.
  const own = { card: sheet.card, options: { ...sheet.parts[0].options, random_state: number } };
  const { card, options } = (requests?.length === sheets.length && requests[index]) || own;
  await sheet.write(card, seedField.value(), [options]);
}

/** Go on from a text with what the form says now, but at the text's own temperature. */
async function goOn(sheet) {
  const random_state = form.newRandomState();
  const own = sheets.length > 1 || form.layout() === "temperatures";
  const temp = own ? sheet.parts[0].options.temp : form.temperatures()[0];
  await sheet.goOn({ ...form.options(), random_state, temp });
}

/** Let an action say which field keeps it from being done. */
function checked(action) {
  return async (...given) => {
    $("form-problem").replaceChildren();
    try {
      await action(...given);
    } catch (error) {
      if (!(error instanceof form.FieldError)) throw error;
      $("more").open ||= $("more").contains(error.field);
      $("form-problem").textContent = error.message;
      error.field.focus();
    }
  };
}

/** Write the texts of a link again. @param {permalink.Link} link */
async function replay({ columns, copies }) {
  const models = [...new Set(columns.map((one) => one.model))];
  form.setLayout(columns.length === 1 ? "one" : models.length > 1 ? "models" : "temperatures");
  show(columns);
  $("copies").checked = copies;
  const cards = new Map();
  for (const [at, name] of models.entries()) {
    const picker = at ? second : first;
    const card = picker.card?.model === name ? picker.card : await picker.choose(name);
    if (!card) return;
    cards.set(name, card);
  }
  halt();
  lay(columns.length);
  reveal();
  announce(i18n.say("state.replaying"));
  await Promise.all(
    columns.map((one, at) => sheets[at].write(cards.get(one.model), one.seed, one.parts, one)),
  );
}

/** Put what a link says into the form. @param {permalink.Recipe[]} columns */
function show(columns) {
  form.setOptions(columns[0].parts[0]);
  if (form.layout() === "temperatures") {
    form.setTemperatures(columns.map((one) => one.parts[0].temp));
  }
  seedField.set(columns[0].seed);
}

/** Choose the model that ?model= names, or the first one that can be used. */
async function chooseFirst(models) {
  const named = new URLSearchParams(location.search).get("model");
  if (named && first.has(named) && (await first.choose(named))) return;
  for (const { name } of models) {
    // Another one that the visitor chose meanwhile stands.
    if ((await first.choose(name)) || first.select.value !== name) return;
  }
}

/** Follow the address, if it holds a link. @returns {boolean} whether a model was chosen */
function follow() {
  if (location.hash.length < 2 || location.hash === "#sheets") return false;
  const link = permalink.read(location.hash);
  if (!link) {
    first
      .choose(first.select.options[0].value)
      .then(() => first.complain(tell(h("span"), "state.badlink")));
    return true;
  }
  const gone = link.columns.find((one) => !first.has(one.model));
  if (!gone) {
    replay(link);
    return true;
  }
  show(link.columns);
  first.choose(first.select.options[0].value).then(() => {
    first.complain(
      tell(h("strong"), "model.gone", { name: gone.model }),
      " ",
      tell(h("span"), "model.other"),
    );
  });
  return true;
}

$("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  checked(write)();
});
$("stop-all").addEventListener("click", halt);
$("link-all").addEventListener("click", () => dialogs.showLink(addressOf(sheets)));
$("copies").addEventListener("change", () => {
  for (const sheet of sheets) sheet.showCopies();
  if (sheets.length && !sheets.some((one) => one.busy)) showAddress();
});
$("surprise").addEventListener("change", () => {
  $("sheet-list").classList.toggle("coloured", $("surprise").checked);
  $("legend").hidden = !$("surprise").checked;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) halt();
});
window.addEventListener("hashchange", follow);
window.addEventListener("scroll", inspector.follow, { passive: true });
for (const radio of document.querySelectorAll("input[name=layout]")) {
  radio.addEventListener("change", () => {
    if (radio.value === "models" && !second.card && second.select.value) {
      second.choose(second.select.value);
    }
    offerCopies();
  });
}

try {
  const models = await api.models();
  withCorpus = new Set(models.filter((one) => one.originality).map((one) => one.name));
  if (models.length) {
    first.offer(models);
    second.offer(models);
    second.select.selectedIndex = Math.min(1, models.length - 1);
    if (!follow()) await chooseFirst(models);
  } else {
    first.complain(tell(h("span"), "model.none"));
    $("generate").disabled = true;
  }
} catch (error) {
  first.complain(...describe(error));
}
document.documentElement.dataset.ready = "true";
