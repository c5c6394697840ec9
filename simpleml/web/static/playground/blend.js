/** Two models in one text: their names and weights, as addresses, requests and links have them. */

/** The models of a name: "tales+flow" is a blend's. @param {string} model @returns {string[]} */
export const membersOf = (model) => model.split("+");

/** @param {string} model */
export const isBlend = (model) => model.includes("+");

/**
 * The option mix of a request: "tales:0.7,flow:0.3".
 * @param {string} model of two members
 * @param {number} percent of the second
 */
export function mixOf(model, percent) {
  const [first, second] = membersOf(model);
  return `${first}:${(100 - percent) / 100},${second}:${percent / 100}`;
}

/** What percentage of the mix is the second model's; 50 where it does not say. @param {string} mix */
export function percentOf(mix) {
  const weights = mix.split(",").map((one) => Number(one.split(":")[1]));
  const percent = Math.round((100 * weights[1]) / (weights[0] + weights[1]));
  return Number.isFinite(percent) ? percent : 50;
}

/** A mix to be read: "tales 0.7 + flow 0.3". @param {string} mix */
export const shown = (mix) => mix.replaceAll(":", " ").replaceAll(",", " + ");
