/**
 * What runs in the worker (or, where there can be none, in the page between its frames): reads the
 * weights, then writes one text after the other.
 *
 * In:  {kind: "start", plan, window, banned, module, weights, plain}
 *      {kind: "write", id, seed, size, temperature, random_state}, {kind: "stop", id}
 * Out: {kind: "ready", fast} | {kind: "broken", message}
 *      {kind: "piece", id, symbols, logprobs, top, topLogprobs}, {kind: "end", id, reason}
 */

import { fastKernel, plainKernel } from "./kernel.js";
import { Network, Reader } from "./network.js";
import { RandomState, atTemperature, softmax } from "./sampling.js";

const SLICE = 20; // milliseconds of writing before messages are looked at
const ALTERNATIVES = 5;
const PAGE = 65536; // bytes, of WebAssembly's memory

/** @param {string} text base64 @returns {Uint8Array} */
export function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const packed = atob(text);
  const bytes = new Uint8Array(packed.length);
  for (let at = 0; at < packed.length; at++) bytes[at] = packed.charCodeAt(at);
  return bytes;
}

/** Put what was compressed into memory. */
async function inflate(packed, memory) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const reader = stream.getReader();
  const bytes = new Uint8Array(memory);
  for (let at = 0; ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    bytes.set(value, at);
    at += value.length;
  }
}

/** Let messages in; a timer would wait longer. */
function breath() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}

/** The network of a page, ready to write. */
export async function open({ plan, window, banned, module, weights, plain }) {
  // Some browsers can be told to have no WebAssembly at all.
  const none = typeof WebAssembly === "undefined";
  const memory = none
    ? { buffer: new ArrayBuffer(plan.pages * PAGE) }
    : new WebAssembly.Memory({ initial: plan.pages });
  await inflate(bytesOf(weights), memory.buffer);
  const fast = plain ? null : await fastKernel(bytesOf(module), memory);
  const kernel = fast ?? plainKernel(memory.buffer);
  const reader = new Reader(new Network(plan, kernel, memory.buffer), window);
  return { reader, banned, fast: fast !== null };
}

/** One text, symbol by symbol. */
export class Writer {
  constructor({ reader, banned }, { seed, temperature, random_state }) {
    const count = reader.network.plan.symbols;
    this.reader = reader;
    this.banned = banned;
    this.temperature = temperature;
    this.dice = new RandomState(random_state);
    this.text = [...seed];
    this.logits = reader.after(this.text);
    this.probabilities = new Float64Array(count);
    this.distribution = new Float64Array(count);
  }

  /** Draw the next symbol. */
  draw() {
    const { logits, probabilities, distribution } = this;
    softmax(logits, probabilities);
    atTemperature(logits, probabilities, this.temperature, this.banned, distribution);
    const symbol = this.temperature === 0 ? distribution.indexOf(1) : this.dice.draw(distribution);
    this.text.push(symbol);
    return symbol;
  }

  /** Read it, so that another one can be drawn. */
  read() {
    if (this.reader.window === null) {
      this.reader.next(this.text.at(-1));
      this.logits = this.reader.network.logits();
    } else {
      this.logits = this.reader.after(this.text);
    }
  }

  /** The likeliest symbols, likeliest first. */
  likeliest() {
    const { probabilities } = this;
    const top = [];
    for (let at = 0; at < probabilities.length; at++) {
      if (top.length === ALTERNATIVES && probabilities[at] <= probabilities[top.at(-1)]) continue;
      let place = top.length;
      while (place && probabilities[top[place - 1]] < probabilities[at]) place--;
      top.splice(place, 0, at);
      if (top.length > ALTERNATIVES) top.pop();
    }
    return top;
  }
}

/** Answer the messages of a port. @param {{postMessage: Function, onmessage: any}} port */
export function serve(port) {
  let network = null;
  let turn = Promise.resolve();
  const stopped = new Set();

  async function write({ id, size, ...request }) {
    await breath(); // a stop that came meanwhile
    const writer = stopped.has(id) ? null : new Writer(await network, request);
    let left = size;
    while (left > 0 && !stopped.has(id)) {
      const piece = { symbols: [], logprobs: [], top: [], topLogprobs: [] };
      const until = performance.now() + SLICE;
      do {
        const symbol = writer.draw();
        const log = (one) => Math.log(writer.probabilities[one]);
        const top = writer.likeliest();
        piece.symbols.push(symbol);
        piece.logprobs.push(log(symbol));
        piece.top.push(top);
        piece.topLogprobs.push(top.map(log));
        left -= 1;
        if (left) writer.read();
      } while (left > 0 && performance.now() < until);
      port.postMessage({ kind: "piece", id, ...piece });
      await breath();
    }
    port.postMessage({ kind: "end", id, reason: left ? "stopped" : "length" });
    stopped.delete(id);
  }

  port.onmessage = ({ data }) => {
    if (data.kind === "stop") stopped.add(data.id);
    if (data.kind === "write") turn = turn.then(() => write(data));
    if (data.kind !== "start") return;
    network = open(data);
    network.then(
      ({ fast }) => port.postMessage({ kind: "ready", fast }),
      (error) => port.postMessage({ kind: "broken", message: String(error) }),
    );
  };
}
