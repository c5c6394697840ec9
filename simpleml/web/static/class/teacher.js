/** The teacher's part of the page: how pupils get in, who does what, what is allowed. */

import { $, announce, h } from "../common/dom.js";
import { say, tell, tellAttribute } from "../common/i18n.js";
import * as server from "./server.js";

const LIMITS = ["running", "waiting", "trainings"];

/** @type {{done: () => void, failed: (error: Error) => void}} */
let page;
let paused = false;
let shown = "";

/** Do something and say what went wrong with it. */
const doing = (action) => async () => {
  try {
    await action();
    page.done();
  } catch (error) {
    page.failed(error);
  }
};

const button = (key, action) =>
  h("button", { type: "button", class: "quiet", onclick: doing(action) }, say(key));

/** Ask before something is lost. @returns {Promise<boolean>} */
function confirm(what, values = {}) {
  const dialog = $("confirm-dialog");
  tell($("confirm-title"), `confirm.${what}`, values);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

async function invite() {
  const { address, key, link, qr } = await server.invitation();
  const picture = URL.createObjectURL(new Blob([qr], { type: "image/svg+xml" }));
  for (const id of ["qr", "qr-large"]) {
    $(id).src = picture;
    tellAttribute($(id), "alt", "qr.alt", { link });
  }
  $("address").textContent = $("address-large").textContent = address;
  $("class-key").textContent = $("key-large").textContent = key;
  $("join-link").textContent = link;
}

/** Show what is set. @param {any} about the class */
export function showRules(about) {
  paused = about.paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  tell($("pause"), paused ? "pause.off" : "pause");
  for (const name of LIMITS) {
    const field = $("limits").elements[name];
    if (field !== document.activeElement) field.value = String(about[name]);
  }
}

function trainingOf({ name, state }) {
  const line = h("li", {}, say(`training.${state}`, { name }), " ");
  if (["waiting", "running"].includes(state)) {
    line.append(button("stop.training", () => server.stopTraining(name)));
  } else {
    line.append(
      button("delete.training", async () => {
        if (await confirm("training", { name })) await server.deleteTraining(name);
      }),
    );
  }
  return line;
}

function pupilOf({ visitor, name, texts, trainings }) {
  const called = name || say(visitor ? "pupil.unnamed" : "pupil.you", { visitor });
  const lines = texts.map((one) => h("li", {}, say(`text.${one.state}`, one)));
  const item = h("li", { "data-visitor": visitor }, h("strong", {}, called), " ");
  if (texts.length && visitor) item.append(button("stop.texts", () => server.stop(visitor)));
  item.append(h("ul", {}, ...lines, ...trainings.map(trainingOf)));
  return item;
}

function modelOf({ name, hidden }, models) {
  const box = h("input", { type: "checkbox", checked: !hidden });
  box.addEventListener(
    "change",
    doing(() => {
      const names = models.filter((one) => one.hidden && one.name !== name).map((one) => one.name);
      return server.rule({ hidden: box.checked ? names : [...names, name] });
    }),
  );
  return h("li", {}, h("label", { class: "switch" }, box, h("span", {}, name)));
}

/** Show the words that nobody wants to read. */
function showWords({ block, words, allowed }) {
  const form = $("words-form");
  if (form.contains(document.activeElement) || form.dataset.changed) return;
  form.elements.block.checked = block;
  form.elements.words.value = words.join("\n");
  form.elements.allowed.value = allowed.join("\n");
}

async function keepWords() {
  const form = $("words-form");
  const lines = (name) =>
    form.elements[name].value.split("\n").map((line) => line.trim()).filter(Boolean);
  const { checked } = form.elements.block;
  await server.rule({ block: checked, words: lines("words"), allowed: lines("allowed") });
  delete form.dataset.changed;
  announce(say("unwanted.kept"));
}

/** Bring up to date who does what. A list that one is just using stays as it is. */
export async function look() {
  const found = await server.overview();
  showWords(found.unwanted);
  const now = JSON.stringify([document.documentElement.lang, found]);
  if (now === shown || $("pupils").contains(document.activeElement)) return;
  shown = now;
  const busy = found.pupils.filter((one) => one.name || one.texts.length || one.trainings.length);
  $("nobody").hidden = busy.length > 0;
  $("pupils").replaceChildren(...busy.map(pupilOf));
  if (!$("models").contains(document.activeElement)) {
    $("models").replaceChildren(...found.models.map((one) => modelOf(one, found.models)));
  }
}

/**
 * @param {{done: () => void, failed: (error: Error) => void}} events after what was done, or not
 */
export async function start(events) {
  page = events;
  $("show-large").addEventListener("click", () => $("large-dialog").showModal());
  $("pause").addEventListener("click", doing(() => server.rule({ paused: !paused })));
  $("stop-all").addEventListener("click", doing(() => server.stop()));
  $("limits").addEventListener("submit", (event) => {
    event.preventDefault();
    const fields = LIMITS.map((name) => $("limits").elements[name]);
    const wrong = fields.find((field) => !field.reportValidity());
    if (wrong) return;
    doing(async () => {
      await server.rule(Object.fromEntries(fields.map((one) => [one.name, one.valueAsNumber])));
      announce(say("limits.kept"));
    })();
  });
  $("words-form").addEventListener("input", () => ($("words-form").dataset.changed = "true"));
  $("words-form").addEventListener("submit", (event) => {
    event.preventDefault();
    doing(keepWords)();
  });
  for (const one of document.querySelectorAll("[data-clears]")) {
    const what = one.dataset.clears;
    one.addEventListener(
      "click",
      doing(async () => {
        if (await confirm(what)) await server.clear(what);
      }),
    );
  }
  await invite();
  await look();
}
