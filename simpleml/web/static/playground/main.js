/** The page: what stands in the form becomes texts. */

import * as windows from "../common/dialogs.js";
import { $, announce, h, origin } from "../common/dom.js";
import { describe } from "../common/failures.js";
import * as http from "../common/http.js";
import * as i18n from "../common/i18n.js";
import { preferred } from "../common/models.js";
import * as preferences from "../common/preferences.js";
import * as api from "./api.js";
import { isBlend, membersOf, mixOf } from "./blend.js";
import * as dialogs from "./dialogs.js";
import { showExamples } from "./examples.js";
import * as form from "./form.js";
import * as inspector from "./inspector.js";
import { ModelPicker } from "./model-picker.js";
import * as permalink from "./permalink.js";
import * as seedField from "./seed-field.js";
import { Sheet } from "./sheet.js";

const { tell } = i18n;

/** @type {Sheet[]} */
let sheets = [];
/** @type {Array<import("../common/models.js").Choice>} those that the server has */
let models = [];
/** Names of the models of which the server has what they have read. */
let withCorpus = new Set();
/** Of those of which it could fetch it. */
let fetchable = new Set();
const events = {
  changed,
  again: checked(again),
  goOn: checked(goOn),
  link: (sheet) => dialogs.showLink(addressOf([sheet])),
  publish: async (sheet) => (await import("./publish.js")).publish(sheet),
  showsCopies: () => $("copies").checked,
  hasCorpus: (model) => membersOf(model).every((one) => withCorpus.has(one)),
};
const TURN_AFTER = 200; // milliseconds that the slider rests before what is written follows it

/** What is not needed at first is loaded when it is. */
const kept = () => import("./history.js");
let fetchText = null;

/** Whether this browser has kept texts of earlier visits. */
function keptBefore() {
  try {
    return "simpleml-texts" in localStorage;
  } catch {
    return false; // the browser keeps nothing
  }
}

await i18n.start("playground");
preferences.start();
windows.start();
if (keptBefore()) kept();
http.onKeyNeeded(windows.askKey);
seedField.start(() => $("controls").requestSubmit());
form.start();

const first = new ModelPicker("model", showModel, true);
const second = new ModelPicker("model2", chooseSecond, false);
i18n.onLanguage(chooseSecond);

/** Show what depends on the model. @param {any} card null while there is none */
function showModel(card) {
  $("generate").disabled = !card;
  chooseSecond();
  if (!card) return;
  tell($("size-unit"), card.level === "word" ? "size.unit.words" : "size.unit");
  showExamples(card);
}

/** Show what depends on the second model, or on there being one. */
function chooseSecond() {
  const { card } = first;
  const both = form.layout() === "models" && second.card;
  const readers = both ? [card, second.card] : [card && { ...card, model: written() }];
  seedField.setCards(readers.filter(Boolean));
  form.showShare(first.select.value, second.select.value);
  offerCopies();
}

/** The name of what writes: the first model, or the blend of both. */
function written() {
  const names = [first.select.value, second.select.value];
  const blended = form.layout() === "blend" && names[0] !== names[1] && names[1];
  return blended ? names.join("+") : names[0];
}

/** Where copies are to be shown and what a model has read is missing, say what can be done. */
async function offerCopies() {
  $("copies").disabled = !first.select.value;
  const chosen = ["models", "blend"].includes(form.layout()) ? [first, second] : [first];
  const names = chosen.map((one) => one.select.value).filter(Boolean);
  const missing = $("copies").checked ? names.filter((one) => !withCorpus.has(one)) : [];
  const name = missing.find((one) => fetchable.has(one));
  const came = () => {
    withCorpus.add(name);
    offerCopies();
    for (const sheet of sheets) sheet.showCopies();
  };
  if (name) fetchText ??= import("./fetch-text.js");
  const asked = await fetchText;
  if (name) asked.offer(name, came);
  else if (asked) asked.hide();
  else tell($("copies-why"), "");
  // a sheet says it itself
  if (!name && missing.length && !sheets.length) tell($("copies-why"), "copies.unknown", { name: missing[0] });
}

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
  const blend = written();
  if (isBlend(blend)) {
    cards[0] = await blendCard(blend);
    options.mix = mixOf(blend, form.share());
  }
  if (cards.includes(null)) return null;
  const temperatures = form.temperatures();
  return cards.flatMap((card) => temperatures.map((temp) => ({ card, options: { ...options, temp } })));
}

/** The card of two models together; null, with a reason on the page, where they cannot be. */
async function blendCard(model) {
  try {
    const card = await api.card(model);
    second.complain();
    return card;
  } catch (error) {
    second.complain(...describe(error));
    return null;
  }
}

/** Put `count` empty sheets on the page. */
function lay(count) {
  inspector.hide();
  $("empty").hidden = true;
  sheets = Array.from({ length: count }, () => new Sheet(events));
  $("sheet-list").replaceChildren(...sheets.map((sheet) => sheet.element));
  $("sheet-list").dataset.count = String(count);
  $("link-all").hidden = true;
  offerCopies();
}

/** Stop everything that is being written. */
function halt() {
  for (const sheet of sheets) sheet.stop();
}

/** Bring the beginning of the sheets into view, unless it is there. */
function reveal() {
  const { top } = $("sheets").getBoundingClientRect();
  if (top < 0 || top > 0.6 * innerHeight) $("sheets").scrollIntoView({ block: "start" });
}

/** Show what the state of the sheets changes elsewhere. @param {Sheet} sheet */
function changed(sheet) {
  if (!sheets.includes(sheet)) return;
  if (sheet.state === "done") {
    const { text, card, parts } = sheet; // as they are now: it may go on before the list is here
    const complete = { text, card, parts: [...parts] };
    const address = addressOf([sheet]);
    kept().then(({ remember }) => remember(complete, address));
  }
  const busy = sheets.some((one) => one.busy);
  const halting = document.activeElement === $("stop-all");
  const starting = document.activeElement === $("generate");
  $("stop-all").hidden = !busy;
  $("generate").hidden = busy;
  if (halting && !busy) $("generate").focus({ preventScroll: true });
  if (starting && busy) $("stop-all").focus({ preventScroll: true });
  $("link-all").hidden = busy || sheets.length === 1 || !linkable();
  if (!busy) showAddress();
}

/** Whether everything on the page can be had again. */
const linkable = () => sheets.every((one) => one.parts.length && one.state !== "failed");

/** The address that brings texts back. @param {Sheet[]} shown */
function addressOf(shown) {
  const columns = shown.map((one) => one.recipe);
  const hash = permalink.write({ columns, copies: events.showsCopies() });
  return `${origin()}${location.pathname}#${hash}`;
}

/** Let the address bring back what is on the page. */
function showAddress() {
  const hash = linkable() ? new URL(addressOf(sheets)).hash : "";
  history.replaceState(null, "", location.pathname + hash);
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
  const { mix } = sheet.parts.at(-1).options;
  const same = mix && written() === sheet.card.model;
  const next = same ? mixOf(sheet.card.model, form.share()) : mix;
  await sheet.goOn({ ...form.options(), random_state, temp, ...(next && { mix: next }) });
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
  const blended = columns.length === 1 && isBlend(columns[0].model);
  const members = [...new Set(columns.flatMap((one) => membersOf(one.model)))];
  const one = blended ? "blend" : "one";
  form.setLayout(columns.length === 1 ? one : members.length > 1 ? "models" : "temperatures");
  show(columns);
  $("copies").checked = copies;
  offerCopies();
  const cards = new Map();
  for (const [at, name] of members.slice(0, 2).entries()) {
    const picker = at ? second : first;
    const card = picker.card?.model === name ? picker.card : await picker.choose(name);
    if (!card) return;
    cards.set(name, card);
  }
  for (const { model } of columns.filter((one) => !cards.has(one.model))) {
    const card = await blendCard(model);
    if (!card) return;
    cards.set(model, card);
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
  form.setOptions({ ...columns[0].parts[0], mix: columns[0].parts.at(-1).mix });
  if (form.layout() === "temperatures") {
    form.setTemperatures(columns.map((one) => one.parts[0].temp));
  }
  seedField.set(columns[0].seed);
}

/** Choose the model that ?model= names, or the best one that can be used. */
async function chooseFirst() {
  const named = new URLSearchParams(location.search).get("model");
  if (named && first.has(named) && (await first.choose(named))) return;
  for (const { name } of preferred(models, i18n.current())) {
    // Another one that the visitor chose meanwhile stands.
    if ((await first.choose(name)) || first.select.value !== name) break;
  }
  if (named && !first.has(named)) miss(named);
}

/** Say that a model which was asked for is gone. @param {string} name */
function miss(name) {
  first.complain(tell(h("strong"), "model.gone", { name }), " ", tell(h("span"), "model.other"));
}

/** Ask the server which models there are, and offer those. */
async function list() {
  models = await api.models();
  withCorpus = new Set(models.filter((one) => one.originality).map((one) => one.name));
  fetchable = new Set(models.filter((one) => one.fetchable).map((one) => one.name));
  first.offer(models);
  second.offer(models);
  if (second.card && !second.has(second.card.model)) second.card = null;
}

/** Let the lists be what the server has now, if it says so. */
async function refresh() {
  const { value } = first.select;
  const chosen = () => JSON.stringify(models.find((one) => one.name === value));
  const before = chosen();
  try {
    await list();
  } catch {
    return; // whoever writes will hear of it
  }
  if (first.has(value)) {
    if (chosen() !== before) await first.choose(value); // it has learnt meanwhile
  } else {
    await chooseFirst();
    if (value) miss(value);
  }
  offerCopies();
}

/** Follow the address, if it holds a link. @returns {boolean} whether a model was chosen */
function follow() {
  if (location.hash.length < 2 || location.hash === "#sheets") return false;
  const link = permalink.read(location.hash);
  if (!link) {
    chooseFirst().then(() => first.complain(tell(h("span"), "state.badlink")));
    return true;
  }
  const names = link.columns.flatMap((one) => membersOf(one.model));
  const gone = names.find((one) => !first.has(one));
  if (!gone) {
    replay(link);
    return true;
  }
  show(link.columns);
  chooseFirst().then(() => miss(gone));
  return true;
}

$("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  checked(write)();
});
$("stop-all").addEventListener("click", halt);
$("link-all").addEventListener("click", () => dialogs.showLink(addressOf(sheets)));
$("copies").addEventListener("change", () => {
  offerCopies();
  for (const sheet of sheets) sheet.showCopies();
  if (sheets.length && !sheets.some((one) => one.busy)) showAddress();
});
let resting = 0;
$("share").addEventListener("input", () => {
  form.showShare(first.select.value, second.select.value);
  clearTimeout(resting);
  resting = setTimeout(() => {
    const blend = written();
    const mix = isBlend(blend) && mixOf(blend, form.share());
    for (const sheet of sheets) if (mix && sheet.card?.model === blend) sheet.turn(mix);
  }, TURN_AFTER);
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
    if (["models", "blend"].includes(radio.value) && !second.card && second.select.value) {
      second.choose(second.select.value);
    }
    chooseSecond();
  });
}

try {
  await list();
  if (models.length) {
    second.select.value = preferred(models, i18n.current())[Math.min(1, models.length - 1)].name;
    if (!follow()) await chooseFirst();
  } else {
    first.complain(tell(h("span"), "model.none"));
    $("generate").disabled = true;
  }
} catch (error) {
  first.complain(...describe(error));
}
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
for (const { select } of [first, second]) select.addEventListener("pointerdown", refresh);
document.documentElement.dataset.ready = "true";
