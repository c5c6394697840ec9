/** The text to learn from: pasted into the field, or files that were dropped or chosen. What is in a
 * file, and whether it is a text at all, is the server's to say. */

import { $ } from "../common/dom.js";
import { describe } from "../common/failures.js";
import { ApiError } from "../common/http.js";
import { knows, number, onLanguage, say, tell } from "../common/i18n.js";
import * as server from "./server.js";

/** @type {File[]} */
let files = [];
/** What the server found in them, or why it did not. @type {any[] | ApiError | null} */
let found = null;
let reading = new AbortController();

/** The text: what stands in the field, or the files. @returns {string | File[]} */
export const content = () => (files.length ? files : $("text").value);

/** Whether there is a text that can be sent. */
export function isReady() {
  if (isTooLarge()) return false;
  return files.length ? Array.isArray(found) : Boolean($("text").value.trim());
}

const SPELT = { œ: "oe", Œ: "OE", æ: "ae", Æ: "AE", ß: "ss", ø: "o", Ø: "O" };

/** A text as a model may be called: the server's addresses know no other characters. */
export const asName = (text) =>
  text
    .replace(/[œŒæÆßøØ]/g, (one) => SPELT[one])
    .normalize("NFD")
    .replace(/\p{M}+/gu, "") // accents
    .replace(/-*[^A-Za-z0-9._-]+-*/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 64);

/** A model's name made of the file's, "" without a file. */
export const suggestedName = () =>
  asName((files[0]?.name ?? "").replace(/\.[^.]*$/, "")).replace(/-+$/, "");

/**
 * Bring the field to life.
 * @param {(fromFile: boolean) => void} changed called when there is another text
 */
export function start(changed) {
  $("text").addEventListener("input", () => {
    show();
    changed(false);
  });
  $("choose").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", async () => {
    const chosen = [...$("file").files];
    $("file").value = "";
    if (chosen.length) await take(chosen, changed);
  });
  $("drop-file").addEventListener("click", () => {
    leave();
    show();
    $("text").focus();
    changed(false);
  });
  const drop = $("drop");
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("over");
  });
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const dropped = [...event.dataTransfer.files];
    if (dropped.length) return take(dropped, changed);
    if (!event.dataTransfer.getData("text")) return;
    leave();
    $("text").value = event.dataTransfer.getData("text");
    show();
    changed(false);
  });
  onLanguage(show);
  show();
}

function leave() {
  reading.abort();
  files = [];
  found = null;
}

/** Send files to the server and show what it finds in them. */
async function take(chosen, changed) {
  leave();
  files = chosen;
  const { signal } = (reading = new AbortController());
  show();
  changed(false);
  if (isTooLarge()) return;
  try {
    found = (await server.read(files, signal)).files;
  } catch (error) {
    if (signal.aborted) return;
    found = error;
  }
  show();
  changed(true);
}

/** Whether the text is more than the server takes. */
export function isTooLarge() {
  const most = Number(document.body.dataset.maxBytes);
  if (files.length) return files.reduce((sum, file) => sum + file.size, 0) > most;
  const now = $("text").value;
  return now.length > most || (3 * now.length > most && new TextEncoder().encode(now).length > most);
}

function show() {
  $("chosen").hidden = !files.length;
  $("text").hidden = Boolean(files.length);
  $("choose-row").hidden = Boolean(files.length); // "Another text" is the one button then
  const read = Array.isArray(found) ? found : [];
  $("file-name").textContent = files.map((file) => file.name).join(" + ");
  $("file-start").textContent = read.map((file) => file.beginning).join("\n…\n");
  const facts = $("text-facts");
  const count = files.length
    ? read.reduce((sum, file) => sum + file.characters, 0)
    : $("text").value.length;
  if (isTooLarge()) {
    const most = number(Number(document.body.dataset.maxBytes) / 1e6, { maximumFractionDigits: 1 });
    tell(facts, "text.large", { most });
  } else if (found instanceof ApiError) {
    tell(facts, "");
    facts.replaceChildren(...describe(found));
  } else if (files.length && !found) tell(facts, "text.reading");
  else if (!count) tell(facts, "");
  else if (!read.some(isUnusual)) tell(facts, "text.facts", { count });
  else tell(facts, "text.facts.taken", { count, kinds: read.map(kind).join(", ") });
  facts.classList.toggle("problem", isTooLarge() || found instanceof ApiError);
  $("text").setAttribute("placeholder", say("text.placeholder"));
}

const isUnusual = ({ format, encoding }) => format !== "text" || encoding !== "utf-8";

const kind = ({ format, encoding }) =>
  format === "text" ? encoding : knows(`format.${format}`) ? say(`format.${format}`) : format;
