"""In both languages, light and dark, from phone to projector, by keyboard, by screen reader."""

from __future__ import annotations

import importlib.util
import json
import re
from typing import Any

import pytest
from entries import assert_whole
from pages import (
    PHONE,
    ROOT,
    OpenPage,
    findings,
    open_code,
    picture,
    text_of,
    wait_until_done,
    write,
)
from playwright.sync_api import Page, expect

from simpleml.web.pages.typography import french

STATIC = [ROOT / "simpleml" / "web" / "static" / name for name in ("common", "playground")]
LEARN = ROOT / "simpleml" / "web" / "static" / "learn"
LAPTOP = {"width": 1366, "height": 768}
TEMPLATES = [
    ROOT / "simpleml" / "web" / "templates" / name
    for name in ("playground.html", "head.html", "masthead.html", "key_dialog.html")
]


def words(language: str) -> dict[str, str]:
    """A language's entries."""
    entries: dict[str, str] = {}
    for folder in STATIC:
        entries |= json.loads((folder / f"{language}.json").read_text("utf-8"))
    return {key: french(text) for key, text in entries.items()} if language == "fr" else entries


def test_both_languages_are_whole() -> None:
    assert_whole(words("en"), words("fr"))


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
        r"Terminé\u00a0: 1\s234 caractères\.", page.locator(".status").text_content() or ""
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


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("Vide : rien ; « oui » !", "Vide\u00a0: rien\u202f; «\u00a0oui\u00a0»\u202f!"),
        ("100 000 ou 12 300 400 signes", "100\u202f000 ou 12\u202f300\u202f400 signes"),
        ("3 % de 20 Mo en 2026 et 1 à 4", "3\u202f% de 20 Mo en 2026 et 1 à 4"),
        ("http://exemple", "http://exemple"),
    ],
)  # fmt: skip
def test_french_lines_do_not_break_before_their_punctuation(
    typed: str, printed: str, open_page: OpenPage
) -> None:
    assert french(typed) == french(printed) == printed
    page = open_page()
    in_the_page = page.evaluate(
        "async (text) => (await import('/static/common/typography.js')).french(text)", typed
    )
    assert in_the_page == printed


def test_a_card_says_where_its_text_comes_from_in_the_visitor_s_language(
    open_page: OpenPage,
) -> None:
    page = open_page(model="slow", locale="fr-FR")
    page.locator("#card > summary").click()
    expect(page.locator("#card-body")).to_contain_text("Contes\u00a0: redits")
    expect(page.locator("#card-body")).to_contain_text("domaine public")
    page.get_by_role("button", name="English").click()
    expect(page.locator("#card-body")).to_contain_text("Tales, retold")
    expect(page.locator("#card-body")).to_contain_text("public domain")


def test_what_the_server_refuses_is_told_in_the_visitor_s_language(open_page: OpenPage) -> None:
    page = open_page(model="tales", locale="fr-FR", may_fail=True)
    told = page.evaluate(
        """async () => {
            const { describe } = await import("/static/common/failures.js");
            const { ApiError } = await import("/static/common/http.js");
            const answer = await fetch("/tales", {
                method: "POST",
                headers: { "Content-Type": "application/json", Accept: "application/json" },
                body: JSON.stringify({ seed: "the ", size: 5, temp: -1 }),
            });
            const error = ApiError.from((await answer.json()).error, answer.status);
            return describe(error).map((one) => one.textContent);
        }"""
    )
    assert told == ["«\u00a0Température\u00a0» doit être d’au moins 0."]


def test_what_is_stopped_before_it_began_says_so(open_page: OpenPage) -> None:
    page = open_page(model="tales", locale="fr-FR", may_fail=True)
    page.route("**/tales", lambda route: None)  # no answer ever comes
    page.locator("#generate").click()
    page.get_by_role("button", name="Arrêter").first.click()
    expect(page.locator(".sheet[data-state=stopped]")).to_contain_text(
        "Arrêté avant le premier caractère."
    )


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


def test_on_paper_is_the_text_alone_black_on_white(open_page: OpenPage) -> None:
    page = open_page(model="tales", color_scheme="dark", viewport={"width": 1920, "height": 900})
    page.locator("#theme").select_option("dark")
    page.locator("label:has(input[value=temperatures])").click()
    write(page, "once ", 300)
    wait_until_done(page, 3)
    for width, height in ((1060, 740), (740, 1060)):  # A4 without its margins, both ways
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(media="print", color_scheme="dark")
        colour = page.locator(".text").first.evaluate("one => getComputedStyle(one).color")
        assert sum(map(int, re.findall(r"\d+", colour)[:3])) < 150
        for hidden in (".masthead", "#controls", ".sheet-actions", ".colophon"):
            expect(page.locator(hidden).first).to_be_hidden()
        widths = page.locator(".text").evaluate_all("all => all.map(one => one.offsetWidth)")
        assert len(widths) == 3 and min(widths) > 0.95 * width
        page.emulate_media(media="screen")


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
    page.locator("#more > summary").click()
    page.locator("#random_state").fill("3")  # a line end has no width to be tapped
    write(page, "once ", 200)
    wait_until_done(page)
    expect(page.locator(".sheet")).to_be_in_viewport()
    page.locator(".text-written span").nth(8).tap()
    inspector = page.locator("#inspector")
    expect(inspector).to_be_in_viewport(ratio=1)
    picture(page, "playground-phone")
    symbols = page.locator(".text-written span")
    inspector.get_by_role("button", name="next").tap()
    expect(symbols.nth(9)).to_have_class(re.compile("inspected"))
    inspector.get_by_role("button", name="before").tap()
    inspector.get_by_role("button", name="before").tap()
    expect(symbols.nth(7)).to_have_class(re.compile("inspected"))
    sizes = inspector.locator("button").evaluate_all("all => all.map(one => one.offsetHeight)")
    assert len(sizes) == 3 and min(sizes) >= 24
    inspector.get_by_role("button", name="Close").tap()
    expect(inspector).to_be_hidden()
    symbols.nth(8).tap()
    symbols.nth(8).tap()
    expect(inspector).to_be_hidden()


@pytest.mark.parametrize("size", [(1366, 768), (1280, 800), (1280, 620), (360, 740), (360, 380)])
def test_nothing_covers_what_has_the_focus(open_page: OpenPage, size: tuple[int, int]) -> None:
    width, height = size  # the last is what a phone's keyboard leaves
    page = open_page(model="tales", viewport={"width": width, "height": height})
    page.locator("#more > summary").click()
    page.evaluate("() => scrollTo(0, 0)")
    page.locator("#languages button").first.focus()
    met = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement === document.body"):
            break
        met.add(page.evaluate("() => document.activeElement.id"))
        covered = page.evaluate(
            """() => {
              const one = document.activeElement;
              const { left, right, top, bottom } = one.getBoundingClientRect();
              const points = [top + 2, (top + bottom) / 2, bottom - 2];
              const seen = points.map((y) => document.elementFromPoint((left + right) / 2, y));
              const own = (other) => other && (one.contains(other) || other.contains(one) ||
                                               other.closest("label") === one.closest("label"));
              return seen.every(own) ? "" : one.outerHTML;
            }"""
        )
        assert covered == ""
    assert {"seed", "generate", "temperature", "size", "top_k", "stop"} <= met


def test_one_sees_what_is_written_wherever_the_form_stands(open_page: OpenPage) -> None:
    page = open_page(model="tales", viewport=LAPTOP)
    for field in ("#temperature", "#temperature-words", "#generate"):
        expect(page.locator(field)).to_be_in_viewport(ratio=1)
    page.locator("#more > summary").click()
    page.locator("#reset").scroll_into_view_if_needed()
    page.locator("#top_k").press("Enter")
    wait_until_done(page)
    expect(page.locator(".text-written")).to_be_in_viewport()
    page.locator("#size").fill("3000")
    page.get_by_role("button", name="new chance").click()
    wait_until_done(page)
    page.get_by_role("button", name="new chance").scroll_into_view_if_needed()
    page.locator("#size").fill("40")
    page.locator("#generate").click()
    wait_until_done(page)
    expect(page.locator(".sheet h2")).to_be_in_viewport()


@pytest.mark.parametrize("address", ["", "score", "learn"])
def test_what_one_presses_is_24_pixels_wide_and_high(open_page: OpenPage, address: str) -> None:
    page = open_page(address, locale="fr-FR", **PHONE)
    small = page.evaluate(
        """() => [...document.querySelectorAll("a, button, input, select, summary, textarea")]
          .filter((one) => !one.closest("label, .visually-hidden"))
          .filter((one) => !one.matches(".visually-hidden, :not(:is(button, .colophon *)):is(p *)"))
          .map((one) => [one.outerHTML, one.getBoundingClientRect()])
          .filter(([, { width, height }]) => width && height && (width < 24 || height < 24))
          .map(([html, { width, height }]) => `${html.slice(0, 80)} ${width}x${height}`)"""
    )
    assert small == []


def test_every_page_leads_to_the_others(open_page: OpenPage) -> None:
    page = open_page(locale="fr-FR")
    for name, title in (("Qui l’a écrit", "Qui aurait pu"), ("En savoir plus", "Comment un petit")):
        page.get_by_role("link", name=name).click()
        expect(page.locator("html[data-ready]")).to_be_attached()
        expect(page.locator("h1")).to_contain_text(title)
        expect(page.locator("nav [aria-current=page]")).to_contain_text(name)
    page.get_by_role("button", name="English").click()
    expect(page.locator("#bits h2")).to_have_text("Between how many letters it hesitates")
    page.get_by_role("link", name="SimpleML").click()
    expect(page.locator("nav [aria-current=page]")).to_have_text("Write")
    assert page.get_by_role("link", name="Train", exact=True).count() == 0, "it is off here"
    entries = [json.loads((LEARN / f"{one}.json").read_text("utf-8")) for one in ("en", "fr")]
    assert list(entries[0]) == list(entries[1])


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
@pytest.mark.parametrize(("scheme", "options"), [("light", {}), ("dark", PHONE)])
def test_axe_finds_nothing(open_page: OpenPage, scheme: str, options: dict[str, Any]) -> None:
    language = "fr-FR" if options else "en-GB"
    page = open_page(model="tales", color_scheme=scheme, locale=language, **options)
    assert findings(page) == [], "at first"
    page.locator("#more > summary").click()
    page.locator("#card > summary").click()
    page.locator("#surprise").check()
    page.locator("label:has(input[value=temperatures])").click()
    write(page, "Le roi “漢” ", 150)
    wait_until_done(page, 3)
    page.locator(".text-written span").nth(4).click()
    expect(page.locator("#seed-marks mark").first).to_be_attached()
    assert findings(page) == [], "with texts, marks and options"
    page.keyboard.press("Escape")
    open_code(page)
    assert findings(page) == [], "with a window open"
    page = open_page("learn", color_scheme=scheme, locale=language, **options)
    assert findings(page) == [], "the page that explains"


def test_the_documentation_of_the_api_has_the_colours_that_one_chose(open_page: OpenPage) -> None:
    page = open_page(color_scheme="light")
    page.locator("#theme").select_option("dark")
    page.goto(page.url.replace("/#", "/").rstrip("/") + "/docs")
    assert background(page) < 150
    page.get_by_role("link", name="Write").click()
    expect(page.locator("#theme")).to_have_value("dark")
