"""`simpleml serve [MODELS_DIR]`: gunicorn with the settings of gunicorn_conf, on the models there.

It becomes gunicorn, so that signals, exit status and workers are gunicorn's own. An option of the
server is the setting of that name (simpleml/settings.py); what is not given is left to SIMPLEML_*.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from simpleml.errors import SettingsError, SimpleMLError
from simpleml.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

HOST = "0.0.0.0"
PORT = 8280
CONFIGURATION = "python:simpleml.commands.gunicorn_conf"


def application() -> Flask:
    """The WSGI application over the environment's settings.

    Raises:
        SystemExit: it cannot be made; says why.
    """
    from simpleml.web.app import create_app

    try:
        return create_app()
    except SimpleMLError as error:
        sys.exit(f"The server cannot start: {error}")


def serve_alone(app: Flask) -> None:
    """Serve in this process, which gevent has patched, until Ctrl-C: `python app.py`."""
    from gevent.pywsgi import WSGIServer

    host, port = os.environ.get("HOST", HOST), int(os.environ.get("PORT", PORT))
    trainings = app.extensions["simpleml_training"]
    trainings.start()
    print(f"Serving {app.extensions['simpleml'].settings.models_dir} on http://{host}:{port}")
    try:
        WSGIServer((host, port), app, log=None).serve_forever()
    except KeyboardInterrupt:
        trainings.stop()
        trainings.join(60)


def setting_options() -> list[click.Option]:
    """One for each setting; keys are left to the environment, since all users see command lines."""
    return [
        click.Option(
            [f"--{one.name.rstrip('_').replace('_', '-')}", one.name],
            help=f"{one.metadata['help']} [{Settings.variable(one.name)}]",
            metavar="VALUE",
        )
        for one in dataclasses.fields(Settings)
        if one.name != "models_dir" and not one.metadata.get("secret")
    ]


def place_options() -> list[click.Parameter]:
    """Which models, and where to listen."""
    return [
        click.Argument(
            ["models_dir"], required=False, type=click.Path(exists=True, file_okay=False)
        ),
        click.Option(["--host"], envvar="HOST", default=HOST, show_default=True, show_envvar=True,
                     help="address to listen on"),
        click.Option(["--port"], envvar="PORT", default=PORT, show_default=True, show_envvar=True,
                     type=click.IntRange(0, 65535), help="port to listen on"),
    ]  # fmt: skip


def given(models_dir: str | None, settings: dict[str, str | None]) -> dict[str, Any]:
    """The settings of a command line that were given there."""
    found: dict[str, Any] = {name: text for name, text in settings.items() if text is not None}
    return found if models_dir is None else {**found, "models_dir": models_dir}


def run(models_dir: str | None, host: str, port: int, workers: int, **settings: str | None) -> None:
    """Become gunicorn.

    Raises:
        SettingsError: a setting has a value it cannot have, or there is no models folder.
    """
    from simpleml.web.classroom.lan import is_loopback, lan_address

    chosen = given(models_dir, settings)
    read = Settings.read(**chosen)
    shown = read.models_dir
    if not shown.is_dir() and not (read.training or read.class_):  # which make one
        raise SettingsError(f"The models folder {shown} does not exist: name another, or make it.")
    os.environ.update({Settings.variable(name): text for name, text in chosen.items()})
    os.environ.update({"HOST": host, "PORT": str(port), "WEB_CONCURRENCY": str(workers)})
    address = "localhost" if host == HOST else host
    click.echo(f"Serving {shown} on http://{address}:{port}   (Ctrl-C stops it)")
    if host == HOST and not read.class_ and not is_loopback(here := lan_address()):
        click.echo(f"On phones and others of the same network: http://{here}:{port}")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "--config", CONFIGURATION])


COMMAND = click.Command(
    "serve",
    callback=run,
    short_help="Serve the models of a folder over HTTP.",
    help=(
        "Serve the models of MODELS_DIR (default ML) over HTTP: pages in a browser at /, every "
        "route at /docs. Settings come from the options below, else from the environment."
    ),
    params=[
        *place_options(),
        click.Option(["--workers"], envvar="WEB_CONCURRENCY", default=1, show_default=True,
                     show_envvar=True, type=click.IntRange(1, 256),
                     help="processes; one uses all cores, and shares one batch and one copy of "
                     "the models among all requests"),
        *setting_options(),
    ],
)  # fmt: skip
