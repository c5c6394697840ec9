"""A real HTTP server on this machine that plays the repositories which corpora come from."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from simpleml.corpora import CatalogueEntry, RawFile

TEXT = ("Once upon a time there was a small made text.\n" * 4000).encode()


class Mirror:
    """Serves bytes by the last part of the path, with ranges; may cut a connection once, or send
    half of a file and the rest when `go_on` is set."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut_after: int | None = None
        self.go_on: threading.Event | None = None
        self.ranges: list[str | None] = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = mirror.files.get(self.path.rsplit("/", 1)[-1])
                asked = self.headers.get("Range")
                mirror.ranges.append(asked)
                if data is None:
                    self.send_error(404)
                    return
                first = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
                self.send_response(206 if asked else 200)
                self.send_header("Content-Length", str(len(data) - first))
                self.end_headers()
                if mirror.cut_after is not None:
                    self.wfile.write(data[first : first + mirror.cut_after])
                    mirror.cut_after = None
                    return
                half = len(data) // 2
                self.wfile.write(data[first:half])
                if mirror.go_on is not None:
                    self.wfile.flush()
                    mirror.go_on.wait(60)
                self.wfile.write(data[max(first, half) :])

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def entry(
    data: bytes = TEXT, said: bytes | None = None, *, validation: str = "tail"
) -> CatalogueEntry:
    """A catalogue's entry of one file, made.txt."""
    sha256 = hashlib.sha256(data if said is None else said).hexdigest()
    file = RawFile("someone/texts", "0" * 40, "made.txt", sha256)
    return CatalogueEntry(
        "made",
        "A made text",
        "nowhere",
        "public domain",
        "en",
        (file,),
        sha256,
        len(data),
        {"validation": validation},
    )
