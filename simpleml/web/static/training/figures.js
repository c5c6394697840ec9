/** The figures of a training, each with a mark that opens what it means. */

import { h } from "../common/dom.js";
import { number, say } from "../common/i18n.js";
import { duration } from "../common/times.js";

const KEYS = ["epochs", "bits", "speed", "left", "seconds"];
const EXPLAINED = ["epochs", "bits"];

export class Figures {
  constructor() {
    this.rows = new Map(KEYS.map((key) => [key, row(key)]));
    this.element = h("dl", { class: "figures" }, ...[...this.rows.values()].map((one) => one.element));
  }

  /** @param {any} now how the training stands */
  show(now) {
    const running = now.state === "running" && now.seconds_left !== null;
    const values = {
      epochs: now.epoch ? number(now.epoch) : "",
      bits:
        now.validation_bits === null ? "" : number(now.validation_bits, { maximumFractionDigits: 2 }),
      speed: now.characters_per_second ? number(now.characters_per_second) : "",
      left: running ? duration(now.seconds_left) : "",
      seconds: !running && now.seconds ? duration(now.seconds) : "",
    };
    for (const [key, one] of this.rows) {
      one.element.hidden = !values[key];
      one.name.textContent = say(`figure.${key}`);
      one.value.textContent = values[key];
      one.explain?.(values[key]);
    }
  }
}

function row(key) {
  const [name, value] = [h("span"), h("dd")];
  const title = h("dt", {}, name);
  const element = h("div", {}, title, value);
  if (!EXPLAINED.includes(key)) return { element, name, value };
  const [mark, text] = [h("summary", {}, "?"), h("p")];
  title.append(h("details", { class: "meaning" }, mark, text));
  const explain = () => {
    mark.setAttribute("aria-label", say("help", { what: say(`figure.${key}`) }));
    text.textContent = say(`help.${key}`);
  };
  return { element, name, value, explain };
}
