/** A temperature in words. */

const BANDS = [0, 0.35, 0.6, 0.85, 1.05, 1.4]; // upper bounds of temperature.0 to temperature.5

/** The name of its words. @param {number} value */
export function wordsOf(value) {
  const band = BANDS.findIndex((bound) => value <= bound);
  return `temperature.${band < 0 ? BANDS.length : band}`;
}
