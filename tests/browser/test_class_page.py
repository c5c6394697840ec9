"""The page of a class in real browsers: pupils on phones, the teacher at a projector."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from entries import assert_whole
from models import write_model
from pages import PHONE, ROOT, OpenPage, picture, serious
from playwright.sync_api import Page, expect
from servers import GunicornServer

from simpleml.web.classroom.store import ClassKeys, ClassStore

STATIC = ROOT / "simpleml" / "web" / "static"
FOLDER = STATIC / "class"
TEMPLATE = ROOT / "simpleml" / "web" / "templates" / "class.html"


@pytest.fixture(scope="module")
def class_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornServer]:
    folder = tmp_path_factory.mktemp("ML")
    write_model(folder, "tales")
    write_model(folder, "flow", stateful=True, seed=1)
    with GunicornServer(folder, env={"SIMPLEML_CLASS": "1"}) as running:
        yield running


@pytest.fixture
def keys(class_server: GunicornServer) -> ClassKeys:
    return ClassStore(class_server.models_dir).open()


@pytest.fixture
def come_in(open_page: OpenPage, class_server: GunicornServer) -> OpenPage:
    """Open the page with a key: come_in(keys.pupils, locale="fr-FR", …)."""

    def open_one(key: str, address: str = "class", **options: Any) -> Page:
        return open_page(f"{address}#k={key}", base=class_server.base_url, **options)

    return open_one


def words(language: str, folder: Path = FOLDER) -> dict[str, str]:
    return dict(json.loads((folder / f"{language}.json").read_text("utf-8")))


def test_both_languages_are_whole() -> None:
    assert_whole(words("en"), words("fr"))


def test_every_entry_is_used_and_every_use_has_an_entry() -> None:
    source = "".join(path.read_text("utf-8") for path in [*FOLDER.glob("*.js"), TEMPLATE])
    used = set(re.findall(r'"([a-z0-9_.-]+)"', source))
    made = set(re.findall(r'["`](\w+\.)(?:" ~ |\$\{)', source))
    always = {"title", "lead"}
    english = words("en")
    assert [
        key for key in english
        if key not in used | always and f"{key.partition('.')[0]}." not in made
    ] == []  # fmt: skip
    everything = {**english, **words("en", STATIC / "common")}
    shown = set(re.findall(r'(?:say|tell)\((?:[^"`()]*?, )?"([a-z0-9_.-]+)"', source))
    assert {one for one in shown - set(everything) if not one.endswith(".")} == set()


def test_a_pupil_comes_in_by_the_link_and_writes(come_in: OpenPage, keys: ClassKeys) -> None:
    page = come_in(keys.pupils, locale="fr-FR", **PHONE)
    assert keys.pupils not in page.evaluate("() => location.href"), "the key is out of sight"
    expect(page.locator("#pupil")).to_be_visible()
    expect(page.locator("#teacher")).to_be_hidden()
    page.locator("#name").fill("Zoé")
    page.get_by_role("button", name="Garder").click()
    expect(page.locator("#name-hint")).to_have_text("C’est noté.")
    picture(page, "class-phone")
    page.get_by_role("link", name="Écrire", exact=True).first.click()
    expect(page.locator("#generate")).to_be_enabled()
    page.locator("#size").fill("40")
    page.locator("#generate").click()
    expect(page.locator(".sheet[data-state=done]")).to_have_count(1)
    page.get_by_role("button", name="Au mur").click()
    expect(page.locator("#publish-name")).to_have_value("Zoé")
    page.get_by_role("button", name="Afficher").click()
    expect(page.locator(".sheet .notice")).to_contain_text("Il est au mur.")
    written = page.locator(".text-written").text_content() or ""
    page.locator(".sheet .notice").get_by_role("link", name="La classe").click()
    expect(page.locator("#name")).to_have_value("Zoé")
    expect(page.locator(".wall-text").first).to_contain_text(written)
    page.get_by_role("link", name="L’écrire à nouveau").first.click()
    expect(page.locator(".text-written")).to_have_text(written)
    expect(page.locator(".sheet")).to_have_attribute("data-link", "same")


def test_the_key_can_be_typed_instead(open_page: OpenPage, class_server: GunicornServer,
                                      keys: ClassKeys) -> None:  # fmt: skip
    page = open_page("class", base=class_server.base_url, until_ready=False, may_fail=True)
    page.locator("#key").fill(keys.pupils)
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator("#pupil")).to_be_visible()
    page.reload()
    expect(page.locator("#pupil")).to_be_visible()


def test_the_teacher_shows_the_code_pauses_and_sees_who_is_there(
    come_in: OpenPage, keys: ClassKeys
) -> None:
    pupil = come_in(keys.pupils)
    pupil.locator("#name").fill("Ada")
    pupil.get_by_role("button", name="Keep").click()
    expect(pupil.locator("#name-hint")).to_have_text("Kept.")
    page = come_in(keys.teacher)
    expect(page.locator("#teacher")).to_be_visible()
    expect(page.locator("#qr")).to_have_attribute("alt", re.compile(r"QR code of http.+/class#k="))
    expect(page.locator("#class-key")).to_have_text(keys.pupils)
    expect(page.locator("#pupils")).to_contain_text("Ada")
    picture(page, "class-teacher")
    page.get_by_role("button", name="Show it large").click()
    expect(page.locator("#qr-large")).to_be_in_viewport(ratio=1)
    picture(page, "class-qr")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Pause the class").click()
    expect(page.locator("#pause")).to_have_text("Go on with the class")
    expect(pupil.locator("#paused")).to_be_visible()
    page.locator("#pause").click()
    expect(pupil.locator("#paused")).to_be_hidden()
    page.get_by_text("Models that pupils see").click()
    with page.expect_response("**/api/class/rules"):
        page.get_by_label("flow").uncheck()
    pupil.goto(pupil.url.replace("/class", "/"))
    expect(pupil.locator("#model option")).to_have_text([re.compile("tales")])
    page.get_by_label("flow").check()


def test_the_teacher_s_words_are_kept_and_not_put_on_the_wall(
    come_in: OpenPage, keys: ClassKeys
) -> None:
    page = come_in(keys.teacher)
    page.get_by_text("Words nobody wants to read").click()
    expect(page.get_by_label("No text completes such a word")).to_be_checked()
    page.get_by_label("Yours, one a line").fill("broccoli\n\n school lunch ")
    page.get_by_role("button", name="Keep these words").click()
    expect(page.locator("#announcements")).to_contain_text("Kept, for every text from now on.")
    page.reload()
    page.get_by_text("Words nobody wants to read").click()
    expect(page.get_by_label("Yours, one a line")).to_have_value("broccoli\nschool lunch")


def publish(page: Page, text: str, author: str = "") -> None:
    """Put a text on the wall, as the playground does."""
    page.evaluate(
        """async ([text, author]) => {
            const { publish } = await import("/static/class/server.js");
            const told = { model: "tales", temperature: 0.5, author, recipe: "" };
            await publish({ text, seed: "once", ...told });
        }""",
        [text, author],
    )


def test_the_wall_is_seen_by_all_saved_as_one_page_and_cleared_by_the_teacher(
    come_in: OpenPage, keys: ClassKeys
) -> None:
    pupil, other, teacher = (come_in(key) for key in (keys.pupils, keys.pupils, keys.teacher))
    publish(pupil, "once <b>upon</b> a time", "Zoé & co")
    for page in (pupil, other, teacher):
        expect(page.locator(".wall-text").first).to_have_text("once <b>upon</b> a time")
        expect(page.locator(".wall-sheet").first).to_contain_text(
            "Zoé & co, with tales at temperature 0.5"
        )
    expect(pupil.get_by_role("button", name="Take down")).to_be_visible()
    expect(other.get_by_role("button", name="Take down")).to_be_hidden()
    picture(teacher, "class-wall")
    with other.expect_download() as download:
        other.get_by_role("button", name="Save as one page").click()
    saved = Path(download.value.path()).read_text("utf-8")
    assert saved.startswith("<!doctype html>")
    assert "once</span> &lt;b&gt;upon&lt;/b&gt; a time" in saved
    assert "Zoé &amp; co" in saved
    assert not re.search(r"src=|href=|@import|url\(", saved), "it needs nothing else"
    teacher.get_by_text("Begin anew").click()
    teacher.get_by_role("button", name="Clear the wall").click()
    teacher.get_by_role("button", name="Yes").click()
    expect(other.locator("#empty")).to_be_visible()


def test_one_text_of_the_wall_is_printed_and_saved_without_the_others(
    come_in: OpenPage, keys: ClassKeys
) -> None:
    page = come_in(keys.pupils, locale="fr-FR", **PHONE)
    server = page.url.partition("/class")[0]
    cleared = page.request.post(
        f"{server}/api/class/clear", data={"wall": True}, headers={"X-API-Key": keys.teacher}
    )
    assert cleared.ok
    publish(page, "once upon a time", "Zoé")
    publish(page, "once <b>the sultan</b> said", "Ali")
    expect(page.locator(".wall-sheet")).to_have_count(2)
    chosen = page.locator(".wall-sheet", has_text="sultan")
    with page.expect_download() as download:
        chosen.get_by_role("button", name="Enregistrer ce texte").click()
    saved = Path(download.value.path()).read_text("utf-8")
    assert "&lt;b&gt;the sultan" in saved
    assert "upon a time" not in saved
    assert "<title>Ali, avec tales à la température 0,5</title>" in saved
    page.evaluate("() => { window.print = () => { window.printed = true; }; }")
    chosen.get_by_role("button", name="Imprimer ce texte").click()
    assert page.evaluate("() => window.printed")
    page.emulate_media(media="print")
    expect(page.locator(".wall-sheet:visible")).to_have_count(1)
    expect(page.locator(".wall-sheet:visible")).to_contain_text("sultan")
    expect(page.locator("#wall-title")).to_be_hidden()
    page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    expect(page.locator(".wall-sheet:visible")).to_have_count(2)
    page.emulate_media(media="screen")
    for left in (1, 0):
        page.get_by_role("button", name="Retirer").first.click()
        expect(page.locator(".wall-sheet")).to_have_count(left)


def test_no_width_needs_scrolling_sideways(come_in: OpenPage, keys: ClassKeys) -> None:
    page = come_in(keys.teacher, locale="fr-FR")
    publish(page, "once" + "x" * 300)
    expect(page.locator(".wall-text").first).to_be_visible()
    for width in (320, 360, 768, 1280, 2560):
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{width} pixels"


@pytest.mark.skipif(
    importlib.util.find_spec("axe_playwright_python") is None, reason="axe-core is not installed"
)
@pytest.mark.parametrize(("scheme", "size"), [("light", "desktop"), ("dark", "phone")])
def test_axe_finds_nothing_serious(
    come_in: OpenPage, keys: ClassKeys, scheme: str, size: str
) -> None:
    options = PHONE if size == "phone" else {}
    for key in (keys.pupils, keys.teacher):
        page = come_in(key, color_scheme=scheme, **options)
        publish(page, "once more")
        expect(page.locator(".wall-text").first).to_be_visible()
        for fold in page.locator("details > summary").all():
            if fold.is_visible():
                fold.click()
        assert serious(page) == []
