/** One training on the page: how it stands, its curve, what it writes, what one can do with it. */

import { curve } from "../common/curve.js";
import { announce, h } from "../common/dom.js";
import { describe } from "../common/failures.js";
import { isTeacher } from "../common/http.js";
import { knows, percent, say } from "../common/i18n.js";
import { beginning } from "./advice.js";
import { Figures } from "./figures.js";
import * as server from "./server.js";
import { TimeLine } from "./time-line.js";
import { sentences } from "./verdict.js";

const LIVE = ["waiting", "running", "stopping"];
const MORE_MINUTES = 10;
const LOSES = ["cancel", "delete"]; // what one is asked about first
const RETRY_MILLISECONDS = 2000;

export class Training {
  /**
   * @param {any} summary
   * @param {{confirm: (what: string, name: string) => Promise<boolean>, changed: () => void}} page
   */
  constructor(summary, page) {
    this.name = summary.name;
    this.page = page;
    this.now = { curve: [], samples: [], ...summary };
    this.watching = null;
    this.title = h("h3", { id: `training-${this.name}` }, this.name);
    this.status = h("p", { class: "status" });
    this.bar = h("progress", { max: 1 });
    this.figures = new Figures();
    this.beginning = h("p", { class: "hint" });
    this.verdict = h("ul", { class: "verdict" });
    this.trouble = h("p", { class: "notice", role: "alert" });
    this.curve = h("div");
    this.timeLine = new TimeLine();
    this.use = h("a", { class: "primary use", href: `/?model=${encodeURIComponent(this.name)}` });
    this.buttons = {
      cancel: this.#button("cancel", server.cancel),
      resume: this.#button("resume", (name) => server.resume(name)),
      more: this.#button("more", (name) => server.resume(name, { max_minutes: MORE_MINUTES })),
      delete: this.#button("delete", server.remove),
    };
    this.element = h(
      "article",
      { class: "sheet training", "aria-labelledby": this.title.id, "data-name": this.name },
      h("div", { class: "training-head" }, this.title, this.status),
      this.bar,
      this.figures.element,
      this.beginning,
      this.verdict,
      this.trouble,
      this.curve,
      this.timeLine.element,
      h("div", { class: "sheet-actions" }, h("div", {}, this.use, ...Object.values(this.buttons))),
    );
    this.show();
    this.#refresh();
  }

  get live() {
    return LIVE.includes(this.now.state);
  }

  /** Take over what the list says. @param {any} summary */
  update(summary) {
    const before = this.now.state;
    if (this.watching && this.live) return; // the stream knows better
    this.now = { ...this.now, ...summary };
    this.show();
    if (before !== summary.state) this.#refresh();
  }

  /** Follow it as long as it runs. */
  async watch() {
    if (this.watching) return;
    const watching = (this.watching = new AbortController());
    try {
      for await (const now of server.watch(this.name, watching.signal)) {
        const before = this.now.state;
        this.now = now;
        this.show();
        if (before !== now.state) announce(`${this.name}: ${this.#state()}`);
      }
    } catch {
      // The list, which is asked for again and again, says when the server is back.
      await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
    } finally {
      this.watching = null;
      this.page.changed();
    }
  }

  /** Follow it no more. */
  leave() {
    this.watching?.abort();
    this.timeLine.stop();
    this.element.remove();
  }

  /** Show everything, in the language of now. */
  show() {
    const { now } = this;
    this.element.dataset.state = now.state;
    this.status.textContent = this.#state();
    this.bar.value = now.progress;
    this.bar.setAttribute("aria-label", say("progress", { name: this.name }));
    this.bar.hidden = now.state === "waiting" && !now.progress;
    this.figures.show(now);
    this.beginning.textContent = now.beginning ? beginning(now.beginning) : "";
    this.#showVerdict();
    this.#showTrouble();
    const drawn = now.curve.length > 1;
    const room = this.curve.clientWidth;
    this.curve.replaceChildren(
      ...(drawn ? [curve(this.name, now.curve, now.counting_bits ?? null, room)] : []),
    );
    this.timeLine.show(now.samples);
    this.use.hidden = !now.model_ready;
    this.use.textContent = say("use");
    for (const [what, button] of Object.entries(this.buttons)) {
      button.textContent = say(what, { minutes: MORE_MINUTES });
    }
    const { visitor } = document.documentElement.dataset; // in a class, one of many
    const mine = !visitor || now.visitor === visitor || isTeacher();
    this.buttons.cancel.hidden = !["waiting", "running"].includes(now.state);
    this.buttons.resume.hidden = !["failed", "cancelled", "interrupted"].includes(now.state);
    this.buttons.more.hidden = now.state !== "done" || !now.options.max_minutes;
    this.buttons.delete.hidden = ["running", "stopping"].includes(now.state);
    if (!mine) for (const button of Object.values(this.buttons)) button.hidden = true;
  }

  /** Why it failed, in the page's words or else in the server's. */
  #showTrouble() {
    const { state, error, error_reason, error_values } = this.now;
    this.trouble.textContent = error ? say(`state.${state}.why`) : "";
    if (!error) return;
    this.trouble.append(
      " ",
      knows(`error.${error_reason}`)
        ? say(`error.${error_reason}`, error_values)
        : h("span", { class: "details", lang: "en" }, error),
    );
  }

  #state() {
    const { state, queue_place, progress } = this.now;
    if (state === "waiting" && queue_place) return say("state.waiting.train", { count: queue_place });
    if (state === "waiting") return say("state.waiting.next");
    if (state === "running" && !progress) return say("state.preparing");
    if (state === "running") return say("state.running", { share: percent(progress) });
    const worse = state === "done" && this.now.verdict && !this.now.verdict.better;
    return say(worse ? "state.done.worse" : `state.${state}`);
  }

  /** What came of it, once it is over. */
  #showVerdict() {
    const { verdict } = this.now;
    const said = verdict && !this.live && this.now.model_ready;
    this.verdict.replaceChildren(...(said ? sentences(verdict) : []));
    this.element.dataset.verdict = said ? (verdict.better ? "better" : "worse") : "";
  }

  #button(what, action) {
    const button = h("button", { type: "button", class: "quiet", "data-does": what });
    button.addEventListener("click", async () => {
      if (LOSES.includes(what) && !(await this.page.confirm(what, this.name))) return;
      button.disabled = true;
      try {
        const now = await action(this.name);
        if (what !== "delete") this.now = now;
        if (what !== "delete") announce(`${this.name}: ${this.#state()}`);
        else announce(say("deleted", { name: this.name }));
      } catch (error) {
        this.trouble.replaceChildren(...describe(error));
        return;
      } finally {
        button.disabled = false;
      }
      this.show();
      this.page.changed();
    });
    return button;
  }

  /** Read what the list leaves out. */
  async #refresh() {
    if (this.watching) return;
    try {
      const now = await server.training(this.name);
      if (!this.watching) this.now = now;
      this.show();
    } catch {
      // it may be gone by now; the list will say so
    }
  }
}
