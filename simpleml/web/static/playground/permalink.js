/**
 * A text as an address. Everything that decides a text stands behind the #, which browsers do not
 * send: the server keeps nothing and its log sees no seed.
 *
 *     #m=tales&s=once upon&n=300&t=0.5&r=1234&w=5f0c…&q=float32&c=9a0b1c2d&then=n=200&r=99…
 *
 * m model, s seed, n length, t temperature, r random number, w the weights' hash, q precision,
 * c a checksum of the text, then: what was written by Continue, with: a text beside it (with the
 * same letters; s where its seed is another one), u=1 what is copied is underlined, mix the weights
 * of the models of a blend, whose m is tales+flow.
 */

/**
 * @typedef {object} Options what a request says besides model and seed
 * @property {number} size
 * @property {number} temp
 * @property {number} random_state
 * @property {number} [top_k]
 * @property {number} [top_p]
 * @property {number} [min_p]
 * @property {number} [repetition_penalty]
 * @property {number} [max_copy]
 * @property {boolean} [stateful]
 * @property {string[]} [stop]
 * @property {string} [mix] of two models and their weights: "tales:0.7,flow:0.3"
 */

/**
 * @typedef {object} Recipe everything needed to write a text again
 * @property {string} model
 * @property {string} seed
 * @property {Options[]} parts one for each request; the second begins where the first ended
 * @property {string} weights
 * @property {string} precision
 * @property {string} checksum
 */

/**
 * @typedef {object} Link everything that is on the page
 * @property {Recipe[]} columns the texts, side by side
 * @property {boolean} copies whether what is copied is underlined
 */

const NUMBERS = {
  n: "size",
  t: "temp",
  r: "random_state",
  k: "top_k",
  p: "top_p",
  mp: "min_p",
  rp: "repetition_penalty",
  mc: "max_copy",
};
const MOST_COLUMNS = 3;
const WEIGHT_DIGITS = 16;

function partTo(parameters, options) {
  for (const [short, name] of Object.entries(NUMBERS)) {
    if (options[name] !== undefined) parameters.set(short, String(options[name]));
  }
  if (options.stateful !== undefined) parameters.set("sf", options.stateful ? "1" : "0");
  for (const one of options.stop ?? []) parameters.append("x", one);
  if (options.mix) parameters.set("mix", options.mix);
}

function partFrom(parameters) {
  const options = {};
  for (const [short, name] of Object.entries(NUMBERS)) {
    if (parameters.has(short)) options[name] = Number(parameters.get(short));
  }
  if (parameters.has("sf")) options.stateful = parameters.get("sf") === "1";
  if (parameters.has("x")) options.stop = parameters.getAll("x");
  if (parameters.has("mix")) options.mix = parameters.get("mix");
  const whole = [options.size, options.random_state].every(Number.isInteger);
  const sound = Object.values(options).every((one) => typeof one !== "number" || isFinite(one));
  return whole && sound && Number.isFinite(options.temp) && options.size > 0 ? options : null;
}

function columnTo(recipe) {
  const parameters = new URLSearchParams({ m: recipe.model, s: recipe.seed });
  const [first, ...later] = recipe.parts;
  partTo(parameters, first);
  parameters.set("w", recipe.weights.slice(0, WEIGHT_DIGITS));
  parameters.set("q", recipe.precision);
  if (recipe.checksum) parameters.set("c", recipe.checksum);
  for (const options of later) {
    const part = new URLSearchParams();
    partTo(part, options);
    parameters.append("then", part.toString());
  }
  return parameters;
}

/** @param {Link} link @returns {string} what stands behind the # */
export function write({ columns, copies }) {
  const [first, ...others] = columns;
  const parameters = columnTo(first);
  for (const other of others) {
    const column = columnTo(other);
    if (other.seed === first.seed) column.delete("s");
    parameters.append("with", column.toString());
  }
  if (copies) parameters.set("u", "1");
  return parameters.toString();
}

/**
 * @param {string} hash with or without its #
 * @returns {Link | null} null when it does not say what to write
 */
export function read(hash) {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const first = columnFrom(parameters, "");
  const others = parameters
    .getAll("with")
    .map((one) => columnFrom(new URLSearchParams(one), first?.seed));
  const columns = [first, ...others];
  if (columns.includes(null) || columns.length > MOST_COLUMNS) return null;
  return { columns, copies: parameters.get("u") === "1" };
}

function columnFrom(parameters, seed) {
  const parts = [partFrom(parameters)];
  for (const one of parameters.getAll("then")) parts.push(partFrom(new URLSearchParams(one)));
  const model = parameters.get("m");
  if (!model || parts.includes(null)) return null;
  return {
    model,
    seed: parameters.get("s") ?? seed,
    parts,
    weights: parameters.get("w") ?? "",
    precision: parameters.get("q") ?? "",
    checksum: parameters.get("c") ?? "",
  };
}

/** Whether a link's weights are those of a card. */
export const sameWeights = (recipe, card) =>
  !recipe.weights || card.weights_sha256.startsWith(recipe.weights);

/** FNV-1a over the text's UTF-16 units: enough to notice that a text is another one. */
export function checksum(text) {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}
