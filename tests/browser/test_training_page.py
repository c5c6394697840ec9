"""The page of trainings: from a dropped text to a model that writes, in a real browser."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from entries import assert_whole
from models import pair_weights, write_model
from needs import needs_documents, needs_training
from pages import HOSTILE, PHONE, ROOT, OpenPage, picture, serious, text_of, wait_until_done, write
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from servers import GunicornServer

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


def text(place: Locator, selector: str) -> str:
    """What stands in the first such element of a place."""
    return place.locator(selector).first.text_content() or ""


def small_targets(page: Page) -> list[str]:
    """What one can press that is smaller than 24 pixels either way; links in a sentence may be."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, summary, a.primary")]
            .filter((one) => one.checkVisibility())
            .filter((one) => !one.closest(".visually-hidden, .switch, .skip"))
            .map((one) => [one, one.getBoundingClientRect()])
            .filter(([, box]) => box.width < 24 || box.height < 24)
            .map(([one, box]) => `${one.outerHTML.slice(0, 80)} ${box.width}x${box.height}`)"""
    )
    return found


def choose_small(page: Page, epochs: int) -> None:
    page.locator("#more > summary").click()
    page.locator("#layers").fill("1")
    page.locator("#units").fill("16")
    page.locator("#epochs").fill(str(epochs))


def test_both_languages_are_whole() -> None:
    assert_whole(words("training", "en"), words("training", "fr"))


@pytest.mark.parametrize(
    ("locale", "done", "taken"),
    [("en-GB", "is here.", "There is a model"), ("fr-FR", "est là.", "Il y a déjà un modèle")],
)
def test_a_model_that_was_taken_home_comes_in(
    locale: str,
    done: str,
    taken: str,
    open_page: OpenPage,
    open_training: OpenPage,
    tmp_path: Path,
) -> None:
    page = open_page(model="tales", locale=locale)
    page.locator("#card > summary").click()
    with page.expect_download() as download:
        page.locator("#card-body .take button").first.click()
    assert download.value.suggested_filename == "tales.zip"
    file = tmp_path / "tales.zip"
    download.value.save_as(file)

    page = open_training(locale=locale, may_fail=True)
    page.locator("#bring > summary").click()
    page.locator("#bring-name").fill(f"mine-{locale}")
    page.locator("#bring-file").set_input_files(file)
    expect(page.locator("#bring-said")).to_contain_text(f"mine-{locale} {done}")
    page.locator("#bring-file").set_input_files(file)
    expect(page.locator("#bring-problem")).to_contain_text(taken)
    expect(page.locator("#bring-problem")).to_contain_text(f"mine-{locale}")
    expect(page.locator("#brought a")).to_have_text(f"mine-{locale}")
    assert serious(page) == []
    here = page.url
    page.goto(here.replace("/train", f"/?model=mine-{locale}"))
    expect(page.locator("#generate")).to_be_enabled()
    assert page.locator("#model").input_value() == f"mine-{locale}"
    page.goto(here)
    page.locator("#bring > summary").click()
    page.locator("#brought button").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#brought li")).to_have_count(0)


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


@needs_training
def test_from_a_dropped_text_to_a_model_that_writes(open_training: OpenPage) -> None:
    page = open_training(may_fail=True)  # it may be over when it is asked to stop
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
    line = training.locator("line.counting")
    expect(line).to_have_count(1)
    expect(training.locator("figcaption").first).to_contain_text("merely counting letters")
    expect(training.locator("svg .title")).to_have_text(
        [re.compile("bits per"), "time of training"]
    )
    expect(training.locator(".sample-seed")).to_have_text(re.compile("^….*", re.S))
    assert training.locator("pre").count() == 0, "no lines of a log"
    passes = training.locator(".time-line input")
    page.wait_for_function("one => one.max >= 2", arg=passes.element_handle(), timeout=A_TRAINING)
    passes.fill("0")
    expect(training.locator(".time-line output")).to_have_text("after 1 pass · temperature 0.5")
    first, seed = text(training, ".training-sample"), text(training, ".sample-seed")
    training.get_by_role("button", name="Play").click()
    expect(training.locator(".time-line output")).not_to_contain_text("after 1 pass ")
    assert text(training, ".training-sample") != first
    assert text(training, ".sample-seed") == seed, "always the same beginning"
    training.locator(".figures .meaning summary").last.click()
    expect(training.locator(".figures .meaning p").last).to_contain_text("How much it hesitates")
    picture(page, "training-running")
    assert serious(page) == [], "with curve and samples"
    assert small_targets(page) == []
    page.get_by_role("button", name="Français").click()
    expect(training.locator("figcaption").first).to_contain_text("texte")
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")

    training.locator(".use").click()
    expect(page.locator("#model")).to_have_value("Mille-et-une-nuits")
    expect(page.locator("#generate")).to_be_enabled()
    write(page, "Once the ", 40)
    wait_until_done(page)
    assert text_of(page).startswith("Once the ") and len(text_of(page)) == 49

    page.get_by_role("link", name="Train", exact=True).click()
    expect(training).to_have_attribute("data-state", re.compile("running|done"))
    stop = training.get_by_role("button", name="Stop")
    if stop.is_visible():
        try:
            stop.click(timeout=5_000)
            page.locator("#confirm-yes").click(timeout=5_000)
        except PlaywrightTimeout:
            assert training.get_attribute("data-state") == "done", "it was over before"
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


@pytest.fixture(scope="module")
def server_with_bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornServer]:
    folder = tmp_path_factory.mktemp("ML")
    write_model(folder, "tales", weights=pair_weights(TEXT), alphabet=sorted(set(TEXT)), base=True)
    write_model(folder, "aged", weights=pair_weights(TEXT), alphabet=sorted(set(TEXT)), card=False)
    with GunicornServer(folder, env={"SIMPLEML_TRAINING": "1"}) as running:
        yield running


@needs_training
@needs_documents
def test_a_word_document_trains_from_the_base_that_is_chosen(
    open_page: OpenPage, server_with_bases: GunicornServer
) -> None:
    import docx

    document, out = docx.Document(), io.BytesIO()
    for line in TEXT.splitlines():
        document.add_paragraph(line)
    document.save(out)
    page = open_page("train", base=server_with_bases.base_url)
    page.locator("#more > summary").click()
    expect(page.locator("#from option")).to_have_text(
        ["The base that fits best", "Nothing", "tales", "aged"]
    )
    expect(page.locator("#layers")).to_have_value("")
    page.locator("#from").select_option("tales")
    expect(page.locator("#units")).to_be_disabled()
    page.locator("#epochs").fill("1")
    with page.expect_request("**/v1/train/check?*") as asked:
        drop(page, ("Nuits.docx", out.getvalue()))
    assert parse_qs(urlsplit(asked.value.url).query) == {
        "from": ["tales"], "epochs": ["1"], "level": ["char"], "validation": ["tail"],
        "lower": ["false"],
    }  # fmt: skip
    expect(page.locator("#text-facts")).to_contain_text("taken out of: Word document")
    expect(page.locator("#advice")).to_contain_text("Begins from tales", timeout=A_TRAINING)
    expect(page.locator("#units")).to_have_value("")
    assert serious(page) == [], "with a base"
    page.locator("#start").click()
    training = page.locator(".training")
    expect(training).to_have_attribute("data-state", "done", timeout=A_TRAINING)
    expect(training).to_contain_text("Begins from tales")
    verdict = training.locator(".verdict li")
    expect(verdict).to_have_text(
        [re.compile("counting letters"), re.compile("whole words"), re.compile("It copies")]
    )
    page.get_by_role("button", name="Français").click()
    expect(training).to_contain_text("Part de tales")
    expect(verdict.nth(1)).to_contain_text("mots entiers")
    expect(page.locator("#from option").first).to_have_text("La base qui convient le mieux")
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    training.locator(".use").click()
    expect(page.locator("#model")).to_have_value("Nuits")
    expect(page.locator("dt", has_text="Began from")).to_have_count(1)


@needs_training
def test_a_size_is_sent_only_where_it_was_chosen(
    open_page: OpenPage, server_with_bases: GunicornServer
) -> None:
    page = open_page("train", base=server_with_bases.base_url, may_fail=True)
    page.locator("#text").fill("too short")
    page.locator("#name").fill("mine")
    page.locator("#more > summary").click()

    def sent() -> dict[str, list[str]]:
        with page.expect_request("**/v1/train/check?*") as asked:
            page.locator("#check").click()
        expect(page.locator("#form-problem")).not_to_be_empty(timeout=A_TRAINING)
        return parse_qs(urlsplit(asked.value.url).query)

    assert not {"layers", "units", "from"} & set(sent())
    page.locator("#units").fill("64")
    assert sent()["units"] == ["64"]
    page.locator("#from").select_option("aged")
    named = sent()
    assert named["from"] == ["aged"] and "units" not in named
    page.locator("#from").select_option("nothing")
    assert sent()["from"] == ["nothing"]


@needs_training
def test_a_training_that_fails_says_why_and_text_stays_text(open_training: OpenPage) -> None:
    page = open_training(may_fail=True)
    page.locator("#text").fill(HOSTILE)  # too short to train on
    page.locator("#name").press_sequentially("été – œuvre!")
    expect(page.locator("#name")).to_have_value("ete-oeuvre-")
    page.locator("#name").fill("metrics")
    page.locator("#start").click()
    expect(page.locator("#form-problem")).to_have_text(
        "“metrics” is an address of this server: choose another name."
    )
    page.locator("#name").fill("short")
    page.locator("#start").click()
    training = page.locator('.training[data-state="failed"]')
    expect(training).to_contain_text(
        f"The text has {len(HOSTILE)} characters; 200 are the least", timeout=A_TRAINING
    )
    expect(page.locator("#name")).to_have_value("")
    page.locator("#name").fill("short")
    expect(page.locator("#name-taken")).to_contain_text("short is taken")
    page.locator("#start").click()
    expect(page.locator("#form-problem")).to_contain_text("There is a training “short” already")
    page.get_by_role("button", name="Français").click()
    expect(training).to_contain_text("il en faut au moins 200")
    page.locator("#start").click()
    expect(page.locator("#form-problem")).to_have_text(re.compile("^Il y a déjà un entraînement"))
    expect(page.locator('main [lang="en"]')).to_have_count(0)
    training.get_by_role("button", name="Supprimer").click()
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


@needs_training
def test_files_are_read_by_the_server_and_joined(open_training: OpenPage) -> None:
    page = open_training(may_fail=True)
    tale = b"<!DOCTYPE html><html><body><nav>Menu</nav><p>Un conte</p></body></html>"
    drop(page, ("été.txt", "L’été, à Noël".encode("cp1252")), ("conte.docx", tale))
    expect(page.locator("#file-name")).to_have_text("été.txt + conte.docx")
    expect(page.get_by_role("button", name="Choose a file")).to_have_count(0)  # for ears, too
    expect(page.locator("#file-start")).to_contain_text("L’été, à Noël")
    expect(page.locator("#file-start")).to_contain_text("Un conte")
    expect(page.locator("#text-facts")).to_have_text(
        "22 characters, taken out of: cp1252, web page."
    )
    expect(page.locator("#name")).to_have_value("ete")
    expect(page.locator("#start")).to_be_enabled()
    page.get_by_role("button", name="Another text").click()
    expect(page.locator("#text")).to_be_focused()


@needs_training
def test_old_encodings_and_an_empty_file_say_what_they_are(open_training: OpenPage) -> None:
    page = open_training(may_fail=True)
    text = "L’été, à Noël : « déjà »\n"
    drop(page, ("a.txt", text.encode("utf-16")), ("b.txt", text.encode("mac_roman")))
    expect(page.locator("#text-facts")).to_contain_text("taken out of: utf-16, mac_roman.")
    expect(page.locator("#file-start")).to_contain_text("L’été, à Noël : « déjà »")
    page.get_by_role("button", name="Another text").click()
    drop(page, ("empty.txt", b""))
    expect(page.locator("#text-facts")).to_contain_text("empty.txt is empty")
    expect(page.locator("#start")).to_be_disabled()


@needs_training
def test_a_file_that_is_no_text_is_told_as_such(open_training: OpenPage) -> None:
    page = open_training(may_fail=True)
    drop(page, ("image.txt", b"\x89PNG\r\n\x1a\n\0\0"))
    expect(page.locator("#text-facts")).to_contain_text(
        "image.txt is a picture: only text can be learned."
    )
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
        expect(page.locator("#key-wrong")).to_be_hidden()
        page.locator("#key").fill("open-barley")
        page.keyboard.press("Enter")
        expect(page.locator("#key-wrong")).to_contain_text("does not know that key")
        expect(page.locator("#key")).to_be_focused()
        expect(page.locator("#key")).to_be_empty()
        page.set_viewport_size({"width": 360, "height": 640})
        assert serious(page) == [], "a wrong key, on a phone"
        picture(page, "key-phone")
        wide = page.locator("#key").evaluate("one => one.getBoundingClientRect().width")
        assert wide >= 200, "a key can be read as it is typed, on a phone"
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
