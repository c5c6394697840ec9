"""In both languages, light and dark, from phone to projector, by keyboard, by screen reader."""

from __future__ import annotations

import importlib.util
import json
import re

import pytest
from pages import PHONE, ROOT, OpenPage, picture, serious, text_of, wait_until_done, write
from playwright.sync_api import Page, expect

STATIC = [ROOT / "simpleml" / "web" / "static" / name for name in ("common", "playground")]
TEMPLATES = [
    ROOT / "simpleml" / "web" / "templates" / name
    for name in ("playground.html", "head.html", "masthead.html", "key_dialog.html")
]


def words(language: str) -> dict[str, str]:
    """A language's entries."""
    entries: dict[str, str] = {}
    for folder in STATIC:
        entries |= json.loads((folder / f"{language}.json").read_text("utf-8"))
    return entries


def test_both_languages_are_whole() -> None:
    english, french = words("en"), words("fr")
    assert list(english) == list(french)
    for key, entry in english.items():
        assert french[key].strip()
        assert set(re.findall(r"\{\w+\}", entry)) == set(re.findall(r"\{\w+\}", french[key])), key


def test_every_entry_is_used_and_every_use_has_an_entry() -> None:
    modules = [path for folder in STATIC for path in folder.glob("*.js")]
    source = "".join(path.read_text("utf-8") for path in [*modules, *TEMPLATES])
    made = set(re.findall(r'["`](\w+\.)(?:" ~ |\$\{)', source))  # "theme." ~ one, `error.${code}`
    hints = {f"{name}.hint" for name in re.findall(r'number\("(\w+)"', source)}
    used = set(re.findall(r'"([a-z0-9_.-]+)"', source)) | hints

    def is_used(key: str) -> bool:
        stem = re.sub(r"\.(one|other)$", "", key)  # forms that a count decides between
        return key in used or stem in used or f"{key.partition('.')[0]}." in made

    assert [key for key in words("en") if not is_used(key)] == []
    shown = set(
        re.findall(r'(?:say|tell)\((?:[^"`]*?, )?"([a-z0-9_-]+[a-z0-9_.-]*[a-z0-9_-])"', source)
    )
    plurals = {key.removesuffix(".other") for key in words("en") if key.endswith(".other")}
    assert shown - set(words("en")) - plurals - {"theme", "layout"} == set()


def test_the_language_is_the_visitors_and_can_be_switched(open_page: OpenPage) -> None:
    page = open_page(locale="fr-FR", model="tales")
    assert page.locator("html").get_attribute("lang") == "fr"
    expect(page.locator("#generate")).to_have_text("Écrire")
    expect(page).to_have_title(words("fr")["title"])
    write(page, "Le roi ", 1234)
    wait_until_done(page)
    assert re.fullmatch(
        r"Terminé : 1\s234 caractères\.", page.locator(".status").text_content() or ""
    )
    expect(page.locator("#seed-changes")).to_contain_text("L est lu comme l")
    picture(page, "playground-french")
    text = text_of(page)
    page.get_by_role("button", name="English").click()
    expect(page.locator("#generate")).to_have_text("Write")
    expect(page.locator(".status")).to_have_text("Done: 1,234 characters.")
    expect(page.locator("#seed-changes")).to_contain_text("L is read as l")
    expect(page.locator(".sheet h2")).to_have_text("tales at temperature 0.5")
    assert text_of(page) == text, "the text stays"
    left = page.locator("body").inner_text()
    assert not [one for one in ("Modèle", "Écrire", "Température") if one in left]
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_other_languages_get_english(open_page: OpenPage) -> None:
    page = open_page(locale="ja-JP")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def background(page: Page) -> int:
    """Lightness of the page's background, 0 to 765."""
    colour = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3]))


def test_dark_and_light_follow_the_system_or_the_switch(open_page: OpenPage) -> None:
    page = open_page(color_scheme="dark", model="tales")
    assert background(page) < 150
    page.locator("#surprise").check()
    write(page, "once ", 400)
    wait_until_done(page)
    picture(page, "playground-dark")
    page.locator("#theme").select_option("light")
    assert background(page) > 600
    page.reload()
    assert background(page) > 600
    assert background(open_page(color_scheme="light")) > 600


def test_no_width_needs_scrolling_sideways(open_page: OpenPage) -> None:
    page = open_page(model="tales", locale="fr-FR")
    page.locator("#more > summary").click()
    page.locator("#card > summary").click()
    page.locator("label:has(input[value=temperatures])").click()
    write(page, "once", 300)
    wait_until_done(page, 3)
    for width in (320, 360, 768, 1280, 2560):
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{width} pixels"
        picture(page, f"playground-{width}")


def test_on_a_phone_a_tap_shows_the_alternatives(open_page: OpenPage) -> None:
    page = open_page(model="tales", **PHONE)
    write(page, "once ", 200)
    wait_until_done(page)
    expect(page.locator(".sheet")).to_be_in_viewport()
    page.locator(".text-written span").nth(8).tap()
    inspector = page.locator("#inspector")
    expect(inspector).to_be_in_viewport(ratio=1)
    picture(page, "playground-phone")
    page.locator(".text-written span").nth(8).tap()
    expect(inspector).to_be_hidden()


def test_by_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page(model="tales")
    page.locator("#seed").focus()
    page.keyboard.type("once upon a time ")
    page.keyboard.press("Control+Enter")
    wait_until_done(page)
    page.keyboard.press("Tab")
    for _ in range(60):
        if page.evaluate("() => document.activeElement.classList.contains('text')"):
            break
        page.keyboard.press("Tab")
    expect(page.locator(".text")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.locator(".text-written span").nth(2)).to_have_class(re.compile("inspected"))
    expect(page.locator("#inspector")).to_be_visible()
    expect(page.locator("#announcements")).to_contain_text("Likeliest:")
    page.keyboard.press("Escape")
    expect(page.locator("#inspector")).to_be_hidden()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Continue")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Continue")).to_be_focused()
    wait_until_done(page)
    expect(page.locator(".text-written span")).to_have_count(600)


@pytest.mark.skipif(
    importlib.util.find_spec("axe_playwright_python") is None, reason="axe-core is not installed"
)
@pytest.mark.parametrize(("scheme", "size"), [("light", "desktop"), ("dark", "phone")])
def test_axe_finds_nothing_serious(open_page: OpenPage, scheme: str, size: str) -> None:
    options = PHONE if size == "phone" else {}
    page = open_page(model="tales", color_scheme=scheme, **options)
    assert serious(page) == [], "at first"
    page.locator("#more > summary").click()
    page.locator("#card > summary").click()
    page.locator("#surprise").check()
    page.locator("label:has(input[value=temperatures])").click()
    write(page, "Le roi “漢” ", 150)
    wait_until_done(page, 3)
    page.locator(".text-written span").nth(4).click()
    expect(page.locator("#seed-marks mark").first).to_be_attached()
    assert serious(page) == [], "with texts, marks and options"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Code").first.click()
    assert serious(page) == [], "with a window open"
