/**
 * One text on the page and everything that can be done with it.
 *
 *     waiting → writing → done | stopped | failed
 *         ↖ retrying ↙    (busy, restarting, connection lost: the text is kept)
 *
 * The page draws the random number itself, so a request that was cut off can be made again: it
 * gives the same text, of which the part that is there already is passed over.
 */

import { copyBy } from "../common/dialogs.js";
import { announce, h } from "../common/dom.js";
import { describe } from "../common/failures.js";
import { ApiError } from "../common/http.js";
import { say, tell, tellAttribute } from "../common/i18n.js";
import { titleOf } from "../common/models.js";
import * as api from "./api.js";
import { shown } from "./blend.js";
import { CellReader } from "./cells.js";
import { showCode } from "./dialogs.js";
import * as permalink from "./permalink.js";
import { showButtons } from "./sheet-buttons.js";
import { TextView } from "./text-view.js";

const ALTERNATIVES = 5; // how many of the likeliest symbols are asked for
const PAUSES = [1, 2, 4, 8, 15, 30]; // seconds before each new attempt; the last one repeats
const QUEUE_AFTER = 700; // milliseconds without a first character before the queue is shown

/** A name for a request, by which its place in the queue can be asked for. */
const requestId = () =>
  [...crypto.getRandomValues(new Uint32Array(4))]
    .map((one) => one.toString(16).padStart(8, "0"))
    .join("");

export class Sheet {
  /**
   * @param {object} events
   * @param {(sheet: Sheet) => void} events.changed after each change of state
   * @param {(sheet: Sheet, sameDice: boolean) => void} events.again
   * @param {(sheet: Sheet) => void} events.goOn
   * @param {(sheet: Sheet) => void} events.link
   * @param {(sheet: Sheet) => void} events.publish
   * @param {() => boolean} events.showsCopies whether what is copied is to be underlined
   * @param {(model: string) => boolean} events.hasCorpus whether what it has read is there
   */
  constructor(events) {
    this.events = events;
    this.state = "waiting";
    /**
     * One for each request: what it said, the cell that it began at, and the length that brings
     * its text back (less than what it said if it was stopped).
     * @type {Array<{options: permalink.Options, from: number, size: number}>}
     */
    this.parts = [];
    this.abort = new AbortController();
    this.examining = new AbortController();
    /** The mix that the rest of the text is to be written with, while it is being changed. */
    this.turned = "";
    this.element = h("article", { class: "sheet" });
    this.#build();
  }

  /** Whether it waits for the server or writes. */
  get busy() {
    return ["waiting", "writing", "retrying"].includes(this.state);
  }

  /**
   * Write a text, from an empty sheet.
   * @param {any} card of the model
   * @param {string} seed
   * @param {permalink.Options[]} parts one request after the other
   * @param {permalink.Recipe | null} [link] where the parts come from, to compare with
   */
  async write(card, seed, parts, link = null) {
    this.turned = "";
    this.abort.abort();
    this.card = card;
    this.seed = seed;
    this.parts = [];
    this.view.begin(card.model, seed);
    this.#tellNotice("");
    for (const options of parts) {
      const turns = await this.#parts(options);
      if (this.state !== "done" || turns) return;
    }
    if (link) this.#compare(link);
  }

  /** Go on from the text. @param {permalink.Options} options */
  async goOn(options) {
    this.#tellNotice("");
    await this.#parts(options);
  }

  /** Let the models of a blend count otherwise from here on. @param {string} mix */
  turn(mix) {
    if (!this.busy || this.parts.at(-1).options.mix === mix) return;
    this.turned = mix;
    this.abort.abort();
  }

  /** Stop at once; what there is stays. */
  stop() {
    this.turned = "";
    if (this.busy) this.abort.abort();
  }

  /** The whole text. */
  get text() {
    return this.seed + this.view.text;
  }

  /** How to have this text again. @returns {permalink.Recipe} */
  get recipe() {
    return {
      model: this.card.model,
      seed: this.seed,
      parts: this.parts.map(({ options, size }) => ({ ...options, size })),
      weights: this.card.weights_sha256,
      precision: this.card.precision,
      checksum: permalink.checksum(this.text),
    };
  }

  /** Underline what is copied and say how much it is, or show nothing of it. */
  async showCopies() {
    this.examining.abort();
    const { signal } = (this.examining = new AbortController());
    this.view.underline([]);
    tell(this.copies, "");
    if (!this.events.showsCopies() || this.busy || !this.view.cells.length) return;
    const name = this.card.model;
    const named = { name: () => titleOf(this.card) };
    if (!this.events.hasCorpus(name)) {
      tell(this.copies, "copies.unknown", named);
      return;
    }
    try {
      const [found, passages] = await Promise.all([
        api.originality(name, this.view.text, signal),
        import("./copied-passages.js"),
      ]);
      this.view.underline(found.passages, found.base?.passages);
      this.copies.replaceChildren(...passages.said(found));
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.code === "corpus_unavailable") tell(this.copies, "copies.unknown", named);
      else this.copies.replaceChildren(...describe(error));
    }
    announce(this.copies.textContent);
  }

  // --- one request ---

  /**
   * Make one request, and another one for the rest of its text each time that the mix is changed:
   * each with the number after the last one's, so that the same dice go on.
   * @returns {Promise<number>} how many more
   */
  async #parts(options) {
    const to = this.view.cells.length + options.size;
    for (let turns = 0; ; turns++) {
      const from = this.view.cells.length;
      await this.#part(options);
      const mix = this.turned;
      if (!mix) return turns;
      this.turned = "";
      const written = this.view.cells.length - from;
      const random_state = (options.random_state + (written ? 1 : 0)) % 2 ** 32;
      options = { ...options, mix, random_state, size: to - this.view.cells.length };
    }
  }

  /** Make one request, as often as it takes. */
  async #part(options) {
    this.abort = new AbortController();
    const { signal } = this.abort;
    const from = this.view.cells.length;
    const part = { options, from, size: options.size };
    const body = { seed: this.text, on_unknown: "nearest", ...options };
    this.parts.push(part);
    this.examining.abort();
    this.view.underline([]);
    tell(this.copies, "");
    this.failure = null;
    this.resuming = false;
    this.reason = "";
    for (let attempt = 0; ; attempt++) {
      try {
        this.#become(from === this.view.cells.length ? "waiting" : "writing");
        await this.#request(body, from, signal);
        this.view.flush();
        this.#become("done");
        break;
      } catch (error) {
        if (signal.aborted) {
          if (!this.turned) this.#become("stopped");
          break;
        }
        if (!(error instanceof ApiError) || !error.passing) {
          this.failure = error;
          this.#become("failed");
          break;
        }
        if (this.view.cells.length > from) attempt = 0; // it did work
        const tried = await this.#pause(error, attempt, signal);
        this.resuming = this.view.cells.length > from;
        if (!tried && this.turned) break;
        if (!tried) {
          this.#become("stopped");
          this.#tellNotice("given-up");
          break;
        }
      }
    }
    this.view.flush();
    const written = this.view.cells.length - from;
    // A text that a stop string ended is had again by its full size and that string.
    if (written && this.reason !== "stop") part.size = written;
    if (this.turned && this.busy && written < options.size) {
      if (!written) this.parts.pop();
      return; // the next part goes on
    }
    this.turned = "";
    if (!written && this.parts.length > 1) this.parts.pop();
    if (this.busy) this.#become("done"); // all was written when the mix was changed
    this.#finish();
  }

  /** Read one answer; cells that are there already are passed over. */
  async #request(body, from, signal) {
    const reader = new CellReader();
    let at = from;
    const id = requestId();
    const watch = this.#watchQueue(signal, id);
    try {
      const asked = { ...body, logprobs: ALTERNATIVES };
      const stream = api.generate(this.card.model, asked, signal, id);
      for await (const { name, data } of stream) {
        clearTimeout(watch.timer);
        if (name === "queue") this.#tellPlace(data);
        if (name === "queue") continue;
        if (name === "done") {
          this.reason = data.truncated_by ?? data.finish_reason;
          return;
        }
        signal.throwIfAborted();
        let cells = reader.read(data.text, data.logprobs);
        const kept = this.view.cells.slice(at, at + cells.length);
        const differs = kept.findIndex((cell, index) => cell.text !== cells[index].text);
        at += cells.length;
        if (differs >= 0) {
          this.view.truncate(at - cells.length + differs);
          cells = cells.slice(differs);
        } else {
          cells = cells.slice(kept.length);
        }
        if (!cells.length) continue;
        if (this.resuming) announce(say("resumed"));
        this.resuming = false;
        if (this.state !== "writing") this.#become("writing");
        this.view.append(cells);
      }
    } finally {
      clearTimeout(watch.timer);
    }
  }

  #tellPlace({ place, waiting, seconds }) {
    const values = { place, count: waiting, seconds: Math.ceil(seconds) };
    // Without a place another worker answered than the one it waits in.
    if (waiting) tell(this.status, place ? "state.place" : "state.queue", values);
  }

  /** While nothing comes, say at which place of the queue the request of that id is. */
  #watchQueue(signal, id) {
    const watch = { timer: 0 };
    const look = async () => {
      const queue = await api.queue(id).catch(() => null);
      if (signal.aborted || this.state !== "waiting") return;
      if (queue) this.#tellPlace(queue);
      watch.timer = setTimeout(look, 2 * QUEUE_AFTER);
    };
    watch.timer = setTimeout(look, QUEUE_AFTER);
    return watch;
  }

  /**
   * Count down to the next attempt.
   * @returns {Promise<boolean>} whether to try again
   */
  async #pause(error, attempt, signal) {
    let seconds = error.retryAfter || PAUSES[Math.min(attempt, PAUSES.length - 1)];
    const key =
      error.status === 429
        ? error.reason === "share_full" ? "busy.yours" : "busy"
        : error.status
          ? "stopping"
          : this.view.cells.length
            ? "lost"
            : "unreachable";
    this.view.flush();
    this.#become("retrying");
    announce(say(key, { seconds }));
    return new Promise((resolve) => {
      const end = (again) => {
        clearInterval(timer);
        signal.removeEventListener("abort", give);
        this.notice.replaceChildren();
        if (again) tell(this.status, "retrying");
        resolve(again);
      };
      const give = () => end(false);
      const show = () => tell(words, key, { seconds });
      const words = h("span");
      const retry = h("button", { type: "button", class: "quiet", onclick: () => end(true) });
      const cancel = h("button", { type: "button", class: "quiet", onclick: () => this.stop() });
      show();
      this.notice.replaceChildren(words, tell(retry, "retry"), tell(cancel, "cancel"));
      signal.addEventListener("abort", give);
      const timer = setInterval(() => {
        seconds -= 1;
        if (seconds <= 0) end(true);
        else show();
      }, 1000);
    });
  }

  // --- what is seen ---

  #build() {
    this.view = new TextView();
    this.title = h("h2");
    this.status = h("p", { class: "status" });
    this.notice = h("div", { class: "notice" });
    this.copies = h("p", { class: "copies" });
    const button = (key, action, kind = "quiet") =>
      tell(h("button", { type: "button", class: kind, onclick: action }), key);
    this.buttons = {
      stop: button("stop.button", () => this.stop()),
      goOn: button("continue", () => this.events.goOn(this), "quiet strong"),
      same: button("again.same", () => this.events.again(this, true)),
      other: button("again.other", () => this.events.again(this, false)),
      copy: button("copy.text", () => copyBy(this.buttons.copy, this.text)),
      link: button("link", () => this.events.link(this)),
      code: button("code", () => this.#showCode()),
      publish: button("publish", () => this.events.publish(this)),
    };
    tellAttribute(this.buttons.other, "title", "again.other.hint");
    tellAttribute(this.buttons.copy, "title", "copy.text.hint");
    tellAttribute(this.buttons.link, "title", "link.hint");
    tellAttribute(this.buttons.code, "title", "code.hint");
    const keys = tell(h("p", { class: "hint keys" }), "sheet.keys");
    const { stop, goOn, same, other, copy, link, code, publish } = this.buttons;
    this.element.replaceChildren(
      h("header", { class: "sheet-head" }, this.title, this.status),
      this.view.element,
      keys,
      this.copies,
      this.notice,
      h(
        "footer",
        { class: "sheet-actions" },
        h("div", {}, stop, goOn, same, other),
        h("div", {}, copy, link, code, publish),
      ),
    );
  }

  #become(state) {
    this.state = state;
    this.element.dataset.state = state;
    this.element.setAttribute("aria-busy", String(this.busy));
    showButtons(this.buttons, this.busy, {
      goOn: state === "failed",
      copy: !this.text,
      publish: !this.text || !document.documentElement.dataset.visitor,
    });
    const { temp, random_state, mix } = this.parts.at(-1).options;
    const model = mix ? shown(mix) : () => titleOf(this.card);
    tell(this.title, "sheet.title", { model, temperature: temp });
    tellAttribute(this.view.element, "aria-label", "sheet.title", { model, temperature: temp });
    tellAttribute(this.buttons.same, "title", "again.same.hint", { number: String(random_state) });
    const words = { waiting: "state.waiting", writing: "state.writing", retrying: "" }[state];
    if (words !== undefined) tell(this.status, words);
    this.events.changed(this);
  }

  /** Say how it ended. */
  #finish() {
    this.#become(this.state);
    this.showCopies();
    const count = this.view.cells.length;
    if (this.state === "failed") {
      tell(this.status, "");
      this.notice.replaceChildren(...describe(this.failure));
      announce(this.notice.textContent);
      return;
    }
    const words = this.card.level === "word";
    const ending =
      this.state === "stopped"
        ? count ? "state.stopped" : "state.stopped.none"
        : { stop: "state.stop", time: "state.time" }[this.reason] ??
          (words ? "state.done.words" : "state.done");
    tell(this.status, ending, { count });
    announce(say(ending, { count }));
  }

  #tellNotice(key, values) {
    this.notice.replaceChildren(...(key ? [tell(h("span"), key, values)] : []));
  }

  /** Say whether a link's text came back. */
  #compare(link) {
    const same = permalink.checksum(this.text) === link.checksum;
    if (!permalink.sameWeights(link, this.card)) this.#tellNotice("state.weights");
    else if (!link.checksum) return;
    else if (same) this.#tellNotice("state.same");
    else if (link.precision && link.precision !== this.card.precision) {
      const { precision } = this.card;
      this.#tellNotice("state.precision", { precision, before: link.precision });
    } else this.#tellNotice("state.differs");
    this.element.dataset.link = same ? "same" : "differs";
    announce(this.notice.textContent);
  }

  #showCode() {
    const { options, from, size } = this.parts.at(-1);
    const before = this.view.cells.slice(0, from).map((cell) => cell.text);
    const seed = this.seed + before.join("");
    const body = { seed, ...options, size, on_unknown: "nearest" };
    if (this.events.showsCopies() && this.events.hasCorpus(this.card.model)) body.originality = true;
    showCode(this.card.model, body, this.parts.length);
  }
}
