/** The page without a server: one's texts, which the browser has kept, and a way back. */

const list = document.getElementById("texts");
let texts = [];
try {
  texts = JSON.parse(localStorage.getItem("simpleml-texts")) ?? [];
} catch {
  // what stands there is not ours
}
for (const { text, model } of texts) {
  const item = document.createElement("li");
  const words = document.createElement("blockquote");
  words.textContent = text;
  const by = document.createElement("p");
  by.className = "hint";
  by.textContent = model;
  item.append(words, by);
  list.append(item);
}
document.getElementById("kept").hidden = texts.length === 0;
for (const button of document.querySelectorAll("[data-again]")) {
  button.addEventListener("click", () => location.reload());
}
addEventListener("online", () => location.reload());
