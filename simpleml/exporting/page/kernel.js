/**
 * The two loops that take the time, in two forms that give the same bits: step.wat, and the same in
 * plain JavaScript for browsers without WebAssembly's vectors. Addresses are bytes in `memory`.
 *
 * Every operation is one that IEEE 754 defines to the last bit: + - * / and rounding. A float32
 * operation is the float64 one, rounded (Math.fround); for these four that is exact.
 */

const { fround } = Math;

// Eigen's rational functions, as ONNX Runtime computes them; float32 numbers, written out.
const TANH = {
  limit: 9,
  p: [
    -2.7607683663038313e-16, 2.0001879384549948e-13, -8.604671836165423e-11,
    5.122297253024044e-8, 1.4857223504805006e-5, 0.0006372619536705315, 0.004893524572253227,
  ],
  q: [
    1.1982583600911312e-6, 0.00011853470641653985, 0.0022684347350150347, 0.0048935250379145145,
  ],
};
const SIGMOID = {
  limit: 18,
  p: [
    4.370310016654777e-11, 1.156273228275495e-7, 6.085748827899806e-5, 0.008513770997524261,
    0.24828794598579407,
  ],
  q: [
    6.102473669618302e-13, 5.761021437677982e-9, 6.291068075370276e-6, 0.0017019881634041667,
    0.1168176531791687, 0.9931519031524658,
  ],
};
const STATE_SCALE = fround(1 / 127);
const WHOLE = 2 ** 52 + 2 ** 51; // added and taken away again, it rounds to a whole number, ties to even
const COLUMNS = 32; // of a block of weights

/** Each step is a float64 product of float32 numbers, which is exact, and a sum, rounded to float32. */
function polynomial(s, coefficients) {
  let p = coefficients[0];
  for (let at = 1; at < coefficients.length; at++) p = fround(p * s + coefficients[at]);
  return p;
}

function rational(given, { limit, p, q }) {
  const x = given > limit ? limit : given < -limit ? -limit : given;
  const s = fround(x * x);
  return fround(fround(polynomial(s, p) * x) / polynomial(s, q));
}

const tanh = (x) => rational(x, TANH);

function sigmoid(x) {
  const y = fround(rational(x, SIGMOID) + 0.5);
  return y < 0 ? 0 : y > 1 ? 1 : y;
}

/** The kernel in JavaScript. @param {ArrayBuffer} memory */
export function plainKernel(memory) {
  const bytes = new Int8Array(memory);
  const shorts = new Int16Array(memory);
  const floats = new Float32Array(memory);
  const sums = new Int32Array(COLUMNS);

  function product(rows, pairs, weights, columns, scales, added, out) {
    let weight = weights;
    for (let block = 0; block < columns; block += COLUMNS) {
      sums.fill(0);
      for (let pair = 0; pair < pairs; pair++) {
        const first = shorts[rows / 2 + 2 * pair];
        const second = shorts[rows / 2 + 2 * pair + 1];
        for (let column = 0; column < COLUMNS; column++) {
          sums[column] += first * bytes[weight + 2 * column] + second * bytes[weight + 2 * column + 1];
        }
        weight += 2 * COLUMNS;
      }
      for (let column = 0; column < COLUMNS; column++) {
        const at = block + column;
        const scaled = fround(fround(sums[column]) * floats[scales / 4 + at]);
        floats[out / 4 + at] = scaled + floats[added / 4 + at];
      }
    }
  }

  function cells(gates, cell, own, above, units) {
    for (let unit = 0; unit < units; unit++) {
      const at = gates / 4 + unit;
      const kept = fround(floats[cell / 4 + unit] * sigmoid(floats[at + 2 * units]));
      const entering = fround(sigmoid(floats[at]) * tanh(floats[at + units]));
      const c = fround(kept + entering);
      const h = fround(tanh(c) * sigmoid(floats[at + 3 * units]));
      floats[cell / 4 + unit] = c;
      const rounded = fround(h / STATE_SCALE) + WHOLE - WHOLE;
      shorts[own / 2 + unit] = rounded;
      shorts[above / 2 + unit] = rounded;
    }
  }

  return { product, cells };
}

/**
 * The kernel in WebAssembly; null where the browser cannot run it.
 * @param {Uint8Array} module
 * @param {WebAssembly.Memory} memory
 */
export async function fastKernel(module, memory) {
  try {
    const { instance } = await WebAssembly.instantiate(module, { page: { memory } });
    return instance.exports;
  } catch {
    return null;
  }
}
