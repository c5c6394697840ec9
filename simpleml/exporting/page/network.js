/** A step of the network: one symbol in, what the next one may be out. */

export class Network {
  /**
   * @param {object} plan where everything lies (page_weights.py)
   * @param {{product: Function, cells: Function}} kernel
   * @param {ArrayBuffer} memory
   */
  constructor(plan, kernel, memory) {
    this.plan = plan;
    this.kernel = kernel;
    this.state = new Uint8Array(memory, plan.states[0], plan.states[1] - plan.states[0]);
    this.results = new Float32Array(memory, plan.results, plan.symbols);
    this.nothing = plan.symbols; // the symbol that is none: a zero vector
  }

  /** Back to the zero state. */
  reset() {
    this.state.fill(0);
  }

  /** Take a symbol. @param {number} symbol its index */
  feed(symbol) {
    const { layers, results } = this.plan;
    for (const [number, layer] of layers.entries()) {
      const added = number ? layer.added : layer.added + 4 * layer.columns * symbol;
      this.#product(layer, added);
      this.kernel.cells(results, layer.cells, layer.own, layer.above, layer.units);
    }
  }

  /** What the last symbol leads to: a logit for each symbol, overwritten by the next step. */
  logits() {
    this.#product(this.plan.output, this.plan.output.added);
    return this.results;
  }

  #product({ rows, pairs, weights, columns, scales }, added) {
    this.kernel.product(rows, pairs, weights, columns, scales, added, this.plan.results);
  }
}

/** The network reads a text in one of two ways: from its beginning, or its last W symbols. */
export class Reader {
  /** @param {Network} network @param {number | null} window W, null for the state carried on */
  constructor(network, window) {
    this.network = network;
    this.window = window;
    /** @type {number[]} what was read */
    this.read = [];
    network.reset();
  }

  /**
   * Logits after a text; of a text that goes on from the last one only the rest is read.
   * @param {number[]} text indices
   */
  after(text) {
    const { network, window } = this;
    if (window !== null) {
      network.reset();
      for (let missing = window - text.length; missing > 0; missing--) network.feed(network.nothing);
      for (const symbol of text.slice(-window)) network.feed(symbol);
      return network.logits();
    }
    const begun = this.read.length > 0 && this.read.every((symbol, at) => symbol === text[at]);
    if (!begun) {
      network.reset();
      this.read = [];
      if (!text.length) this.next(network.nothing);
    }
    for (const symbol of text.slice(this.read.length)) this.next(symbol);
    return network.logits();
  }

  /** Read one symbol more; with the state carried on only. */
  next(symbol) {
    this.network.feed(symbol);
    this.read.push(symbol);
  }
}
