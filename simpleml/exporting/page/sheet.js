/** The text on the page and what can be done with it. */

import { copyBy } from "../../web/static/common/dialogs.js";
import { announce, h } from "../../web/static/common/dom.js";
import { say, tell, tellAttribute } from "../../web/static/common/i18n.js";
import { titleOf } from "../../web/static/common/models.js";
import { showButtons } from "../../web/static/playground/sheet-buttons.js";
import { TextView } from "../../web/static/playground/text-view.js";
import { described, vocabulary } from "./api.js";
import * as writer from "./writer.js";

const BLANK = /(^|\s)$/u; // no separator is needed after it

export class Sheet {
  /**
   * @param {object} events
   * @param {() => void} events.changed after each change of state
   * @param {(sameDice: boolean) => void} events.again
   * @param {() => void} events.goOn
   */
  constructor(events) {
    this.events = events;
    this.state = "empty";
    this.abort = new AbortController();
    this.view = new TextView();
    this.title = h("h2");
    this.status = h("p", { class: "status" });
    const button = (key, action, kind = "quiet") =>
      tell(h("button", { type: "button", class: kind, onclick: action }), key);
    this.buttons = {
      stop: button("stop.button", () => this.stop()),
      goOn: button("continue", events.goOn, "quiet strong"),
      same: button("again.same", () => events.again(true)),
      other: button("again.other", () => events.again(false)),
      copy: button("copy.text", () => copyBy(this.buttons.copy, this.text)),
    };
    tellAttribute(this.buttons.other, "title", "again.other.hint");
    tellAttribute(this.buttons.copy, "title", "copy.text.hint");
    const { stop, goOn, same, other, copy } = this.buttons;
    this.element = h(
      "article",
      { class: "sheet" },
      h("header", { class: "sheet-head" }, this.title, this.status),
      this.view.element,
      tell(h("p", { class: "hint keys" }), "sheet.keys"),
      h(
        "footer",
        { class: "sheet-actions" },
        h("div", {}, stop, goOn, same, other),
        h("div", {}, copy),
      ),
    );
  }

  /** Whether it is being written. */
  get busy() {
    return this.state === "waiting" || this.state === "writing";
  }

  /** The whole text. */
  get text() {
    return this.seed + this.view.text;
  }

  /** Stop at once; what there is stays. */
  stop() {
    this.abort.abort();
  }

  /**
   * Write a text, from an empty sheet.
   * @param {string} seed
   * @param {{size: number, temperature: number, random_state: number}} options
   */
  async write(seed, options) {
    this.stop();
    this.seed = seed;
    this.view.begin(described.card.model, seed);
    await this.goOn(options);
  }

  /** Go on from the text. */
  async goOn(options) {
    this.options = options;
    const abort = new AbortController();
    this.abort = abort;
    this.#become("waiting");
    let blank = BLANK.test(this.text);
    const request = { ...options, seed: vocabulary.encode(this.text).indices };
    const reason = await writer.write(
      request,
      (piece) => {
        if (abort.signal.aborted) return;
        if (this.state === "waiting") this.#become("writing");
        this.view.append(cellsOf(piece, blank));
        blank = false;
      },
      abort.signal,
    );
    if (this.abort !== abort) return; // another text is being written meanwhile
    this.view.flush();
    this.#become(reason === "length" ? "done" : "stopped");
    const words = vocabulary.level === "word" ? "state.done.words" : "state.done";
    const count = this.view.cells.length;
    tell(this.status, this.state === "done" ? words : "state.stopped", { count });
    announce(this.status.textContent);
  }

  #become(state) {
    this.state = state;
    this.element.dataset.state = state;
    this.element.setAttribute("aria-busy", String(this.busy));
    showButtons(this.buttons, this.busy);
    const { temperature, random_state } = this.options;
    tell(this.title, "sheet.title", { model: () => titleOf(described.card), temperature });
    tellAttribute(this.buttons.same, "title", "again.same.hint", { number: String(random_state) });
    if (this.busy) tell(this.status, `state.${state}`);
    this.events.changed();
  }
}

/** What came, as the text view shows it. */
function cellsOf({ symbols, logprobs, top, topLogprobs }, blank) {
  return symbols.map((symbol, at) => ({
    text: vocabulary.shown(symbol, blank && at === 0),
    logprob: logprobs[at],
    top: top[at].map((one, place) => [vocabulary.symbols[one], topLogprobs[at][place]]),
  }));
}
