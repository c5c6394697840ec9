"""The server. `make serve`, `gunicorn -t 300 app:app` and `python app.py` all start it."""

from gevent import monkey

if __name__ == "__main__":
    monkey.patch_all()

from simpleml.commands.serve import application as make
from simpleml.commands.serve import serve_alone

app = application = make()

if __name__ == "__main__":
    serve_alone(app)
