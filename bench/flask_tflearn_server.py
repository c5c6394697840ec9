"""The baseline: the first program's shape, Flask and gevent around the real TFLearn.

    python bench/flask_tflearn_server.py ML/sherlock/sherlock.tfl --window 25

One process, one model in it, `generate` called in the greenlet of the request: while one client's
text is made everybody else waits. It prints its address once it listens.
"""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import pickle  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
from flask import Flask, Response  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from simpleml.training.tflearn_compat import tflearn_generator  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prefix", type=Path, help="the checkpoint, without .index")
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--window", type=int, default=25)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()

    (alphabet,) = options.prefix.parent.glob("char_idx*.pickle")
    generator = tflearn_generator(
        pickle.loads(alphabet.read_bytes()),
        layers=options.layers,
        units=options.units,
        seq_maxlen=options.window,
    )
    try:
        generator.load(str(options.prefix), trainable_variable_only=True)
    except Exception as error:  # random weights lack TFLearn's graph; its own cost the same
        print(f"TFLearn generates from its own initial weights: {error}", file=sys.stderr)

    app = Flask(__name__)

    @app.get("/livez")
    def livez() -> str:
        return "ok"

    @app.get("/<model>/g/<path:seed>/<int:size>/<float:temperature>")
    def generate(model: str, seed: str, size: int, temperature: float) -> Response:
        np.random.seed()
        text = generator.generate(size, temperature=temperature, seq_seed=seed)
        return Response(text, content_type="text/plain; charset=utf-8")

    generator.generate(1, temperature=0.5, seq_seed=next(iter(generator.dic)) * options.window)
    server = WSGIServer(("127.0.0.1", options.port), app, log=None)
    server.start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
