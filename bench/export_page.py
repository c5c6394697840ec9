"""The exported page: how soon and how fast it writes, what int8 costs, and whose text it is.

    python bench/export_page.py contes contes.txt        # a text of that kind; its end is read

Browsers are Chromium and Firefox as installed, from file://. Texts are compared to the server's
int8 in Node, where the page's engine runs as it is. Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from common import machine, print_json, print_table
from firefox import Firefox
from playwright.sync_api import sync_playwright

from simpleml import ModelLoader
from simpleml.commands.export import main as export
from simpleml.generation.batch import Batch

SIZE = 4000
NODE = Path(__file__).resolve().parent.parent / "tests" / "exporting" / "page_in_node.mjs"
CALL = "simpleml.generate({seed: 'a', size: %d, temperature: 0.5, random_state: %d})"
TIMED = f"""(async () => {{
  await simpleml.generate({{size: 1}});
  const first = performance.now(); // from the start of the navigation
  const rates = [];
  for (let state = 1; state <= 4; state++) {{
    const began = performance.now();
    await {CALL % (SIZE, 1)};
    rates.push({SIZE} / (performance.now() - began) * 1000);
  }}
  return {{ first, rates: rates.slice(1) }};
}})()"""
GAPS = """(async () => { // the longest time between two frames while a text of 10,000 is written
  document.getElementById("size").value = "10000";
  document.getElementById("generate").click();
  const gaps = [];
  let last = performance.now();
  while (!document.querySelector(".sheet[data-state=done]")) {
    await new Promise(requestAnimationFrame);
    gaps.push(performance.now() - last);
    last = performance.now();
  }
  gaps.sort((a, b) => a - b);
  return { worst: gaps.at(-1), p95: gaps[Math.floor(gaps.length * 0.95)] };
})()"""


def browsers(file: Path) -> dict[str, Any]:
    """Both, one after the other."""
    found: dict[str, Any] = {}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = chromium.new_page()
        page.goto(file.as_uri())
        found["Chromium"] = page.evaluate(TIMED) | page.evaluate(GAPS)
        chromium.close()
    with tempfile.TemporaryDirectory() as folder:
        firefox = Firefox(Path(folder))
        firefox.open(file.as_uri())
        found["Firefox"] = firefox.evaluate(TIMED) | firefox.evaluate(GAPS)
        firefox.close()
    return found


def node(what: str, asked: dict[str, Any]) -> Any:
    """What the page's engine says in Node."""
    done = subprocess.run(
        ["node", NODE, what], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def parted(loader: ModelLoader, name: str, file: Path, texts: int, size: int) -> dict[str, Any]:
    """How many texts of `size` symbols differ from the server's int8, and the page's speed."""
    model = loader.load(name)
    requests = [
        {"seed": "a", "size": size, "temperature": 0.5, "random_state": state}
        for state in range(texts)
    ]
    began = time.perf_counter()
    written = node("texts", {"page": str(file), "plain": False, "requests": requests})
    seconds = time.perf_counter() - began
    same = [
        model.generate(size, 0.5, "a", random_state=state)[1:] == text
        for state, text in enumerate(written)
    ]
    return {"texts": texts, "differ": same.count(False), "node": texts * size / seconds}


def nats(loader: ModelLoader, name: str, text: str) -> float:
    """Mean of the true next symbol, the state carried on."""
    import numpy as np

    model = loader.load(name)
    indices = model.vocabulary.encode(text, "skip").indices
    batch = Batch(model.network, None)
    batch.join(indices[:1])
    total = 0.0
    for symbol, following in pairwise(indices):
        total -= float(np.log(batch.step([symbol])[0][following]))
    return total / (len(indices) - 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("text", type=Path)
    parser.add_argument("--texts", type=int, default=100)
    parser.add_argument("--characters", type=int, default=20_000, help="read for nats")
    given = parser.parse_args()
    print(machine())
    int8, float32 = (ModelLoader("ML", precision=one) for one in ("int8", "float32"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{given.model}.html"
        export([given.model, "--html", str(file)])
        found = browsers(file)
        rows = [
            [name, f"{one['first']:.0f}", f"{median(one['rates']):,.0f}",
             f"{one['p95']:.0f}", f"{one['worst']:.0f}"]
            for name, one in found.items()
        ]  # fmt: skip
        print_table(
            "From a disk", ["", "first character ms", "characters/s", "frame ms p95", "worst"], rows
        )
        found["texts"] = parted(int8, given.model, file, given.texts, 1000)
        text = given.text.read_text(encoding="utf-8")[-given.characters :]
        found["nats"] = {
            "float32": nats(float32, given.model, text),
            "int8": nats(int8, given.model, text),
        }
        found["bytes"] = file.stat().st_size
    print_json(found)


if __name__ == "__main__":
    main()
