"""`simpleml class [MODELS_DIR]`: the server for a class, with its link and QR code in the terminal.

What `simpleml serve` does, with SIMPLEML_CLASS on and one worker, among whose requests turns are
taken. It needs no internet: phones and this machine share a network.
"""

from __future__ import annotations

import sys

import click

from simpleml.commands import serve
from simpleml.settings import Settings


def run(
    models_dir: str | None,
    host: str,
    port: int,
    address: str | None,
    new_keys: bool,
    **settings: str | None,
) -> None:
    """Say how pupils and teacher get in, then become gunicorn.

    Raises:
        SettingsError: a setting has a value it cannot have.
        ClassStorageError: the keys cannot be kept in the models folder.
    """
    from simpleml.web.classroom.lan import lan_address
    from simpleml.web.classroom.store import ClassStore

    settings["class_"] = "true"
    folder = Settings.read(**serve.given(models_dir, settings)).models_dir
    keys = ClassStore(folder).open(new_keys)
    here = address or (lan_address() if host == serve.HOST else host)
    page = f"http://{here}:{port}/class"
    pupils, teacher = f"{page}#k={keys.pupils}", f"{page}#k={keys.teacher}"
    click.echo(f"The class is open.\n\n  Pupils:  {pupils}\n  You:     {teacher}\n")
    _show_code(pupils)
    if here == "127.0.0.1":
        click.echo(
            "This machine is on no network that others could reach it by: connect it to one, or "
            "name its address with --address.",
            err=True,
        )
    serve.run(models_dir, host, port, 1, **settings)


def _show_code(link: str) -> None:
    """The link as a QR code of block letters, where the terminal's encoding has them."""
    import segno

    if (sys.stdout.encoding or "").lower().replace("-", "") == "utf8":
        segno.make(link, error="m").terminal(compact=True)


COMMAND = click.Command(
    "class",
    callback=run,
    short_help="Serve a class: link and QR code, turns, a teacher's page.",
    help=(
        "Serve the models of MODELS_DIR (default ML) to a class on the same network: pupils come "
        "in by a link or its QR code, take turns, train, and put texts on a wall; your own link "
        "opens the teacher's page. Both keys are kept in MODELS_DIR/.class, so links stay good."
    ),
    params=[
        *serve.place_options(),
        click.Option(["--address"], help="this machine's address as phones see it, if the one "
                     "that is shown is wrong"),
        click.Option(["--new-keys"], is_flag=True, help="make new keys: earlier links end"),
        *(one for one in serve.setting_options() if one.name != "class_"),
    ],
)  # fmt: skip
