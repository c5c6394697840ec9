/**
 * From a text to indices, as models/vocabulary.py does with on_unknown="nearest". What stands for
 * typographic characters comes with the page, from the same table.
 */

const IDEOGRAPH = "[\\u3041-\\u30ff\\u31f0-\\u31ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3ffff}]";
const LETTER = `(?!${IDEOGRAPH})[\\p{L}\\p{Nl}\\p{No}]`;
// Python's \s and \w: JavaScript's are others.
const SPACES = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const MARK = "(?![\\u{10000}-\\u{10ffff}])\\p{M}";
const TOKEN = new RegExp(
  ` ?${LETTER}(?:${LETTER}|${MARK})*(?:['’](?=${LETTER}))?` +
    `| ?${IDEOGRAPH}| ?\\p{Nd}| ?([^\\p{L}\\p{N}_${SPACES}]|_)\\1*|[${SPACES}]`,
  "gu",
);
const WORD = new RegExp(`[^${SPACES}]+`, "gu");

/** Whether a character is a combining mark: one that changes places with the highest of them. */
function combining(character) {
  const text = `\u0345${character.normalize("NFD")}`;
  return character === "\u0345" || (text.normalize("NFD") !== text && character !== "");
}

const swapped = (text) =>
  [...text].map((one) => (one.toLowerCase() === one ? one.toUpperCase() : one.toLowerCase())).join("");

const capitalised = (text) => {
  const [first = "", ...rest] = text;
  return first.toUpperCase() + rest.join("").toLowerCase();
};

export class Vocabulary {
  /**
   * @param {object} described
   * @param {string[]} described.symbols in the order of their indices
   * @param {"char" | "word"} described.level
   * @param {boolean} described.lossless_words words carry their own spaces
   * @param {boolean} described.lower
   * @param {string | null} described.unknown_symbol
   * @param {Record<string, string[]>} described.plain
   */
  constructor(described) {
    Object.assign(this, described);
    this.index = new Map(described.symbols.map((symbol, at) => [symbol, at]));
    this.separator = this.level === "word" && !this.lossless_words ? " " : "";
    this.banned = this.index.get(this.unknown_symbol) ?? null;
  }

  /** Cut a text into symbols, known or not, each with its place in characters. */
  split(given) {
    const text = this.lower ? given.toLowerCase() : given;
    const pieces =
      this.level === "char" ? [...text] : text.match(this.lossless_words ? TOKEN : WORD) ?? [];
    let from = 0;
    let position = 0;
    return pieces.map((symbol) => {
      const at = text.indexOf(symbol, from);
      position += [...text.slice(from, at)].length;
      const found = { symbol, position };
      from = at + symbol.length;
      position += [...symbol].length;
      return found;
    });
  }

  /**
   * @param {string} text
   * @returns {{indices: number[], changes: Array<{position: number, original: string,
   *     replacement: string}>}}
   */
  encode(text) {
    const pieces = this.split(text);
    const indices = [];
    const changes = [];
    for (let at = 0; at < pieces.length; ) {
      const { position } = pieces[at];
      const cluster = this.#cluster(pieces, at);
      const original = cluster.join("");
      at += cluster.length;
      const known = this.index.get(original);
      if (known !== undefined) {
        indices.push(known);
        continue;
      }
      let replacement = this.nearest(original);
      if (!replacement.length && this.unknown_symbol !== null) replacement = [this.unknown_symbol];
      for (const part of replacement) indices.push(this.index.get(part));
      changes.push({ position, original, replacement: replacement.join("") });
    }
    return { indices, changes };
  }

  /** A symbol with the marks after it that are not known; CR with its LF. */
  #cluster(pieces, at) {
    const cluster = [pieces[at].symbol];
    const next = pieces[at + 1]?.symbol;
    if (cluster[0] === "\r" && next === "\n" && !this.index.has("\r")) return ["\r", "\n"];
    if (this.level !== "char") return cluster;
    for (const { symbol } of pieces.slice(at + 1, at + 32)) {
      if (!combining(symbol) || this.index.has(symbol)) break;
      cluster.push(symbol);
    }
    return cluster;
  }

  /** Known symbols to read instead of an unknown one. @param {string} symbol */
  nearest(symbol) {
    if (this.level === "word") {
      const bare = symbol.replace(/^ +/, "");
      for (const word of [symbol, bare, ` ${bare}`]) {
        for (const form of [word, word.toLowerCase(), capitalised(word)]) {
          if (this.index.has(form) && form !== this.unknown_symbol) return [form];
        }
      }
      return [];
    }
    for (const candidate of this.#candidates(symbol)) {
      const characters = [...candidate];
      if (characters.length && characters.every((one) => this.index.has(one))) return characters;
    }
    return [];
  }

  *#candidates(symbol) {
    yield symbol.normalize("NFC");
    yield symbol.normalize("NFD");
    yield* this.plain[symbol] ?? [];
    const compatible = symbol.normalize("NFKC");
    yield compatible;
    yield [...symbol].slice(0, 1).join("");
    const bare = [...symbol.normalize("NFKD")].filter((one) => !combining(one)).join("");
    yield bare;
    yield* this.plain[bare] ?? [];
    for (const form of [symbol, compatible, bare]) {
      yield swapped(form);
      yield form.toLowerCase();
      yield form.toUpperCase();
    }
  }

  /**
   * How a symbol is shown after a text.
   * @param {number} at its index
   * @param {boolean} blank nothing, or white space, stands before it
   */
  shown(at, blank) {
    return (blank ? "" : this.separator) + this.symbols[at];
  }
}
