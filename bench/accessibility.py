"""What axe finds on every page, what a first visit loads, and Lighthouse's score for accessibility.

    python bench/accessibility.py                             # axe and what is loaded
    npm install lighthouse; python bench/accessibility.py --lighthouse node_modules/.bin/lighthouse

Every page in both languages and themes at eight widths, the one that is shown without a server and
a model taken home as a page (PAGE_OF) too; the playground with a text, its options, its card and a
character's chances on the screen as well. All of axe's rules count, its best
practices too. Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from common import ROOT, print_json, print_table
from playwright.sync_api import Browser, Page, expect, sync_playwright
from servers import GunicornServer

from simpleml.exporting.page import page as page_of
from simpleml.models.artifact import find_artifact, read_artifact

PAGE_OF = "contes"
TAKEN_HOME = f"{PAGE_OF}.html"
PATHS = ("", "train", "score", "learn", "presentation", "class", "offline", TAKEN_HOME, "docs")
PLAIN = ("docs", "offline")  # pages that are ready when they are loaded
WIDTHS = (320, 360, 390, 768, 1024, 1280, 1366, 1920)
DOCS_WIDTHS = (360, 1280)  # so long a page takes axe a while
LANGUAGES = ("en-GB", "fr-FR")
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
RULES = {"rules": {"target-size": {"enabled": True}}}  # besides those that are on anyway
STATES = ("", "filled")  # the second of the playground alone
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = ("--no-sandbox", "--disable-gpu", "--headless=new")
SIZES = """() => ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type))
  .map((one) => [one.name, one.decodedBodySize])"""


def opened(browser: Browser, addresses: Sequence[str], locale: str, theme: Theme) -> Page:
    """A window of its own that opens these addresses, one after the other, and is ready."""
    page = browser.new_context(locale=locale, color_scheme=theme).new_page()
    page.set_default_timeout(60_000)
    for address in addresses:
        page.goto(address)
        if not address.endswith(PLAIN):
            expect(page.locator("html[data-ready]")).to_be_attached(timeout=60_000)
    return page


def copied(models_dir: Path, folder: Path) -> Path:
    """A folder with the same models, that keeps what a class keeps to itself."""
    for model in models_dir.iterdir():
        if model.is_dir() and not model.name.startswith("."):
            shutil.copytree(model, folder / model.name)
    return folder


@contextmanager
def taken_home(models_dir: Path) -> Iterator[str]:
    """The address of a model's page, which needs nothing of a server; Lighthouse wants http."""
    paths = find_artifact(models_dir, PAGE_OF)
    assert paths, f"{PAGE_OF} is not in {models_dir}"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / TAKEN_HOME).write_text(page_of(read_artifact(paths)), encoding="utf-8")
        handler = partial(QuietHandler, directory=folder)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}/{TAKEN_HOME}"
            server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    """Files of a folder, without a line for each."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def filled(page: Page) -> None:
    """Bring everything that the playground can show onto the screen."""
    page.locator("#card > summary").click()
    page.locator("#more > summary").click()
    page.locator("#surprise").check()
    page.locator("#seed").fill("漢 ROMEO ")
    page.locator("#size").fill("80")
    page.locator("label:has(input[value=temperatures])").click()
    page.locator("#generate").click()
    expect(page.locator(".sheet[data-state=done]")).to_have_count(3, timeout=60_000)
    page.locator(".text-written > span").nth(20).click()


def found(page: Page) -> list[str]:
    """The rules that something on the page breaks, each with the first that does."""
    return [
        f"{one['id']} ({one['nodes'][0]['html'][:100]})"
        for one in Axe().run(page, options=RULES).response["violations"]
    ]


def lighthouse(program: str, address: str) -> int:
    """Lighthouse's score for accessibility, 0 to 100."""
    command = [
        program, address, "--only-categories=accessibility", "--output=json", "--quiet",
        f"--chrome-flags={' '.join(FLAGS)}",
    ]  # fmt: skip
    environment = {**os.environ, "CHROME_PATH": CHROMIUM}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    for name, audit in report["audits"].items():
        if audit["score"] == 0:
            print(f"  {address}: {name}: {audit['title']}")
    return round(100 * report["categories"]["accessibility"]["score"])


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lighthouse", metavar="PROGRAM", help="measure that too, by this program")
    parser.add_argument("--paths", nargs="*", default=PATHS)
    parser.add_argument("--models-dir", type=Path, default=ROOT / "ML")
    given = parser.parse_args()
    rows = []
    env = {"SIMPLEML_CLASS": "1", "SIMPLEML_TRAINING": "1"}
    with (
        tempfile.TemporaryDirectory() as folder,
        GunicornServer(copied(given.models_dir, Path(folder)), env=env) as server,
        taken_home(given.models_dir) as home,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS)) as browser,
    ):
        keys = json.loads((Path(folder) / ".class" / "keys.json").read_text())
        come_in = f"{server.base_url}/class#k={keys['teacher']}"
        for path in given.paths:
            address = home if path == TAKEN_HOME else f"{server.base_url}/{path}"
            runs = findings = 0
            wrong: set[str] = set()
            loaded: list[tuple[str, int]] = []
            for language, theme in product(LANGUAGES, THEMES):
                page = opened(browser, (come_in, address), language, theme)
                loaded = loaded or page.evaluate(SIZES)
                for state in STATES[: 1 if path else 2]:
                    if state:
                        filled(page)
                    for width in WIDTHS if path != "docs" else DOCS_WIDTHS:
                        page.set_viewport_size({"width": width, "height": 800})
                        broken = found(page)
                        findings += len(broken)
                        wrong |= {f"  {address} {state} {theme} {width}: {one}" for one in broken}
                        runs += 1
                page.context.close()
            print("\n".join(sorted(wrong)), flush=True)
            own = (server.base_url, home, "blob:", "data:")
            rows.append([
                f"/{path}", str(runs), str(findings), f"{sum(size for _, size in loaded):,}",
                str(sum(not name.startswith(own) for name, _ in loaded)),
                str(lighthouse(given.lighthouse, address)) if given.lighthouse else "",
            ])  # fmt: skip
    header = ["page", "axe runs", "findings", "bytes at first", "requests elsewhere", "Lighthouse"]
    print_table("Accessibility", header, rows)
    print_json({"accessibility": rows})


if __name__ == "__main__":
    main()
