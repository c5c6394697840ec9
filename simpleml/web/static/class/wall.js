/** The texts on the wall: shown, taken down, printed, saved as one page. */

import { $, announce, h } from "../common/dom.js";
import { number, say } from "../common/i18n.js";
import * as server from "./server.js";

/** @typedef {{id: string, author: string, model: string, temperature: number, seed: string,
 *     text: string, recipe: string, published: number, mine: boolean}} WallText */

/** @type {WallText[]} */
let texts = [];
let shown = "";

const signed = ({ author, model, temperature }) =>
  say(author ? "wall.by" : "wall.unnamed", { author, model, temperature: number(temperature) });

/** The text with what a person began it with set apart. @param {WallText} one */
const words = (one) =>
  h(
    "blockquote",
    { class: "wall-text" },
    h("span", { class: "text-seed" }, one.seed),
    one.text.slice(one.seed.length),
  );

function article(one) {
  const actions = h("p", { class: "ways" });
  if (one.recipe) {
    actions.append(h("a", { class: "quiet use", href: `/#${one.recipe}` }, say("wall.again")));
  }
  const button = (key, whole) =>
    h("button", { type: "button", class: "quiet", "aria-label": say(whole) }, say(key));
  const paper = button("print", "wall.print");
  paper.addEventListener("click", () => printAlone(paper.closest("article")));
  const keep = button("wall.keep", "wall.save");
  keep.addEventListener("click", () => save([one]));
  actions.append(paper, keep);
  if (one.mine) {
    const down = h("button", { type: "button", class: "quiet" }, say("wall.down"));
    down.addEventListener("click", async () => {
      show(await server.takeDown(one.id));
      announce(say("wall.taken"));
      $("wall").focus();
    });
    actions.append(down);
  }
  return h(
    "article",
    { class: "sheet wall-sheet", "data-id": one.id },
    words(one),
    h("p", { class: "hint" }, signed(one)),
    actions,
  );
}

/** Show them; what is there already stays as it is. @param {WallText[]} found */
export function show(found) {
  texts = found;
  const now = JSON.stringify([document.documentElement.lang, found]);
  if (now === shown) return;
  shown = now;
  $("empty").hidden = texts.length > 0;
  $("print").hidden = $("export").hidden = texts.length === 0;
  $("wall-list").replaceChildren(...texts.map(article));
}

/** Show them again, in another language. */
export const again = () => show(texts);

/** One text on paper, without the others. @param {Element} sheet */
function printAlone(sheet) {
  const list = $("wall-list");
  const done = () => {
    list.classList.remove("one-alone");
    sheet.classList.remove("alone");
  };
  list.classList.add("one-alone");
  sheet.classList.add("alone");
  addEventListener("afterprint", done, { once: true });
  print();
}

/** Texts of the wall as a page of its own, which needs nothing else. @param {WallText[]} texts */
export function asPage(texts) {
  const style =
    "body{max-width:40rem;margin:2rem auto;padding:0 1rem;font:1.1rem/1.6 Georgia,serif}" +
    "blockquote{margin:0;white-space:pre-wrap}article{margin:2rem 0;break-inside:avoid}" +
    "article p{color:#555;font-size:.9rem}.text-seed{font-weight:bold}";
  const { lang } = document.documentElement;
  const title = texts.length === 1 ? signed(texts[0]) : say("wall");
  const articles = texts.map((one) => h("article", {}, words(one), h("p", {}, signed(one))));
  const { outerHTML } = h("body", {}, ...(texts.length === 1 ? [] : [h("h1", {}, title)]), ...articles);
  const head = `<meta charset="utf-8">${h("title", {}, title).outerHTML}<style>${style}</style>`;
  return `<!doctype html>\n<html lang="${lang}"><head>${head}</head>\n${outerHTML}</html>\n`;
}

/** Let the browser keep them as a file. @param {WallText[]} chosen */
function save(chosen) {
  const link = h("a", { download: "simpleml.html" });
  link.href = URL.createObjectURL(new Blob([asPage(chosen)], { type: "text/html" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export function start() {
  $("print").addEventListener("click", () => print());
  $("export").addEventListener("click", () => save(texts));
}
