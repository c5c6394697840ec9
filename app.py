"""The server. `make serve`, `gunicorn -t 300 app:app` and `python app.py` all start it."""

from gevent import monkey

if __name__ == "__main__":
    monkey.patch_all()

import os
import sys

from simpleml import SimpleMLError, create_app

try:
    app = application = create_app()
except SimpleMLError as error:
    sys.exit(f"The server cannot start: {error}")

if __name__ == "__main__":
    from gevent.pywsgi import WSGIServer

    host, port = os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "8280"))
    app.extensions["simpleml_training"].start()
    print(f"Serving {app.extensions['simpleml'].settings.models_dir} on http://{host}:{port}")
    try:
        WSGIServer((host, port), app, log=None).serve_forever()
    except KeyboardInterrupt:
        app.extensions["simpleml_training"].stop()
        app.extensions["simpleml_training"].join(60)
