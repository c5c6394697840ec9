/**
 * A text as cells: one for each symbol, with what the network thought of it.
 *
 * The server sends text and probabilities side by side. Where a stop text may be growing, the
 * probabilities are ahead of the text, and a word may stand behind a separator that is not its own.
 */

/**
 * @typedef {object} Cell
 * @property {string} text
 * @property {number} logprob natural logarithm of the network's probability
 * @property {Array<[string, number]>} top the likeliest symbols with theirs
 * @property {number} [chance] with which it was drawn, after temperature and the other options
 * @property {number[]} [chances] of those symbols
 */

export class CellReader {
  constructor() {
    /** @type {Array<Omit<Cell, "text"> & {symbol: string}>} */
    this.ahead = [];
  }

  /**
   * Cut what came into cells.
   * @param {string} text
   * @param {Array<any>} logprobs
   * @returns {Cell[]}
   */
  read(text, logprobs) {
    this.ahead.push(...logprobs);
    const cells = [];
    let rest = text;
    while (rest && this.ahead.length) {
      const { symbol, ...thought } = this.ahead.shift();
      const separated = ` ${symbol}`;
      const length = rest.startsWith(symbol)
        ? symbol.length
        : rest.startsWith(separated)
          ? separated.length
          : rest.length; // the text was cut inside this symbol
      cells.push({ text: rest.slice(0, length), ...thought });
      rest = rest.slice(length);
    }
    return cells;
  }
}

/** Bits of surprise: 0 where the network was certain. @param {Cell} cell */
export const bits = (cell) => Math.max(0, -cell.logprob / Math.LN2);

const STEPS = [1, 2.5, 4.5, 7];

/** 0 (expected) to 4 (very surprising). @param {Cell} cell */
export function surprise(cell) {
  const found = STEPS.findIndex((step) => bits(cell) < step);
  return found < 0 ? STEPS.length : found;
}
