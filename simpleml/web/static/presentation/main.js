/** /presentation: one letter at a time, with what else was possible. */

import * as dialogs from "../common/dialogs.js";
import { $, announce, h } from "../common/dom.js";
import { describe } from "../common/failures.js";
import * as http from "../common/http.js";
import * as i18n from "../common/i18n.js";
import { preferred, titleOf } from "../common/models.js";
import * as preferences from "../common/preferences.js";

const ASKED = 20; // of the likeliest symbols; what is beyond them counts for little
const SHOWN = 8;
const STEPS = ["in", "network", "bars", "dice", "out"];
const SLOWEST = 3000; // milliseconds a letter at pace 1

await i18n.start("presentation");
preferences.start();
dialogs.start();
http.onKeyNeeded(dialogs.askKey);

/** @type {any} the model's card */
let card = null;
let text = "";
/** @type {{symbol: string, options: Array<{symbol: string, share: number}>} | null} */
let next = null;
let step = -1;
let timer = 0;
let turn = 0; // what an earlier beginning asked for comes too late

const mode = () => document.querySelector("input[name=mode]:checked").value;
const address = () => `/${encodeURIComponent($("model").value)}`;
const visible = (symbol) =>
  symbol === " " ? i18n.say("symbol.space") : symbol === "\n" ? i18n.say("symbol.newline") : symbol;

/** What may come next, as the temperature leaves it, and what was drawn. */
async function ask() {
  const mine = turn;
  const temp = Number($("temperature").value);
  const random_state = crypto.getRandomValues(new Uint32Array(1))[0];
  const body = { seed: $("seed").value + text, size: 1, temp, random_state, on_unknown: "nearest" };
  const answer = await http.call(address(), { body: { ...body, logprobs: ASKED } });
  const { generated, logprobs } = await answer.json();
  if (mine !== turn) return false;
  const { top, logprob } = logprobs[0];
  const drawn = top.some(([symbol]) => symbol === generated) ? [] : [[generated, logprob]];
  const weights = [...top, ...drawn].map(([symbol, one]) => [symbol, Math.exp(one / temp)]);
  const sum = weights.reduce((total, [, weight]) => total + weight, 0);
  const options = weights.map(([symbol, weight]) => ({ symbol, share: weight / sum }));
  next = { symbol: generated, options };
  return true;
}

/** The likeliest symbols, and the one that was drawn where it is none of them. */
function showBars(chosen = "") {
  const choosing = mode() === "choose";
  const options = next?.options ?? [];
  const rows = options.filter(({ symbol }, rank) => rank < SHOWN || symbol === chosen);
  $("bars").replaceChildren(
    ...rows.map(({ symbol, share }) => {
      const named = visible(symbol);
      const meter = h("progress", { max: 1, value: share, "aria-hidden": "true" });
      const button = h(
        "button",
        {
          type: "button",
          class: symbol === chosen ? "bar chosen" : "bar",
          disabled: !choosing,
          "aria-label": i18n.say("bar.choose", { symbol: named, share: i18n.percent(share) }),
          onclick: () => choose(symbol),
        },
        h("span", { class: "bar-symbol" }, named),
        meter,
        h("span", { class: "bar-share" }, i18n.percent(share)),
      );
      return h("li", {}, button);
    }),
  );
}

function showText() {
  $("begun").textContent = $("seed").value;
  $("written").textContent = text;
  $("text").scrollTop = $("text").scrollHeight;
}

/** Go on with a symbol. */
function take(symbol) {
  text += symbol;
  next = null;
  if (mode() !== "writes") announce(visible(symbol));
  showText();
}

const failing = (action) => async () => {
  try {
    $("problem").replaceChildren();
    await action();
  } catch (error) {
    halt();
    $("problem").replaceChildren(...describe(error));
  }
};

const showNext = failing(async () => {
  if (mode() === "choose" && card && (await ask())) {
    showBars();
    $("bars").querySelector("button")?.focus();
  }
});

let prepared = Promise.resolve();

/** Ask for what may come next, where it is to be seen before anything is chosen. */
function prepare() {
  prepared = showNext();
  return prepared;
}

/** Take a symbol of the bars; none while those for the next are on their way. */
function choose(symbol) {
  if (!next) return;
  take(symbol);
  prepare();
}

const write = failing(async () => {
  if (!(await ask())) return;
  showBars(next.symbol);
  take(next.symbol);
  if (timer) timer = setTimeout(write, SLOWEST / Number($("pace").value) ** 1.5);
});

const advance = failing(async () => {
  const following = (step + 1) % STEPS.length;
  if (following === 2 && !(await ask())) return;
  step = following;
  for (const one of $("path").children) {
    if (one.dataset.step === STEPS[step]) one.setAttribute("aria-current", "step");
    else one.removeAttribute("aria-current");
  }
  const chosen = step > 2 ? next?.symbol : "";
  if (step === 2 || step === 3) showBars(chosen);
  if (step === 4) take(next.symbol);
  announce(i18n.say(`step.${STEPS[step]}`));
});

function halt() {
  turn += 1;
  clearTimeout(timer);
  timer = 0;
  showMode();
}

function showMode() {
  $("path").hidden = mode() !== "steps";
  $("pace").disabled = mode() !== "writes";
  i18n.tell($("go"), timer ? "go.pause" : `go.${mode()}`);
}

function begin() {
  text = "";
  next = null;
  step = -1;
  for (const one of $("path").children) one.removeAttribute("aria-current");
  halt();
  showText();
  showBars();
  prepare();
}

const chooseModel = failing(async () => {
  card = null;
  $("go").disabled = true;
  card = await (await http.call(address())).json();
  $("go").disabled = false;
  const hint = $("path").querySelector("[data-step=network] .hint");
  i18n.tell(hint, "step.network.hint", { layers: card.layers, units: card.units });
  begin();
});

$("go").addEventListener("click", () => {
  if (mode() === "steps") return advance();
  if (mode() === "choose") return prepared.then(() => choose(next?.symbol));
  if (timer) return halt();
  timer = setTimeout(write, 0);
  return showMode();
});
$("anew").addEventListener("click", begin);
$("whole").addEventListener("click", () => document.documentElement.requestFullscreen?.());
$("model").addEventListener("change", chooseModel);
for (const id of ["seed", "temperature"]) $(id).addEventListener("change", begin);
$("controls").addEventListener("submit", (event) => event.preventDefault());
for (const radio of document.querySelectorAll("input[name=mode]")) {
  radio.addEventListener("change", begin);
}
/** The temperatures as the language writes them. */
function showTemperatures() {
  for (const one of $("temperature").options) one.textContent = i18n.number(Number(one.value));
}
showTemperatures();
i18n.onLanguage(() => {
  showBars();
  showTemperatures();
});

await failing(async () => {
  const { models } = await (await http.call("/api/models")).json();
  const wanted = new URLSearchParams(location.search).get("model");
  for (const one of models) {
    const option = h("option", { value: one.name });
    $("model").append(i18n.tell(option, "model.title", { title: () => titleOf(one) }));
  }
  const [best] = preferred(models, i18n.current());
  $("model").value = models.some((one) => one.name === wanted) ? wanted : best?.name;
  if (models.length) await chooseModel();
})();
document.documentElement.dataset.ready = "true";
