/**
 * One's texts, kept in this browser alone: the last ones, and those marked as favourites.
 *
 * @typedef {{text: string, model: string, temperature: number, address: string, written: number,
 *     favourite: boolean}} Kept
 */

import { $, announce, h } from "../common/dom.js";
import { number, onLanguage, say } from "../common/i18n.js";

const KEPT_AS = "simpleml-texts";
const MOST = 50; // besides favourites
const SHOWN = 240; // characters of each

/** @returns {Kept[]} the newest first */
function texts() {
  try {
    return JSON.parse(localStorage.getItem(KEPT_AS)) ?? [];
  } catch {
    return []; // what stands there is not ours
  }
}

/** @param {Kept[]} all */
function keep(all) {
  let others = 0;
  const kept = all.filter((one) => one.favourite || ++others <= MOST);
  try {
    localStorage.setItem(KEPT_AS, JSON.stringify(kept));
  } catch {
    // the browser keeps nothing, or has no room: the texts on the page are there all the same
  }
  show();
}

/**
 * Keep a text that is complete.
 * @param {Pick<import("./sheet.js").Sheet, "text" | "card" | "parts">} sheet
 * @param {string} address
 */
export function remember({ text, card, parts }, address) {
  const all = texts();
  const same = all.find((one) => one.text === text && one.model === card.model);
  const { temp } = parts.at(-1).options;
  const favourite = same?.favourite ?? false;
  const now = { text, model: card.model, temperature: temp, address, written: Date.now(), favourite };
  keep([now, ...all.filter((one) => one !== same)]);
}

/** Let the browser keep a text as a file. @param {Kept} one */
function save({ text, model }) {
  const link = h("a", { download: `${model}.txt` });
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** @param {Kept} one */
function item(one) {
  const change = (other) => keep(texts().flatMap((each) => (each.address === one.address ? other : each)));
  const button = (key, onclick, more = {}) =>
    h("button", { type: "button", class: "quiet", onclick, ...more }, say(key));
  const { model, text, favourite } = one;
  const characters = [...text];
  const actions = [
    button("texts.favourite", () => change([{ ...one, favourite: !favourite }]), {
      "aria-pressed": String(favourite),
    }),
    h("a", { class: "quiet use", href: new URL(one.address).hash, onclick: () => $("texts-dialog").close() }, say("texts.again")),
    button("texts.save", () => save(one)),
    button("texts.forget", () => change([])),
  ];
  if (navigator.share) {
    const share = () => navigator.share({ text, url: one.address }).catch(() => {}); // thought better
    actions.splice(3, 0, button("texts.share", share));
  }
  return h(
    "li",
    { "data-address": one.address },
    h("blockquote", {}, characters.slice(0, SHOWN).join("") + (characters.length > SHOWN ? "…" : "")),
    h("p", { class: "hint" }, say("sheet.title", { model, temperature: number(one.temperature) })),
    h("div", { class: "ways" }, ...actions),
  );
}

/** Show the list, favourites first. */
function show() {
  const all = texts();
  $("my-texts").hidden = !all.length;
  if (!$("texts-dialog").open) return;
  const ordered = [...all].sort((one, other) => Number(other.favourite) - Number(one.favourite));
  const focused = document.activeElement;
  const { address } = focused?.closest("li")?.dataset ?? {};
  $("texts-list").replaceChildren(...ordered.map(item));
  if (address) {
    // The button is a new one now, or gone with its text.
    const now = [...$("texts-list").children].find((one) => one.dataset.address === address);
    const again = now && [...now.querySelectorAll("button")].find((one) => one.textContent === focused.textContent);
    (again ?? $("texts-forget")).focus();
  }
  if (!all.length) $("texts-dialog").close();
}

function start() {
  $("my-texts").addEventListener("click", () => {
    $("texts-dialog").showModal();
    show();
  });
  $("texts-forget").addEventListener("click", () => {
    keep([]);
    announce(say("texts.forgotten"));
  });
  onLanguage(show);
  show();
}

start();
