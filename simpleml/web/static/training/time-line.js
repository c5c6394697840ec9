/** What a network wrote after each pass: the same beginning and the same dice, to be played. */

import { h } from "../common/dom.js";
import { number, say } from "../common/i18n.js";

const STEP_MILLISECONDS = 1400;

export class TimeLine {
  constructor() {
    this.samples = [];
    this.at = -1;
    this.timer = 0;
    this.title = h("h4");
    this.play = h("button", { type: "button", class: "quiet", onclick: () => this.#toggle() });
    this.slider = h("input", { type: "range", min: 0, step: 1, oninput: () => this.#moved() });
    this.label = h("output", { class: "hint" });
    this.seed = h("span", { class: "sample-seed" });
    this.text = h("span");
    this.element = h(
      "section",
      { class: "time-line" },
      this.title,
      h("div", { class: "time-line-controls" }, this.play, this.slider, this.label),
      h("blockquote", { class: "training-sample" }, this.seed, this.text),
    );
  }

  /**
   * Show the samples of a training; the newest, unless an older one is being looked at.
   * @param {Array<{epoch: number, temperature: number, text: string, seed: string}>} samples
   */
  show(samples) {
    const least = Math.min(...samples.map((one) => one.temperature));
    const newest = this.at >= this.samples.length - 1;
    const before = this.samples[this.at]?.epoch;
    this.samples = samples.filter((one) => one.temperature === least);
    const last = this.samples.length - 1;
    if (newest && !this.timer) this.at = last;
    else {
      // of a long training the moments that are kept move
      const same = this.samples.findIndex((one) => one.epoch >= before);
      this.at = Math.min(Math.max(0, same), last);
    }
    this.element.hidden = last < 0;
    if (last < 0) return;
    this.slider.max = String(last);
    this.slider.disabled = this.play.disabled = !last;
    this.#draw();
  }

  /** Play no more. */
  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.#draw();
  }

  #toggle() {
    if (this.timer) return this.stop();
    this.at = 0;
    this.timer = setInterval(() => {
      this.at = Math.min(this.at + 1, this.samples.length - 1);
      if (this.at === this.samples.length - 1) this.stop();
      else this.#draw();
    }, STEP_MILLISECONDS);
    this.#draw();
  }

  #moved() {
    this.at = this.slider.valueAsNumber;
    this.stop();
  }

  #draw() {
    const sample = this.samples[this.at];
    if (!sample) return;
    const after = say("sample.after", { count: sample.epoch });
    this.title.textContent = say("sample.title");
    this.play.textContent = say(this.timer ? "sample.pause" : "sample.play");
    this.slider.value = String(this.at);
    this.slider.setAttribute("aria-label", say("sample.slider"));
    this.slider.setAttribute("aria-valuetext", after);
    this.label.textContent = `${after} · ${say("sample.temperature", { temperature: number(sample.temperature) })}`;
    this.seed.textContent = sample.seed ? `…${sample.seed}` : "";
    this.text.textContent = sample.text;
  }
}
