/**
 * Elements, made and found. Text only ever goes in as text nodes: what a model or a visitor wrote
 * is never read as markup.
 */

/** @param {string} id @returns {any} the element of that id */
export const $ = (id) => document.getElementById(id);

/** Where others reach this server, who do not sit at the machine that calls it localhost. */
export const origin = () => document.body.dataset.origin || location.origin;

/**
 * Make an element.
 * @param {string} tag
 * @param {Record<string, any>} attributes `on…` are listeners, `class` and others attributes;
 *     false, null and undefined are left out
 * @param {...(Node|string|null)} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * Copy a text. The clipboard's own interface exists on https and localhost only; a classroom
 * server is neither, so the old way stays as the other one.
 * @param {string} text
 */
export async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    try {
      return await navigator.clipboard.writeText(text);
    } catch {
      // refused by the browser's settings: the old way still works
    }
  }
  const host = document.querySelector("dialog[open]") ?? document.body;
  const box = h("textarea", { class: "visually-hidden", readonly: true, "aria-hidden": "true" });
  box.value = text;
  const focused = document.activeElement;
  host.append(box);
  box.select();
  document.execCommand("copy");
  box.remove();
  focused?.focus();
}

let lastAnnounced = 0;

/** Say something to those who listen instead of looking. @param {string} text */
export function announce(text) {
  const place = $("announcements");
  // The same words twice are only spoken twice if the text differs.
  lastAnnounced = 1 - lastAnnounced;
  place.textContent = text + (lastAnnounced ? "\u200b" : "");
}
