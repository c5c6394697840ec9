/**
 * From logits to the next symbol, as the server draws it: TFLearn's temperature in float64 and one
 * multinomial draw of NumPy's RandomState. Made of + - * / alone, so that it is the same everywhere;
 * Math.exp differs between browsers.
 */

const LOG2 = 0.6931471805599453;
const LOG2_HIGH = 0.693147180369123816490; // 32 bits of it: times a whole number it is exact
const LOG2_LOW = 1.90821492927058770002e-10;
const TERMS = 13;
const SMALLEST = 2 ** -126; // of float32: less counts as 0, as in TensorFlow

const parts = new Uint32Array(2);
const double = new Float64Array(parts.buffer);

/** 2 to a whole power, -1022 to 1023. */
function power(exponent) {
  parts[0] = 0;
  parts[1] = (exponent + 1023) << 20;
  return double[0];
}

/** e to the power of a number that is not above 0. @param {number} x */
export function exp(x) {
  if (!(x > -745.13)) return 0;
  const k = Math.floor(x / LOG2 + 0.5);
  const r = x - k * LOG2_HIGH - k * LOG2_LOW;
  let sum = 1;
  for (let n = TERMS; n > 0; n--) sum = 1 + (sum * r) / n;
  return k < -1000 ? sum * power(k + 100) * power(-100) : sum * power(k);
}

/**
 * What the network thinks, before any option.
 * @param {Float32Array} logits
 * @param {Float64Array} probabilities filled with one for each
 */
export function softmax(logits, probabilities) {
  let most = -Infinity;
  for (const logit of logits) if (logit > most) most = logit;
  let sum = 0;
  for (let at = 0; at < logits.length; at++) {
    probabilities[at] = exp(logits[at] - most);
    sum += probabilities[at];
  }
  for (let at = 0; at < logits.length; at++) probabilities[at] /= sum;
}

/**
 * The distribution at a temperature; the likeliest alone at 0.
 * @param {Float32Array} logits
 * @param {Float64Array} probabilities of softmax
 * @param {number} temperature
 * @param {number | null} banned never drawn
 * @param {Float64Array} distribution filled with one for each
 */
export function atTemperature(logits, probabilities, temperature, banned, distribution) {
  let best = -1;
  for (let at = 0; at < logits.length; at++) {
    if (at !== banned && (best < 0 || logits[at] > logits[best])) best = at;
  }
  if (temperature === 0) {
    distribution.fill(0);
    distribution[best] = 1;
    return;
  }
  let sum = 0;
  for (let at = 0; at < logits.length; at++) {
    const possible = at !== banned && probabilities[at] >= SMALLEST;
    distribution[at] = possible ? exp((logits[at] - logits[best]) / temperature) : 0;
    sum += distribution[at];
  }
  for (let at = 0; at < logits.length; at++) distribution[at] /= sum;
}

/** NumPy's RandomState: MT19937, seeded with a whole number. */
export class RandomState {
  /** @param {number} seed 0 to 2**32 - 1 */
  constructor(seed) {
    this.words = new Uint32Array(624);
    this.at = 624;
    this.words[0] = seed;
    for (let at = 1; at < 624; at++) {
      const before = this.words[at - 1] ^ (this.words[at - 1] >>> 30);
      this.words[at] = Math.imul(1812433253, before) + at;
    }
  }

  #word() {
    const { words } = this;
    if (this.at === 624) {
      for (let at = 0; at < 624; at++) {
        const mixed = (words[at] & 0x80000000) | (words[(at + 1) % 624] & 0x7fffffff);
        words[at] = words[(at + 397) % 624] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
      }
      this.at = 0;
    }
    let word = words[this.at++];
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  /** A number of 53 bits from 0 to under 1. */
  double() {
    const high = this.#word() >>> 5;
    const low = this.#word() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /**
   * multinomial(1, distribution).argmax(): each symbol in turn is taken or passed over, with its
   * share of what is left.
   * @param {Float64Array} distribution
   */
  draw(distribution) {
    const last = distribution.length - 1;
    let left = 1;
    for (let at = 0; at < last; at++) {
      const share = distribution[at] / left;
      if (share !== 0) {
        // NumPy's binomial by inversion, of the likelier of the two outcomes
        const taken = share <= 0.5 ? this.double() > 1 - share : this.double() <= share;
        if (taken) return at;
      }
      left -= distribution[at];
    }
    return last;
  }
}
