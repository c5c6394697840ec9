"""One text at a time: ours beside the real TFLearn, in one run. `make bench` runs this.

    python bench/generate.py                  # everything, about a minute
    python bench/generate.py --seconds 0.5    # a rough look
    python bench/generate.py --no-tflearn
    python bench/generate.py --blend contes shakespeare   # those of ML/, each alone and together

Every measurement is a process of its own, one after the other: TFLearn changes its process for
good, and memory and start-up can only be measured in fresh ones. The machine's own limit is a
large float32 product, measured in the same run; "of peak" is the part of it that window mode's
float32 arithmetic reaches. Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

from common import (
    LAYERS,
    UNITS,
    BenchModel,
    bench_model,
    machine,
    print_json,
    print_table,
    rss_bytes,
)

RUNS = 3
OURS = [
    ("window", "float32"),
    ("window", "int8"),
    ("stateful", "float32"),
    ("stateful", "int8"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each of the three runs")
    parser.add_argument("--no-tflearn", action="store_true", help="leave TFLearn out")
    parser.add_argument("--blend", nargs="+", metavar="MODEL", help="what a blend of them costs")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--details", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(PARTS[options.part](**json.loads(options.details))))
        return
    described = machine()
    if options.blend:
        report_blend(described, options.blend, options.seconds)
        return
    with bench_model() as model:
        report(described, measure(model, options.seconds, not options.no_tflearn), model)


class _Raw(argparse.RawDescriptionHelpFormatter):
    pass


def measure(model: BenchModel, seconds: float, with_tflearn: bool) -> dict[str, Any]:
    """All measurements, by name."""
    found: dict[str, Any] = {}
    found["peak_gflops"] = _part("peak", seconds=min(seconds, 2.0))["gflops"]
    if with_tflearn:
        found["tflearn"] = _part(
            "tflearn",
            prefix=str(model.prefix),
            seq_maxlen=model.seq_maxlen,
            seed=model.seed,
            seconds=seconds,
        )["characters_per_second"]
    for mode, precision in OURS:
        found[f"{mode}_{precision}"] = _part(
            "ours",
            models_dir=str(model.models_dir),
            name=model.name,
            precision=precision,
            stateful=mode == "stateful",
            seed=model.seed,
            seconds=seconds,
        )["characters_per_second"]
    found["first_character_seconds"] = statistics.median(
        first_character(model) for _ in range(RUNS)
    )
    found.update(worker(model))
    return found


def report(described: dict[str, Any], found: dict[str, Any], model: BenchModel) -> None:
    """The table and the JSON line."""
    tflearn = found.get("tflearn")
    peak = found["peak_gflops"]
    rows = []
    if tflearn:
        rows.append(["TFLearn `generate`", f"{tflearn:,.0f}", "1", ""])
    for mode, precision in OURS:
        rate = found[f"{mode}_{precision}"]
        share = ""
        if (mode, precision) == ("window", "float32"):
            found["window_float32_of_peak"] = rate * model.flops_per_character / peak / 1e9
            share = f"{found['window_float32_of_peak']:.0%}"
        times = f"{rate / tflearn:.1f}" if tflearn else ""
        rows.append([f"ours, {mode}, {precision}", f"{rate:,.0f}", times, share])
    title = (
        f"One text, {LAYERS}x{UNITS}, V = {model.vocabulary_size} ({model.origin}); "
        f"{described['cores']} cores {described['processor']}"
    )
    print_table(title, ["", "characters/s", "x TFLearn", "of peak"], rows)
    print_table(
        "Beside it",
        ["", ""],
        [
            ["the machine's float32 products, GFLOP/s", f"{peak:.0f}"],
            ["gunicorn worker with the float32 model, MB", f"{found['worker_mb']:.0f}"],
            ["process start to first character, s", f"{found['first_character_seconds']:.2f}"],
            ["gunicorn start to first answer, s", f"{found['server_first_answer_seconds']:.2f}"],
        ],
    )
    rounded = {key: round(value, 3) for key, value in found.items()}
    print_json({"bench": "generate", "machine": described, "model": model.origin, **rounded})


def report_blend(described: dict[str, Any], names: list[str], seconds: float) -> None:
    """Characters a second of each model and of all as one blend, as their cards say."""
    found: dict[str, dict[str, float]] = {}
    for precision in ("float32", "int8"):
        found[precision] = _part("blend", names=names, precision=precision, seconds=seconds)
    rows = [[name, *(f"{rates[name]:,.0f}" for rates in found.values())] for name in found["int8"]]
    print_table("One text of each model, and of all together; one thread", ["", *found], rows)
    print_json({"bench": "blend", "machine": described, **found})


def blend(names: list[str], precision: str, seconds: float) -> dict[str, float]:
    """Median characters a second of each model and of their blend, which take turns; one thread.

    With more, the threads of each model's session wait for work while the other's run.
    """
    from simpleml import ModelLoader

    models_dir = Path(__file__).resolve().parent.parent / "ML"
    loader = ModelLoader(models_dir, precision, threads=1)  # type: ignore[arg-type]
    loaded = [loader.load(name) for name in (*names, "+".join(names))]
    sizes = [200] * len(loaded)
    rates: list[list[float]] = [[] for _ in loaded]
    for _ in range(1 + 2 * RUNS):  # the first says how much to write in the others
        for at, generator in enumerate(loaded):
            started = time.perf_counter()
            generator.generate(sizes[at], temperature=0.5, random_state=1)
            rates[at].append(sizes[at] / (time.perf_counter() - started))
            sizes[at] = max(20, int(rates[at][-1] * seconds / 2))
    medians = [statistics.median(each[1:]) for each in rates]
    return {one.name: round(rate, 1) for one, rate in zip(loaded, medians, strict=True)}


def _part(name: str, /, **details: Any) -> dict[str, Any]:
    """Run one of PARTS in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--part", name, "--details", json.dumps(details)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"measuring {name} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def peak(seconds: float) -> dict[str, float]:
    """The best that a large float32 product reaches, through ONNX Runtime and through NumPy."""
    import numpy as np
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    size = 2048
    rng = np.random.default_rng(0)
    left = rng.normal(size=(size, size)).astype(np.float32)
    right = rng.normal(size=(size, size)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, [size, size])],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, [size, size])],
        [numpy_helper.from_array(right, "b")],
    )
    product = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    product.ir_version = 9
    session = onnxruntime.InferenceSession(
        product.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    best = 0.0
    for run in (lambda: session.run(None, {"a": left}), lambda: left @ right):
        until = time.perf_counter() + seconds
        while (started := time.perf_counter()) < until:
            run()
            best = max(best, 2.0 * size**3 / (time.perf_counter() - started) / 1e9)
    return {"gflops": best}


def tflearn(prefix: str, seq_maxlen: int, seed: str, seconds: float) -> dict[str, float]:
    """Characters a second of the real TFLearn's `generate` on the same files."""
    import pickle

    import numpy as np

    from simpleml.training import tflearn_compat

    (alphabet,) = Path(prefix).parent.glob("char_idx*.pickle")
    dictionary = pickle.loads(alphabet.read_bytes())  # one of the files that this bench chose
    generator = tflearn_compat.tflearn_generator(
        dictionary, layers=LAYERS, units=UNITS, seq_maxlen=seq_maxlen
    )
    try:
        generator.load(prefix, trainable_variable_only=True)
    except Exception as error:  # random weights lack TFLearn's graph; its own cost the same
        print(f"TFLearn generates from its own initial weights: {error}", file=sys.stderr)
    np.random.seed(1)
    generator.generate(20, temperature=0.5, seq_seed=seed)
    return _rate(lambda size: generator.generate(size, temperature=0.5, seq_seed=seed), 80, seconds)


def ours(
    models_dir: str, name: str, precision: str, stateful: bool, seed: str, seconds: float
) -> dict[str, float]:
    """Characters a second of SequenceGenerator.generate."""
    from simpleml import ModelLoader

    generator = ModelLoader(models_dir, precision).load(name)  # type: ignore[arg-type]

    def generate(size: int) -> None:
        generator.generate(size, temperature=0.5, seq_seed=seed, random_state=1, stateful=stateful)

    generate(100)
    return _rate(generate, 1000, seconds)


def _rate(generate: Any, guess: float, seconds: float) -> dict[str, float]:
    """Median of RUNS runs of about so many seconds each."""
    rates = []
    for _ in range(RUNS):
        size = max(20, int(guess * seconds))
        started = time.perf_counter()
        generate(size)
        guess = size / (time.perf_counter() - started)
        rates.append(guess)
    return {"characters_per_second": statistics.median(rates)}


def first_character(model: BenchModel) -> float:
    """Seconds from the start of a Python process to its first character."""
    code = (
        "from simpleml import ModelLoader; "
        f"generator = ModelLoader({str(model.models_dir)!r}).load({model.name!r}); "
        f"print(next(iter(generator.stream(1, 0.5, {model.seed!r}))), flush=True)"
    )
    root = Path(__file__).resolve().parent.parent
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=root) as child:
        assert child.stdout is not None
        if not child.stdout.read(1):
            raise SystemExit("the process wrote no character")
        seconds = time.perf_counter() - started
        child.stdout.read()
    return seconds


def worker(model: BenchModel) -> dict[str, float]:
    """Memory of a gunicorn worker that has generated with the model, and its start-up."""
    from servers import GunicornServer

    started = time.perf_counter()
    with GunicornServer(model.models_dir) as server:
        path = f"/{model.name}/g/{quote(model.seed)}/200"
        with urllib.request.urlopen(f"{server.base_url}/{model.name}/g/{quote(model.seed)}/1"):
            answered = time.perf_counter() - started
        for _ in range(3):
            urllib.request.urlopen(server.base_url + path).read()
        (pid,) = server.workers
        return {
            "worker_mb": rss_bytes(pid) / 1e6,
            "server_first_answer_seconds": answered,
        }


PARTS: dict[str, Any] = {"peak": peak, "tflearn": tflearn, "ours": ours, "blend": blend}

if __name__ == "__main__":
    main()
