#!/usr/bin/env python3
"""The pictures of README.md and README.fr.md: docs/pictures/*.png.

    python tools/pictures.py            all of them
    python tools/pictures.py phone      one

A real gunicorn on a free port serves ML/, and the system's chromium, driven by Playwright, shows
its pages. It knows nothing of how they work inside: it fills in the form as a visitor would, with
the seeds and random numbers below.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT, *(ROOT / "tests" / name for name in ("", "browser", "documents"))):
    sys.path.insert(0, str(folder))

from makers import docx  # noqa: E402
from pages import choose_model, wait_until_done, write  # noqa: E402
from pupil import path  # noqa: E402
from servers import GunicornServer  # noqa: E402

from simpleml.web.classroom.store import ClassStore  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
MOST_BYTES = 150_000
MOST_STRIP_BYTES = 400_000
COLOURS = 96
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DESK, PHONE = (1280, 900), (390, 844)
expect.set_options(timeout=600_000)  # a machine may be busy; a training takes minutes
CURVES = ("shakespeare", "sherlock", "contes")


@dataclass(frozen=True)
class Shot:
    """One picture of the playground, after a text was written."""

    locale: str
    model: str
    seed: str
    random_state: int
    size: int = 600
    viewport: tuple[int, int] = DESK
    dark: bool = False
    surprise: bool = False
    """Coloured by surprise, one character inspected."""


SHOTS = {
    "playground-en": Shot("en-GB", "sherlock", "Holmes ", 2),
    "playground-fr": Shot("fr-FR", "contes", "le sultan ", 1),
    "surprise": Shot("en-GB", "shakespeare", "ROMEO:\n", 5, dark=True, surprise=True),
    "phone": Shot("fr-FR", "contes", "il y avait une fois ", 1, 300, PHONE),
}
TRAINING = {"train-en": "English", "train-fr": "Français"}
TEXT = ROOT / "ML" / "sherlock.txt"
TEXT_CHARACTERS = 180_000
"""Of it, to train on: later come words that the page would warn of."""
TALES = ROOT / "ML" / "contes.txt"
TALE_CHARACTERS = 25_000
PUPIL, GAP = (360, 720), 12
CLASS = {"class-en": "en-GB", "class-fr": "fr-FR"}
WALL = [
    ["Zoé", "Il était une fois ", 3],
    ["les trois du fond", "La princesse ", 8],
    ["", "le loup ", 2],
    ["Ali", "« Hélas ! dit ", 5],
]
"""On the wall: author, beginning, random number."""
PUBLISH = """async (wall) => {
  const { publish } = await import("/static/class/server.js");
  const http = await import("/static/common/http.js");
  for (const [author, seed, random_state] of wall) {
    const model = "contes", temperature = 0.5;
    const body = { seed, size: 180, temp: temperature, random_state };
    const { text } = await (await http.call(`/${model}`, { body })).json();
    await publish({ text, seed, model, temperature, author, recipe: `m=${model}` });
  }
}"""
ADDRESS = "192.168.1.20:8280"
"""Shown in place of this machine's."""


def take(browser: Browser, base_url: str, shot: Shot) -> bytes:
    """Write a text on the page and photograph it."""
    with opened(browser, f"{base_url}/", shot.locale, shot.viewport, shot.dark) as page:
        choose_model(page, shot.model)
        page.locator("#more > summary").click()
        page.locator("#random_state").fill(str(shot.random_state))
        page.locator("#more > summary").click()
        write(page, shot.seed, shot.size)
        wait_until_done(page)
        if shot.surprise:
            page.locator("#surprise").check()
            expect(page.locator("#legend")).to_be_visible()
            page.locator(".text-written span").nth(12).click()
            expect(page.locator("#inspector")).to_be_visible()
        if shot.viewport == PHONE:
            page.locator("#sheets").evaluate("one => one.scrollIntoView()")
        else:
            page.evaluate("() => scrollTo(0, 0)")
        if not shot.surprise:
            page.mouse.move(0, 0)  # no character is pointed at
            expect(page.locator("#inspector")).to_be_hidden()
        return page.screenshot()


def take_training(browser: Browser) -> dict[str, bytes]:
    """Train a small network on the page, and photograph that in both languages after some epochs.

    The models are in a folder of their own.
    """
    if not TEXT.exists():
        raise SystemExit(f"{TEXT} is not here: python -m simpleml.corpora get sherlock")
    with (
        tempfile.TemporaryDirectory() as models_dir,
        GunicornServer(models_dir, env={"SIMPLEML_TRAINING": "1"}) as server,
        opened(browser, f"{server.base_url}/train", "en-GB", DESK) as page,
    ):
        page.locator("#more > summary").click()
        page.locator("#layers").fill("2")
        page.locator("#units").fill("64")
        page.locator("#epochs").fill("12")
        page.locator("#more > summary").click()
        text = TEXT.read_text("utf-8")[:TEXT_CHARACTERS].encode()
        page.locator("#file").set_input_files(
            {"name": TEXT.name, "mimeType": "text/plain", "buffer": text}
        )
        expect(page.locator("#advice")).to_be_visible()
        page.locator("#name").fill("sherlock-2x64")
        page.locator("#start").click()
        epochs = page.locator(".training dd").first
        expect(epochs).to_have_text(re.compile(r"^([6-9]|1\d)$"))
        shots = {}
        for name, language in TRAINING.items():
            page.get_by_role("button", name=language).click()
            page.evaluate("() => scrollTo(0, 0)")
            shots[name] = page.screenshot()
        return shots


def take_pupil(browser: Browser) -> bytes:
    """A pupil's path through a class, from left to right."""
    if not TALES.exists():
        raise SystemExit(f"{TALES} is not here: python -m simpleml.corpora get contes")
    document = docx(*TALES.read_text("utf-8")[:TALE_CHARACTERS].split("\n\n"))
    with tempfile.TemporaryDirectory() as folder, class_server(folder, "francais") as server:
        link = f"{server.base_url}/class#k={ClassStore(folder).open().pupils}"
        context = browser.new_context(
            locale="fr-FR", color_scheme="light", reduced_motion="reduce", service_workers="block",
            viewport={"width": PUPIL[0], "height": PUPIL[1]}, has_touch=True, is_mobile=True,
        )  # fmt: skip
        page, home = context.new_page(), Path(folder)
        moments = path(page, link, document, name="mes-contes", epochs=4, home=home)
        shots = [Image.open(io.BytesIO(page.screenshot())) for _ in moments]
    width = len(shots) * (PUPIL[0] + GAP) - GAP
    strip = Image.new("RGB", (width, PUPIL[1]), "white")
    for number, shot in enumerate(shots):
        strip.paste(shot, (number * (PUPIL[0] + GAP), 0))
    packed = io.BytesIO()
    strip.save(packed, "PNG")
    return packed.getvalue()


def take_class(browser: Browser) -> dict[str, bytes]:
    """The teacher's page of a class, in both languages."""
    shots = {}
    with tempfile.TemporaryDirectory() as folder, class_server(folder, "contes") as server:
        key = ClassStore(folder).open().teacher
        link = f"{server.base_url}/class#k={key}"
        with opened(browser, link, "fr-FR", DESK) as page:
            page.evaluate(PUBLISH, WALL)
        for name, locale in CLASS.items():
            with opened(browser, link, locale, DESK) as page:
                expect(page.locator(".wall-sheet")).to_have_count(len(WALL))
                expect(page.locator("#qr")).to_have_attribute("alt", re.compile("QR"))
                page.locator("#address").evaluate(
                    "(one, address) => { one.textContent = `http://${address}/class`; }", ADDRESS
                )
                shots[name] = page.screenshot()
    return shots


def class_server(folder: str, model: str) -> GunicornServer:
    """A class with one model, in a folder of its own."""
    shutil.copytree(ROOT / "ML" / model, Path(folder) / model)
    return GunicornServer(folder, env={"SIMPLEML_CLASS": "1"})


@contextmanager
def opened(
    browser: Browser, address: str, locale: str, viewport: tuple[int, int], dark: bool = False
) -> Iterator[Page]:
    """A page in a window of its own, ready."""
    width, height = viewport
    context = browser.new_context(
        locale=locale,
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(address)
    expect(page.locator("html[data-ready]")).to_be_attached()
    yield page
    context.close()


def curve(models_dir: Path, names: tuple[str, ...]) -> bytes:
    """Nats per character against minutes, from each model's training.csv.

    Both axes have names that are the same word in English and in French.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for name in names:
        with (models_dir / name / "training.csv").open() as file:
            points = [
                (float(row["seconds"]) / 60, float(row["selection_nats"]))
                for row in csv.DictReader(file)
                if row["selection_nats"]
            ]
        axes.plot(*zip(*points, strict=True), marker=".", label=name)
    axes.set(xlabel="minutes", ylabel="nats", xlim=(0, None), ylim=(0.9, 2.6))
    axes.grid(alpha=0.3)
    axes.legend()
    picture = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(picture, format="png")
    return picture.getvalue()


def keep(name: str, png: bytes, most: int = MOST_BYTES) -> None:
    """Write a picture with few colours, so that a clone stays small."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    small = picture.quantize(COLOURS, dither=Image.Dither.NONE)
    packed = io.BytesIO()
    small.save(packed, "PNG", optimize=True)
    content = packed.getvalue()
    if len(content) > most:
        raise SystemExit(f"{name} has {len(content):,} bytes, more than {most:,}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.png").write_bytes(content)
    print(f"{name}.png {picture.width}x{picture.height} {len(content):,} bytes", flush=True)


def main() -> None:
    """Make the pictures that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = [*SHOTS, *TRAINING, *CLASS, "pupil", "curve"]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(every))
    wanted = parser.parse_args().names or every
    if unknown := sorted(set(wanted) - set(every)):
        parser.error(f"there is no picture {unknown[0]}; there are {', '.join(every)}")
    models_dir = ROOT / "ML"
    if "curve" in wanted:
        keep("curve", curve(models_dir, CURVES))
    if set(wanted) == {"curve"}:
        return
    if CHROMIUM is None:
        raise SystemExit("chromium is not installed (apt-get install chromium)")
    with (
        GunicornServer(models_dir) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name in wanted:
            if name in SHOTS:
                keep(name, take(browser, server.base_url, SHOTS[name]))
        if set(wanted) & set(TRAINING):
            for name, png in take_training(browser).items():
                keep(name, png)
        if set(wanted) & set(CLASS):
            for name, png in take_class(browser).items():
                keep(name, png)
        if "pupil" in wanted:
            keep("pupil", take_pupil(browser), MOST_STRIP_BYTES)
        browser.close()


if __name__ == "__main__":
    main()
