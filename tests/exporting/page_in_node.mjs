/**
 * The engine of an exported page without a browser. Reads JSON from its standard input, writes JSON.
 *
 *     node page_in_node.mjs texts < {page, plain, requests: [{seed, size, temperature, random_state}]}
 *     node page_in_node.mjs numbers < {plan, module, image, symbols, seeds, exponents}
 *     node page_in_node.mjs seeds < {vocabulary, seeds}
 */

import { readFileSync } from "node:fs";

import { fastKernel, plainKernel } from "../../simpleml/exporting/page/kernel.js";
import { Network } from "../../simpleml/exporting/page/network.js";
import { RandomState, exp } from "../../simpleml/exporting/page/sampling.js";
import { Vocabulary } from "../../simpleml/exporting/page/vocabulary.js";

const asked = JSON.parse(readFileSync(0, "utf8"));

/** The texts that the page's own engine writes, as its own script has it. */
async function texts({ page, plain, requests }) {
  const html = readFileSync(page, "utf8");
  const part = (id) => html.match(new RegExp(`<script[^>]* id="${id}">([^]*?)</script>`))[1];
  const engine = new Function(`${part("engine")} return simplemlEngine;`)();
  const described = JSON.parse(part("model"));
  const vocabulary = new Vocabulary(described.vocabulary);
  const network = await engine.open({ ...described, weights: part("weights"), plain });
  return requests.map(({ seed, size, ...options }) => {
    const writer = new engine.Writer(network, { ...options, seed: vocabulary.encode(seed).indices });
    let text = "";
    for (let left = size; left > 0; left--) {
      text += vocabulary.shown(writer.draw(), !text && (!seed || /\s$/u.test(seed)));
      if (left > 1) writer.read();
    }
    return text;
  });
}

/** Logits and cells of both kernels after some symbols; random numbers; powers of e. */
async function numbers({ plan, module, image, symbols, seeds, exponents }) {
  const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
  const run = async (makeKernel) => {
    const memory = new WebAssembly.Memory({ initial: plan.pages });
    new Uint8Array(memory.buffer).set(bytes(image));
    const network = new Network(plan, await makeKernel(memory), memory.buffer);
    return symbols.map((symbol) => {
      network.feed(symbol);
      const cells = plan.layers.map(
        ({ cells, units }) => [...new Float32Array(memory.buffer, cells, units)],
      );
      return { cells, logits: [...network.logits()] };
    });
  };
  return {
    fast: await run((memory) => fastKernel(bytes(module), memory)),
    plain: await run(async (memory) => plainKernel(memory.buffer)),
    doubles: seeds.map((seed) => {
      const dice = new RandomState(seed);
      return Array.from({ length: 1500 }, () => dice.double());
    }),
    powers: exponents.map(exp),
  };
}

const seeds = ({ vocabulary, seeds }) => {
  const known = new Vocabulary(vocabulary);
  return seeds.map((seed) => known.encode(seed));
};

const answer = await { texts, numbers, seeds }[process.argv[2]](asked);
process.stdout.write(JSON.stringify(answer));
