/** The page: what stands in the form becomes a text, without any server. */

import { $ } from "../../web/static/common/dom.js";
import * as i18n from "../../web/static/common/i18n.js";
import { titleOf } from "../../web/static/common/models.js";
import * as preferences from "../../web/static/common/preferences.js";
import { showExamples } from "../../web/static/playground/examples.js";
import * as inspector from "../../web/static/playground/inspector.js";
import { facts, figure, licenceOf, sourceOf } from "../../web/static/playground/model-card.js";
import * as seedField from "../../web/static/playground/seed-field.js";
import { wordsOf } from "../../web/static/playground/temperature.js";
import { described, vocabulary } from "./api.js";
import { Sheet } from "./sheet.js";
import * as writer from "./writer.js";

const LARGEST_STATE = 2 ** 32 - 1;
const { tell } = i18n;
const { card } = described;
/** @type {Promise<boolean> | null} whether the engine computes with WebAssembly, once it is there */
let ready = null;
/** @type {Sheet} */
let sheet;

const newRandomState = () => crypto.getRandomValues(new Uint32Array(1))[0];

/** A whole or other number within its bounds, or a sentence for whoever called. */
function checked(name, value, low, high, whole) {
  if (typeof value === "number" && value >= low && value <= high) {
    if (!whole || Number.isInteger(value)) return value;
  }
  throw new RangeError(`${name} is ${value}; it must be a ${whole ? "whole " : ""}number, ${low} to ${high}`);
}

/**
 * For those who embed the page: a text, the seed and what follows it.
 * @param {object} [options]
 * @param {string} [options.seed]
 * @param {number} [options.size] symbols to write
 * @param {number} [options.temperature]
 * @param {number} [options.random_state] the same number, the same text
 * @returns {Promise<string>}
 */
async function generate({ seed = "", size = 100, temperature = 0.5, random_state } = {}) {
  const request = {
    seed: vocabulary.encode(String(seed)).indices,
    size: checked("size", size, 0, 1e6, true),
    temperature: checked("temperature", temperature, 0, 1e6, false),
    random_state: checked("random_state", random_state ?? newRandomState(), 0, LARGEST_STATE, true),
  };
  await ready;
  let blank = /(^|\s)$/u.test(seed);
  const parts = [String(seed)];
  await writer.write(request, ({ symbols }) => {
    for (const symbol of symbols) {
      parts.push(vocabulary.shown(symbol, blank));
      blank = false;
    }
  });
  return parts.join("");
}

window.simpleml = { generate, card };

/** What the form says, null where it says what cannot be. */
function options() {
  for (const id of ["size", "random_state"]) {
    const field = $(id);
    if (field.validity.valid) continue;
    const label = field.labels[0].textContent.trim();
    $("form-problem").textContent = i18n.say("field.whole", {
      label,
      low: Number(field.min),
      high: Number(field.max),
    });
    field.focus();
    return null;
  }
  $("form-problem").textContent = "";
  const number = $("random_state").value;
  return {
    size: $("size").valueAsNumber,
    temperature: $("temperature").valueAsNumber,
    random_state: number === "" ? newRandomState() : Number(number),
  };
}

/** Let a text be written with what the form says. */
function start(action) {
  const now = options();
  if (!now) return;
  inspector.hide();
  $("empty").hidden = true;
  sheet.element.hidden = false;
  action(now);
  const { top } = $("sheets").getBoundingClientRect();
  if (top < 0 || top > 0.6 * innerHeight) $("sheets").scrollIntoView({ block: "start" });
}

function again(sameDice) {
  const number = sameDice ? sheet.options.random_state : newRandomState();
  start((now) => sheet.write(seedField.value(), { ...now, random_state: number }));
}

/** Show what the state of the text changes elsewhere. */
function changed() {
  const halting = document.activeElement === $("stop-all");
  const starting = document.activeElement === $("generate");
  $("stop-all").hidden = !sheet.busy;
  $("generate").hidden = sheet.busy;
  if (halting && !sheet.busy) $("generate").focus({ preventScroll: true });
  if (starting && sheet.busy) $("stop-all").focus({ preventScroll: true });
}

function showTemperature() {
  const value = $("temperature").valueAsNumber;
  $("temperature-value").textContent = i18n.number(value, { maximumFractionDigits: 2 });
  tell($("temperature-words"), wordsOf(value));
  const words = i18n.say(wordsOf(value));
  $("temperature").setAttribute("aria-valuetext", `${i18n.number(value)}. ${words}`);
}

function showCard() {
  document.title = i18n.say("title", { model: titleOf(card) });
  $("card-figure").textContent = figure(card);
  $("card-body").replaceChildren(...facts(card));
  const read = [sourceOf(card.corpus), licenceOf(card.corpus)];
  $("read").textContent = read.filter(Boolean).join(" — ");
}

function listen() {
  $("controls").addEventListener("submit", (event) => {
    event.preventDefault();
    start((now) => sheet.write(seedField.value(), now));
  });
  $("stop-all").addEventListener("click", () => sheet.stop());
  $("temperature").addEventListener("input", showTemperature);
  $("surprise").addEventListener("change", () => {
    $("sheet-list").classList.toggle("coloured", $("surprise").checked);
    $("legend").hidden = !$("surprise").checked;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") sheet.stop();
  });
  window.addEventListener("scroll", inspector.follow, { passive: true });
  i18n.onLanguage(() => {
    showTemperature();
    showCard();
  });
}

async function open() {
  await i18n.start("");
  sheet = new Sheet({ changed, again, goOn: () => start((now) => sheet.goOn(now)) });
  sheet.element.hidden = true;
  $("sheet-list").append(sheet.element);
  preferences.start();
  seedField.start(() => $("controls").requestSubmit());
  seedField.setCards([card]);
  listen();
  const french = navigator.language.toLowerCase().startsWith("fr");
  await i18n.use(french ? "fr" : "en");
  for (const button of $("languages").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === i18n.current()));
  }
  if (card.level === "word") tell($("size-unit"), "size.unit.words");
  showExamples(card);
  const weights = $("weights");
  ready = writer.start(described, weights.textContent.trim());
  weights.remove();
  try {
    const fast = await ready;
    document.documentElement.dataset.ready = fast ? "fast" : "plain";
    $("generate").disabled = false;
  } catch (error) {
    tell($("form-problem"), "page.broken");
    $("form-problem").append(` ${error.message}`);
  }
}

open();
