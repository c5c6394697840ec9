/**
 * The page's words. Both languages lie in en.json and fr.json, which the server's template reads
 * too; an element remembers which entry it shows, so that the language can change at any time.
 */

import { french } from "./typography.js";

/** @type {Record<string, string>} */
let words = {};
let language = document.documentElement.lang;

/** @type {WeakMap<Element, Record<string, any>>} what stands in the gaps of an element's words */
const gaps = new WeakMap();
/** @type {Array<() => void>} */
const listeners = [];

let folders = ["common"];

async function load(name) {
  const read = async (folder) => {
    const answer = await fetch(`/static/${folder}/${name}.json`);
    if (!answer.ok) throw new Error(`no words for ${name}`);
    return answer.json();
  };
  const inside = document.getElementById("words"); // of a page that is a single file
  const all = inside
    ? JSON.parse(inside.textContent)[name]
    : Object.assign({}, ...(await Promise.all(folders.map(read))));
  if (name !== "fr") return all;
  return Object.fromEntries(Object.entries(all).map(([key, text]) => [key, french(text)]));
}

/**
 * Read the words of the page's language; before anything else is shown.
 * @param {string} folder of its words, which go before the common ones
 */
export async function start(folder) {
  folders = ["common", folder];
  words = await load(language);
}

/** Whether there is an entry of that name. @param {string} key */
export const knows = (key) => key in words;

/** @returns {string} "en" or "fr" */
export const current = () => language;

/**
 * A number as the language writes it.
 * @param {number} value
 * @param {Intl.NumberFormatOptions} [options]
 */
export const number = (value, options) => new Intl.NumberFormat(language, options).format(value);

/** A share as a percentage: 43 %, 0.2 %, 99.6 %; all or nothing only where it is. @param {number} share */
export function percent(share) {
  const maximumFractionDigits = share < 0.095 || share > 0.985 ? 1 : 0;
  const shown = share < 1 ? Math.min(share, 0.999) : share;
  if (share > 0 && share < 0.0005) return `< ${number(0.001, { style: "percent", maximumFractionDigits })}`;
  return number(shown, { style: "percent", maximumFractionDigits });
}

/**
 * The words of an entry. An entry with the forms .one and .other is chosen by `count`.
 * @param {string} key
 * @param {Record<string, any>} [values] for {gaps}; numbers are written as the language does, and
 *     functions are asked each time, for what the language changes
 */
export function say(key, values = {}) {
  const form = new Intl.PluralRules(language).select(values.count ?? 0) === "one" ? "one" : "other";
  const entry = words[key] ?? words[`${key}.${form}`] ?? key;
  return entry.replace(/\{(\w+)\}/g, (gap, name) => {
    const value = typeof values[name] === "function" ? values[name]() : values[name];
    if (value === undefined) return gap;
    return typeof value === "number" ? number(value) : String(value);
  });
}

/**
 * Let an element show an entry, in every language to come.
 * @template {Element} T
 * @param {T} element
 * @param {string} key empty: the element shows nothing
 * @param {Record<string, any>} [values]
 * @returns {T}
 */
export function tell(element, key, values) {
  if (!key) {
    delete element.dataset.t;
    element.textContent = "";
    return element;
  }
  element.dataset.t = key;
  gaps.set(element, values ?? {});
  element.textContent = say(key, values);
  return element;
}

const ATTRIBUTES = ["aria-label", "placeholder", "title"];

/** As `tell`, for an attribute. */
export function tellAttribute(element, attribute, key, values) {
  element.setAttribute(`data-t-${attribute}`, key);
  gaps.set(element, { ...gaps.get(element), ...values });
  element.setAttribute(attribute, say(key, gaps.get(element)));
  return element;
}

/** Call `listener` after each change of language. */
export const onLanguage = (listener) => listeners.push(listener);

/** Show everything in another language. @param {string} name */
export async function use(name) {
  words = await load(name);
  language = name;
  document.documentElement.lang = name;
  for (const element of document.querySelectorAll("[data-t]")) {
    element.textContent = say(element.dataset.t, gaps.get(element));
  }
  for (const attribute of ATTRIBUTES) {
    for (const element of document.querySelectorAll(`[data-t-${attribute}]`)) {
      element.setAttribute(
        attribute,
        say(element.getAttribute(`data-t-${attribute}`), gaps.get(element)),
      );
    }
  }
  for (const listener of listeners) listener();
}
