/** How a symbol is shown where it stands alone: a space or a line end would not be seen. */

import { say } from "../common/i18n.js";

const SIGNS = { " ": "␣", "\n": "↵", "\t": "⇥", "\u00a0": "⍽" };
const NAMES = { " ": "seed.space", "\n": "seed.newline", "\t": "seed.tab" };

/** @param {string} symbol */
export const visible = (symbol) => symbol.replace(/[ \n\t\u00a0]/g, (one) => SIGNS[one]);

/** As one says it aloud. @param {string} symbol */
export const spoken = (symbol) => (NAMES[symbol] ? say(NAMES[symbol]) : symbol);
