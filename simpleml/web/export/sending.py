"""A model in some form as an answer: written once for all who ask at the same time, sent in pieces.

What writes and reads it are native threads. The file has no name and is gone with its last reader.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from threading import BoundedSemaphore
from typing import IO
from weakref import WeakValueDictionary

from flask import Response, current_app, request

from simpleml.errors import NoRoomError
from simpleml.exporting.export import Export, export, tag
from simpleml.loader import ModelLoader
from simpleml.web.observability.request_log import current_record
from simpleml.web.threads import in_thread

_PIECE = 1 << 18
_turn = BoundedSemaphore()
"""One is written at a time, by this worker."""
_written: WeakValueDictionary[str, IO[bytes]] = WeakValueDictionary()
"""Those that are being sent, by their tags."""


def send(name: str, form: Export) -> Response:
    """Answer with a model in some form; 304 to a client that has it.

    Raises:
        ModelNotFoundError, ExportError: as simpleml.exporting.export.
    """
    loader: ModelLoader = current_app.extensions["simpleml"].loader
    wanted = in_thread(tag, loader, name, form)
    current_record().model = name
    response = Response(content_type=form.content_type)
    if request.if_none_match.contains(wanted):
        response.status_code = 304
    elif request.method == "HEAD":
        response.automatically_set_content_length = False  # it is not known
    else:
        wanted, file = _write(loader, name, form, wanted)
        response.response = _pieces(file)
        response.content_length = os.fstat(file.fileno()).st_size
        response.headers.set("Content-Disposition", "attachment", filename=f"{name}.{form.suffix}")
    response.set_etag(wanted)
    response.headers["Cache-Control"] = "no-cache"
    return response


def _write(loader: ModelLoader, name: str, form: Export, wanted: str) -> tuple[str, IO[bytes]]:
    with _turn:
        if (file := _written.get(wanted)) is not None:
            return wanted, file
        wanted, file = in_thread(_write_anew, loader, name, form)
        return wanted, _written.setdefault(wanted, file)


def _write_anew(loader: ModelLoader, name: str, form: Export) -> tuple[str, IO[bytes]]:
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as it is sent
        written = export(loader, name, form, file)
        file.flush()
    except OSError as error:
        raise NoRoomError(
            f"The server has no place to write the {form.suffix} to: {error.strerror}."
        ) from error
    return written, file


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    """From any place that others read at too."""
    at = 0
    while piece := in_thread(os.pread, file.fileno(), _PIECE, at):
        at += len(piece)
        yield piece
