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
for folder in (ROOT, ROOT / "tests", ROOT / "tests" / "browser"):
    sys.path.insert(0, str(folder))

from pages import choose_model, wait_until_done, write  # noqa: E402
from servers import GunicornServer  # noqa: E402

from simpleml.training.progress import read_history  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
MOST_BYTES = 150_000
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
            page.locator("#generate").evaluate("button => button.scrollIntoView({block: 'start'})")
        else:
            page.evaluate("() => scrollTo(0, 0)")
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
        page.locator("#file").set_input_files(TEXT)
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
        records = read_history(models_dir / name / "training.csv")
        points = [
            (one.seconds / 60, one.selection_nats)
            for one in records
            if one.selection_nats is not None
        ]
        axes.plot(*zip(*points, strict=True), marker=".", label=name)
    axes.set(xlabel="minutes", ylabel="nats", xlim=(0, None), ylim=(0.9, 2.6))
    axes.grid(alpha=0.3)
    axes.legend()
    picture = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(picture, format="png")
    return picture.getvalue()


def keep(name: str, png: bytes) -> None:
    """Write a picture with few colours, so that a clone stays small."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    small = picture.quantize(COLOURS, dither=Image.Dither.NONE)
    packed = io.BytesIO()
    small.save(packed, "PNG", optimize=True)
    content = packed.getvalue()
    if len(content) > MOST_BYTES:
        raise SystemExit(f"{name} has {len(content):,} bytes, more than {MOST_BYTES:,}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.png").write_bytes(content)
    print(f"{name}.png {picture.width}x{picture.height} {len(content):,} bytes", flush=True)


def main() -> None:
    """Make the pictures that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = [*SHOTS, *TRAINING, "curve"]
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
        browser.close()


if __name__ == "__main__":
    main()
