/**
 * A text on the screen: the seed, then one element for each symbol. However fast they come, they
 * are added together once per frame, and less often where a long text takes long to lay out, so
 * that typing goes on undisturbed. Pointing at a symbol, or walking there with the arrow keys,
 * inspects it.
 */

import { h } from "../common/dom.js";
import { tellAttribute } from "../common/i18n.js";
import { surprise } from "./cells.js";
import * as inspector from "./inspector.js";

const REST = 4; // how many times as long as a layout took the page is left alone after it
const FOLLOW_MARGIN = 120; // pixels kept free under the last line while the page follows it

export class TextView {
  constructor() {
    /** @type {import("./cells.js").Cell[]} */
    this.cells = [];
    this.seed = h("span", { class: "text-seed" });
    this.written = h("span", { class: "text-written" });
    this.caret = h("span", { class: "caret", "aria-hidden": "true" });
    this.element = h(
      "div",
      { class: "text", tabindex: "0", role: "region" },
      this.seed,
      this.written,
      this.caret,
    );
    /** @type {HTMLElement[]} the elements of the cells that are on the screen */
    this.shown = [];
    /** @type {WeakMap<Element, number>} */
    this.positions = new WeakMap();
    this.timer = 0;
    this.frame = 0;
    this.cost = 0; // milliseconds that the last layout took
    this.cursor = -1;
    this.pinned = false;
    this.#listen();
  }

  /** @param {string} model for the label @param {string} seed */
  begin(model, seed) {
    tellAttribute(this.element, "aria-label", "sheet.text", { model });
    this.truncate(0);
    this.seed.textContent = seed;
  }

  /** The text after the seed. */
  get text() {
    return this.cells.map((cell) => cell.text).join("");
  }

  /** @param {import("./cells.js").Cell[]} cells */
  append(cells) {
    this.cells.push(...cells);
    this.timer ||= setTimeout(() => {
      this.frame = requestAnimationFrame(() => this.flush());
    }, REST * this.cost);
  }

  /** Show everything now. */
  flush() {
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
    this.timer = 0;
    if (this.shown.length === this.cells.length) return;
    const started = performance.now();
    const follows = this.#endsInView();
    const added = document.createDocumentFragment();
    for (let at = this.shown.length; at < this.cells.length; at++) {
      const cell = this.cells[at];
      const element = document.createElement("span");
      element.className = `s${surprise(cell)}${cell.text === "\n" ? " line-end" : ""}`;
      element.textContent = cell.text;
      this.positions.set(element, at);
      this.shown.push(element);
      added.append(element);
    }
    this.written.append(added);
    // Asking where the text ends makes the browser lay it out, which is what takes the time.
    const below = this.caret.getBoundingClientRect().bottom + FOLLOW_MARGIN - innerHeight;
    if (follows && below > 0) scrollBy({ top: below, behavior: "instant" });
    this.cost = performance.now() - started;
  }

  /**
   * Underline the cells that lie in passages, and no others.
   * @param {Array<{start: number, length: number}>} passages counted in Unicode characters, which
   *     a cell may hold several of, and which JavaScript counts as two beyond the basic plane
   * @param {Array<{start: number, length: number}>} [ofBase] those of what its base has read
   */
  underline(passages, ofBase = []) {
    this.flush();
    this.#mark(passages, "copied");
    this.#mark(ofBase, "copied-base");
  }

  #mark(passages, name) {
    let at = 0;
    let next = 0; // passages come in the order of their beginnings and of their ends
    const end = (one) => one.start + one.length;
    for (const [number, cell] of this.cells.entries()) {
      const after = at + [...cell.text].length;
      while (next < passages.length && end(passages[next]) < after) next += 1;
      const copied = next < passages.length && passages[next].start <= at;
      this.shown[number].classList.toggle(name, copied);
      at = after;
    }
  }

  /** Keep the first `count` cells. @param {number} count */
  truncate(count) {
    this.flush();
    this.cells.length = count;
    for (const element of this.shown.splice(count)) element.remove();
    if (this.cursor >= count) this.#leave();
  }

  #listen() {
    this.element.addEventListener("pointerover", (event) => {
      if (event.pointerType === "mouse" && !this.pinned) this.#inspect(this.#at(event), false);
    });
    this.element.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse" && !this.pinned) this.#leave();
    });
    this.element.addEventListener("click", (event) => {
      const at = this.#at(event);
      if (at === undefined || (this.pinned && at === this.cursor)) return this.#leave();
      this.pinned = true;
      this.#inspect(at, true);
    });
    this.element.addEventListener("blur", (event) => {
      if (!inspector.holds(event.relatedTarget)) this.#leave();
    });
    this.element.addEventListener("keydown", (event) => this.#walk(event));
  }

  /** The position of the cell under a pointer. */
  #at(event) {
    return this.positions.get(event.target);
  }

  #walk(event) {
    const last = this.shown.length - 1;
    if (event.key === "Escape" && this.cursor >= 0) {
      event.stopPropagation(); // put the window away, do not stop the writing
      return this.#leave();
    }
    const to = {
      ArrowRight: Math.min(last, this.cursor + 1),
      ArrowLeft: Math.max(0, this.cursor - 1),
      Home: 0,
      End: last,
    }[event.key];
    if (to === undefined || last < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.#walkTo(to);
  }

  #walkTo(at) {
    this.pinned = true;
    this.#inspect(at, true);
    this.shown[at].scrollIntoView({ block: "nearest" });
  }

  #inspect(at, stays) {
    if (at === undefined) return;
    this.cursor = at;
    const steps = {
      back: () => this.#walkTo(Math.max(0, at - 1)),
      on: () => this.#walkTo(Math.min(this.shown.length - 1, at + 1)),
      close: () => this.#leave(),
    };
    inspector.show(this.shown[at], this.cells[at], at + 1, stays ? steps : null);
  }

  #leave() {
    this.cursor = -1;
    this.pinned = false;
    inspector.hide();
  }

  #endsInView() {
    const end = this.caret.getBoundingClientRect();
    return end.bottom > 0 && end.top < innerHeight;
  }
}
