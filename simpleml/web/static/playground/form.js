/** The options: read from the form, checked before they are sent, and put back from a link. */

import { $ } from "../common/dom.js";
import { number, onLanguage, say, tell } from "../common/i18n.js";
import { percentOf } from "./blend.js";
import { wordsOf } from "./temperature.js";

/** What each option is when it need not be sent. */
const USUAL = { top_k: 0, top_p: 1, min_p: 0, repetition_penalty: 1 };
const MAY_BE_EMPTY = ["random_state", "max_copy"];
const MOST_STOPS = 4;

const temperatureFields = ["low", "middle", "high"].map((one) => `temperature-${one}`);

/** A value of the form that cannot be sent; its message is in the visitor's language. */
export class FieldError extends Error {
  /** @param {HTMLElement} field @param {string} message */
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

export function start() {
  $("temperature").addEventListener("input", showTemperature);
  for (const radio of layouts()) radio.addEventListener("change", showLayout);
  // The browser puts the usual values back after this event.
  $("controls").addEventListener("reset", (event) => {
    event.preventDefault();
    reset();
  });
  onLanguage(showTemperature);
  showTemperature();
  showLayout();
}

const layouts = () => [...document.querySelectorAll("input[name=layout]")];

/** @returns {"one" | "temperatures" | "models" | "blend"} */
export const layout = () => layouts().find((one) => one.checked).value;

/** @param {string} name */
export function setLayout(name) {
  for (const one of layouts()) one.checked = one.value === name;
  showLayout();
}

function showLayout() {
  const now = layout();
  $("second-model").hidden = now !== "models" && now !== "blend";
  $("blend").hidden = now !== "blend";
  $("one-temperature").hidden = now === "temperatures";
  $("three-temperatures").hidden = now !== "temperatures";
}

function showTemperature() {
  const value = Number($("temperature").value);
  const words = wordsOf(value);
  $("temperature-value").textContent = number(value, { maximumFractionDigits: 2 });
  tell($("temperature-words"), words);
  $("temperature").setAttribute("aria-valuetext", `${number(value)}. ${say(words)}`);
}

/** How much of the text is the second model's, in percent. */
export const share = () => $("share").valueAsNumber;

/** Say how much each model counts. @param {string} first @param {string} second */
export function showShare(first, second) {
  const key = first && second ? "share.value" : "";
  const values = { first, second, percent: 100 - share(), other: share() };
  tell($("share-value"), key, values);
  $("share").setAttribute("aria-valuetext", key && say(key, values));
}

function reset() {
  for (const field of $("more").querySelectorAll("input, textarea, select")) {
    field.value = field.tagName === "SELECT" ? "card" : field.defaultValue;
  }
}

const labelOf = (field) => field.labels[0].textContent.trim();

/** A number field's value, checked against its own bounds. */
function numberOf(id) {
  const field = $(id);
  const [low, high] = [Number(field.min), Number(field.max)];
  const value = field.valueAsNumber;
  const whole = field.step === "1";
  if (!(value >= low && value <= high) || (whole && !Number.isInteger(value))) {
    const key = whole ? "field.whole" : "field.range";
    throw new FieldError(field, say(key, { label: labelOf(field), low, high }));
  }
  return value;
}

/** @returns {string[]} */
function stops() {
  const lines = $("stop").value.split("\n").filter(Boolean);
  if (lines.length > MOST_STOPS) throw new FieldError($("stop"), say("field.stop"));
  return lines.map((line) => line.replaceAll("\\n", "\n"));
}

/** The temperatures of the layout: one, or three. @returns {number[]} */
export const temperatures = () =>
  layout() === "temperatures" ? temperatureFields.map(numberOf) : [numberOf("temperature")];

/** Put the temperatures of a comparison back. @param {number[]} values */
export function setTemperatures(values) {
  for (const [at, value] of values.entries()) $(temperatureFields[at]).value = String(value);
}

/**
 * What a request says besides model, seed and temperature; usual values are left out.
 * @returns {Partial<import("./permalink.js").Options>} without random_state where none is set
 * @throws {FieldError}
 */
export function options() {
  const found = { size: numberOf("size") };
  for (const [name, usual] of Object.entries(USUAL)) {
    const value = numberOf(name);
    if (value !== usual) found[name] = value;
  }
  for (const name of MAY_BE_EMPTY) {
    if ($(name).value !== "" || $(name).validity.badInput) found[name] = numberOf(name);
  }
  const mode = $("mode").value;
  if (mode !== "card") found.stateful = mode === "stateful";
  const stop = stops();
  if (stop.length) found.stop = stop;
  return found;
}

/** Show the options of a link. @param {import("./permalink.js").Options} given */
export function setOptions(given) {
  reset();
  $("size").value = String(given.size);
  $("temperature").value = String(given.temp);
  if (given.mix) $("share").value = String(percentOf(given.mix));
  for (const name of Object.keys(USUAL)) {
    if (given[name] !== undefined) $(name).value = String(given[name]);
  }
  $("max_copy").value = given.max_copy ?? "";
  if (given.stateful !== undefined) $("mode").value = given.stateful ? "stateful" : "window";
  if (given.stop) $("stop").value = given.stop.map((one) => one.replaceAll("\n", "\\n")).join("\n");
  const folded = (name) => name in USUAL || name === "max_copy" || name === "stop";
  $("more").open = Object.keys(given).some(folded);
  showTemperature();
}

/** A random number of the range that the server accepts. */
export const newRandomState = () => crypto.getRandomValues(new Uint32Array(1))[0];
