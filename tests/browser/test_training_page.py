"""The page of trainings: from a dropped text to a model that writes, in a real browser."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pages import HOSTILE, PHONE, ROOT, OpenPage, picture, serious, text_of, wait_until_done, write
from playwright.sync_api import Page, expect
from servers import GunicornServer

from simpleml.jobs.process import NEEDED
from simpleml.jobs.store import JobStore

STATIC = ROOT / "simpleml" / "web" / "static"
TEMPLATES = [
    ROOT / "simpleml" / "web" / "templates" / name for name in ("training.html", "head.html")
]
TEXT = "".join(
    f"Once the {who} saw the {what} and {did} it to the palace, {number} times.\n"
    for number in range(10)
    for who in ("sultan", "vizier", "camel")
    for what, did in (("lamp", "took"), ("ring", "sold"), ("genie", "gave"))
)
TRAINS = all(importlib.util.find_spec(name) for name in NEEDED)
A_TRAINING = 300_000  # milliseconds that one may take on a busy machine


@pytest.fixture(scope="module")
def training_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornServer]:
    with GunicornServer(tmp_path_factory.mktemp("ML"), env={"SIMPLEML_TRAINING": "1"}) as running:
        yield running


@pytest.fixture
def open_training(open_page: OpenPage, training_server: GunicornServer) -> OpenPage:
    """Open the page of trainings: open_training(locale="fr-FR", …)."""

    def open_one(address: str = "train", **options: Any) -> Page:
        options.setdefault("base", training_server.base_url)
        return open_page(address, **options)

    return open_one


def words(folder: str, language: str) -> dict[str, str]:
    return dict(json.loads((STATIC / folder / f"{language}.json").read_text("utf-8")))


def drop(page: Page, *files: tuple[str, bytes]) -> None:
    """Drop files onto the page, as from a file manager."""
    page.evaluate(
        """(files) => {
            const transfer = new DataTransfer();
            for (const [name, bytes] of files)
                transfer.items.add(new File([new Uint8Array(bytes)], name, {type: "text/plain"}));
            const event = new DragEvent("drop", {dataTransfer: transfer, bubbles: true});
            document.getElementById("drop").dispatchEvent(event);
        }""",
        [[name, list(content)] for name, content in files],
    )


def choose_small(page: Page, epochs: int) -> None:
    page.locator("#more > summary").click()
    page.locator("#layers").fill("1")
    page.locator("#units").fill("16")
    page.locator("#epochs").fill(str(epochs))


def test_both_languages_are_whole() -> None:
    english, french = words("training", "en"), words("training", "fr")
    assert list(english) == list(french)
    for key, entry in english.items():
        assert french[key].strip()
        assert set(re.findall(r"\{\w+\}", entry)) == set(re.findall(r"\{\w+\}", french[key])), key


def test_every_entry_is_used() -> None:
    files = [*(STATIC / "training").glob("*.js"), *TEMPLATES]
    source = "".join(path.read_text("utf-8") for path in files)
    made = set(re.findall(r"`(\w+\.)\$\{", source)) | {"option.", "error."}
    used = set(re.findall(r'"([a-z0-9_.-]+)"', source))
    unused = [
        key
        for key in words("training", "en")
        if re.sub(r"\.(one|other)$", "", key) not in used
        and f"{key.partition('.')[0]}." not in made
    ]
    assert unused == []


@pytest.mark.skipif(not TRAINS, reason="TensorFlow and TFLearn are not installed")
def test_from_a_dropped_text_to_a_model_that_writes(open_training: OpenPage) -> None:
    page = open_training()
    expect(page.locator("#start")).to_be_disabled()
    choose_small(page, epochs=40)
    drop(page, ("Mille et une nuits.txt", TEXT.encode()))
    expect(page.locator("#name")).to_have_value("Mille-et-une-nuits")
    expect(page.locator("#text-facts")).to_have_text(f"{len(TEXT):,} characters.")
    expect(page.locator("#advice")).to_contain_text("Too short", timeout=A_TRAINING)
    expect(page.locator("#advice")).to_contain_text("Training takes")
    picture(page, "training-advice")
    assert serious(page) == [], "with advice"

    page.locator("#start").click()
    training = page.locator(".training")
    expect(training.locator("h3")).to_have_text("Mille-et-une-nuits")
    expect(training.locator(".training-sample").first).to_be_visible(timeout=A_TRAINING)
    expect(training.locator("svg polyline").first).to_be_attached(timeout=A_TRAINING)
    # the curve speaks of what the figure beside it does
    expect(training.locator("svg").first).to_have_attribute(
        "aria-label", re.compile(r"passes [\d.]+ bits per character")
    )
    picture(page, "training-running")
    assert serious(page) == [], "with curve and samples"
    page.get_by_role("button", name="Français").click()
    expect(training.locator("figcaption").first).to_contain_text("texte")
    page.get_by_role("button", name="English").click()

    training.locator(".use").click()
    expect(page.locator("#model")).to_have_value("Mille-et-une-nuits")
    expect(page.locator("#generate")).to_be_enabled()
    write(page, "Once the ", 40)
    wait_until_done(page)
    assert text_of(page).startswith("Once the ") and len(text_of(page)) == 49

    page.get_by_role("link", name="Train your own model").click()
    expect(training).to_have_attribute("data-state", re.compile("running|done"))
    if training.get_attribute("data-state") == "running":
        training.get_by_role("button", name="Stop").click()
        page.locator("#confirm-yes").click()
    expect(training).to_have_attribute(
        "data-state", re.compile("cancelled|done"), timeout=A_TRAINING
    )
    training.get_by_role("button", name="Delete").click()
    assert serious(page) == [], "with a question"
    page.get_by_role("button", name="No", exact=True).click()
    expect(training).to_have_count(1)
    training.get_by_role("button", name="Delete").click()
    page.locator("#confirm-yes").click()
    expect(training).to_have_count(0)
    expect(page.locator("#empty")).to_be_visible()


@pytest.mark.skipif(not TRAINS, reason="TensorFlow and TFLearn are not installed")
def test_a_training_that_fails_says_why_and_text_stays_text(open_training: OpenPage) -> None:
    page = open_training(may_fail=True)
    page.locator("#text").fill(HOSTILE)  # too short to train on
    page.locator("#name").fill("bad name!")
    page.locator("#start").click()
    expect(page.locator("#form-problem")).to_contain_text("cannot be a model's name")
    page.locator("#name").fill("short")
    page.locator("#start").click()
    training = page.locator('.training[data-state="failed"]')
    expect(training).to_contain_text("training needs at least", timeout=A_TRAINING)
    page.locator("#start").click()
    expect(page.locator("#form-problem")).to_contain_text("There is a training short already")
    training.get_by_role("button", name="Delete").click()
    page.locator("#confirm-yes").click()
    expect(page.locator(".training")).to_have_count(0)


def test_a_training_whose_minutes_are_over_goes_on(open_page: OpenPage, tmp_path: Path) -> None:
    store = JobStore(tmp_path, most=3)
    for name, options in (("timed", {"max_minutes": 2.0}), ("whole", {})):
        store.create(name, TEXT, options)
        store.put(name, state="done", ended=1.0)
    with GunicornServer(tmp_path, env={"SIMPLEML_TRAINING": "1"}) as server:
        page = open_page("train", base=server.base_url)
        more = page.get_by_role("button", name="Go on for 10 minutes")
        expect(more).to_have_count(1)
        with page.expect_request("**/v1/train/timed/resume?max_minutes=10"):
            more.click()
        expect(page.locator('.training[data-name="timed"]')).not_to_have_attribute(
            "data-state", "done"
        )
        expect(more).to_have_count(0)
        page.close()  # before the server that it watches goes


@pytest.mark.skipif(not TRAINS, reason="TensorFlow and TFLearn are not installed")
def test_files_are_read_by_the_server_and_joined(open_training: OpenPage) -> None:
    page = open_training(may_fail=True)
    tale = b"<!DOCTYPE html><html><body><nav>Menu</nav><p>Un conte</p></body></html>"
    drop(page, ("été.txt", "L’été, à Noël".encode("cp1252")), ("conte.docx", tale))
    expect(page.locator("#file-name")).to_have_text("été.txt + conte.docx")
    expect(page.locator("#file-start")).to_contain_text("L’été, à Noël")
    expect(page.locator("#file-start")).to_contain_text("Un conte")
    expect(page.locator("#text-facts")).to_have_text(
        "22 characters, taken out of: cp1252, web page."
    )
    expect(page.locator("#name")).to_have_value("ete")
    expect(page.locator("#start")).to_be_enabled()
    page.get_by_role("button", name="Another text").click()
    expect(page.locator("#text")).to_be_focused()


@pytest.mark.skipif(not TRAINS, reason="TensorFlow and TFLearn are not installed")
def test_a_file_that_is_no_text_is_told_as_such(open_training: OpenPage) -> None:
    page = open_training(may_fail=True)
    drop(page, ("image.txt", b"\x89PNG\r\n\x1a\n\0\0"))
    expect(page.locator("#text-facts")).to_contain_text("image.txt is a picture (PNG), not a text.")
    expect(page.locator("#start")).to_be_disabled()
    expect(page.locator("#check")).to_be_disabled()
    page.get_by_role("button", name="Another text").click()
    page.locator("#text").fill("A text")
    expect(page.locator("#start")).to_be_enabled()


def test_the_page_asks_for_the_key(open_page: OpenPage, tmp_path: Path) -> None:
    env = {"SIMPLEML_TRAINING": "1", "SIMPLEML_TRAINING_KEYS": "open-sesame"}
    with GunicornServer(tmp_path, env=env) as server:
        page = open_page("train", base=server.base_url, may_fail=True, until_ready=False)
        expect(page.locator("#key-dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#problem")).to_contain_text("asks for a key")
        page.get_by_role("button", name="Use a key").click()
        page.locator("#key").fill("open-sesame")
        page.keyboard.press("Enter")
        expect(page.locator("#problem")).to_be_empty()
        expect(page.locator("#empty")).to_be_visible()


def test_by_keyboard_in_french_on_a_phone_and_in_the_dark(open_training: OpenPage) -> None:
    page = open_training(locale="fr-FR", color_scheme="dark", **PHONE)
    expect(page.locator("#start")).to_have_text("Entraîner")
    page.locator("#text").focus()
    page.keyboard.type("Il était une fois")
    expect(page.locator("#text-facts")).to_have_text("17 caractères.")
    page.locator("#more > summary").press("Enter")
    assert serious(page) == []
    for width in (320, 360, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{width} pixels"
    picture(page, "training-french")


def test_where_training_is_off_nothing_leads_to_it(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator(".colophon")).to_be_visible()
    assert page.get_by_role("link", name="Train").count() == 0
