/** The text to learn from: pasted into the field, or a file that was dropped or chosen. */

import { $ } from "../playground/dom.js";
import { number, onLanguage, say, tell } from "../playground/i18n.js";

const SHOWN = 400; // characters of a file
/** Files of other encodings than these are rare enough to be saved again by their owner. */
const ENCODINGS = ["utf-8", "windows-1252"];

/** @type {{name: string, text: string, encoding: string} | null} */
let file = null;
let tooLarge = false;

/** The text. @returns {string} "" while there is none */
export const text = () => file?.text ?? $("text").value;

/** A model's name made of the file's, "" without a file. */
export const suggestedName = () =>
  (file?.name ?? "")
    .replace(/\.[^.]*$/, "")
    .normalize("NFD")
    .replace(/\p{M}+/gu, "") // accents
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+|-+$/g, "")
    .slice(0, 64);

/**
 * The characters of a file: those of its byte order mark, UTF-8, else the old Windows ones.
 * @param {ArrayBuffer} bytes
 * @returns {{text: string, encoding: string}}
 */
export function decode(bytes) {
  const [one, two] = new Uint8Array(bytes.slice(0, 2));
  if (one === 0xff && two === 0xfe) return decodeAs("utf-16le", bytes);
  if (one === 0xfe && two === 0xff) return decodeAs("utf-16be", bytes);
  try {
    return decodeAs(ENCODINGS[0], bytes);
  } catch {
    return decodeAs(ENCODINGS[1], bytes);
  }
}

const decodeAs = (encoding, bytes) => ({
  text: new TextDecoder(encoding, { fatal: true }).decode(bytes),
  encoding,
});

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
    if ($("file").files.length) await take($("file").files[0]);
    $("file").value = "";
    changed(true);
  });
  $("drop-file").addEventListener("click", () => {
    file = null;
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
    const [dropped] = event.dataTransfer.files;
    if (dropped) await take(dropped);
    else if (event.dataTransfer.getData("text")) {
      file = null;
      $("text").value = event.dataTransfer.getData("text");
      show();
    } else return;
    changed(Boolean(dropped));
  });
  onLanguage(show);
  show();
}

/** @param {File} dropped */
async function take(dropped) {
  const most = Number(document.body.dataset.maxBytes);
  tooLarge = dropped.size > 2 * most; // UTF-16 halves
  file = tooLarge
    ? { name: dropped.name, text: "", encoding: "" }
    : { name: dropped.name, ...decode(await dropped.arrayBuffer()) };
  show();
}

/** Whether the text is more than the server takes. */
export function isTooLarge() {
  const most = Number(document.body.dataset.maxBytes);
  const now = text();
  return (file && tooLarge) || now.length > most || (3 * now.length > most && bytes(now) > most);
}

const bytes = (now) => new TextEncoder().encode(now).length;

function show() {
  $("chosen").hidden = !file;
  $("text").hidden = Boolean(file);
  if (file) {
    $("file-name").textContent = file.name;
    $("file-start").textContent = file.text.slice(0, SHOWN);
  }
  const facts = $("text-facts");
  const count = text().length;
  if (isTooLarge()) {
    const most = number(Number(document.body.dataset.maxBytes) / 1e6, { maximumFractionDigits: 1 });
    tell(facts, "text.large", { most });
  } else if (count) {
    const old = file && file.encoding !== ENCODINGS[0];
    tell(facts, old ? "text.facts.encoding" : "text.facts", { count, encoding: file?.encoding });
  } else tell(facts, "");
  facts.classList.toggle("problem", isTooLarge());
  $("text").setAttribute("placeholder", say("text.placeholder"));
}
