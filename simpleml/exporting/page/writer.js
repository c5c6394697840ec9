/** The page's end of the engine: texts are asked for here, one after the other. */

/**
 * @typedef {object} Piece
 * @property {number[]} symbols indices
 * @property {number[]} logprobs of each
 * @property {number[][]} top the likeliest symbols in the place of each, with their
 * @property {number[][]} topLogprobs
 */

/* global simplemlEngine */
let port = null;
let last = 0;
/** @type {Map<number, {piece: (piece: Piece) => void, end: (reason: string) => void}>} */
const waiting = new Map();

/** Where the engine runs: in a worker, or in the page where the browser allows none. */
function connect(worker) {
  if (worker) {
    const source = document.getElementById("engine").textContent;
    const code = new Blob([source, "simplemlEngine.serve(self);"], { type: "text/javascript" });
    return new Worker(URL.createObjectURL(code));
  }
  const { port1, port2 } = new MessageChannel();
  simplemlEngine.serve(port1);
  return port2;
}

/**
 * Start the engine.
 * @param {object} described the model
 * @param {string} weights base64
 * @returns {Promise<boolean>} whether it computes with WebAssembly
 */
export function start(described, weights) {
  const begin = (worker) =>
    new Promise((resolve, reject) => {
      port = connect(worker);
      port.onerror = () => reject(new Error("no worker"));
      port.onmessage = ({ data }) => {
        if (data.kind === "ready") resolve(data.fast);
        else if (data.kind === "broken") reject(new Error(data.message));
        else receive(data);
      };
      const { plan, window, banned, module } = described;
      port.postMessage({ kind: "start", plan, window, banned, module, weights });
    });
  const inWorker = new Promise((resolve) => resolve(begin(true)));
  return inWorker.catch(() => begin(false));
}

function receive({ kind, id, ...rest }) {
  const one = waiting.get(id);
  if (kind === "piece") one.piece(rest);
  else if (waiting.delete(id)) one.end(rest.reason);
}

/**
 * Write a text.
 * @param {{seed: number[], size: number, temperature: number, random_state: number}} request
 * @param {(piece: Piece) => void} piece called with what comes
 * @param {AbortSignal} [signal]
 * @returns {Promise<string>} "length" or "stopped"
 */
export function write(request, piece, signal) {
  const id = ++last;
  return new Promise((end) => {
    waiting.set(id, { piece, end });
    port.postMessage({ kind: "write", id, ...request });
    signal?.addEventListener("abort", () => port.postMessage({ kind: "stop", id }));
  });
}
