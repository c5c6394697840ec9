"""The page for a room: a text written slowly, chosen letter by letter, explained step by step."""

from __future__ import annotations

import importlib.util
import json
import re

import pytest
from entries import assert_whole
from pages import PHONE, ROOT, OpenPage, picture, serious
from playwright.sync_api import Page, expect

STATIC = ROOT / "simpleml" / "web" / "static"
FOLDER = STATIC / "presentation"
TEMPLATE = ROOT / "simpleml" / "web" / "templates" / "presentation.html"


def words(language: str) -> dict[str, str]:
    return dict(json.loads((FOLDER / f"{language}.json").read_text("utf-8")))


def choose_mode(page: Page, name: str) -> None:
    page.locator(f"label:has(input[value={name}])").click()


def test_both_languages_are_whole_and_every_entry_is_used() -> None:
    english, french = words("en"), words("fr")
    assert_whole(english, french)
    source = (FOLDER / "main.js").read_text("utf-8") + TEMPLATE.read_text("utf-8")
    used = {"title", *re.findall(r'"([a-z0-9_.-]+)"', source)}
    made = set(re.findall(r'["`](\w+\.)(?:" ~ |\$\{)', source))
    assert [
        key for key in english if key not in used and f"{key.partition('.')[0]}." not in made
    ] == []  # fmt: skip


def test_temperatures_stand_as_the_language_writes_them(open_page: OpenPage) -> None:
    page = open_page("presentation?model=flow", locale="fr-FR")
    expect(page.locator("#temperature option:checked")).to_have_text("0,5")
    page.get_by_role("button", name="English").click()
    expect(page.locator("#temperature option:checked")).to_have_text("0.5")
    assert page.locator("#temperature").input_value() == "0.5"


def test_it_writes_slowly_until_it_is_paused(open_page: OpenPage) -> None:
    page = open_page("presentation?model=flow")
    expect(page.locator("#model")).to_have_value("flow")
    page.locator("#seed").fill("once ")
    page.locator("#pace").fill("10")
    page.locator("#go").click()
    expect(page.locator("#go")).to_have_text("Pause")
    expect(page.locator("#written")).to_have_text(re.compile(r".{3}", re.S))
    page.locator("#go").click()
    expect(page.locator("#go")).to_have_text("Write")
    expect(page.locator("#begun")).to_have_text("once ")
    assert page.locator(".bar").count() in (8, 9)  # the letter drawn last may be none of the 8
    picture(page, "presentation")
    page.get_by_role("button", name="Begin anew").click()
    expect(page.locator("#written")).to_have_text("")


def test_one_chooses_the_next_letter_by_keyboard_too(open_page: OpenPage) -> None:
    page = open_page("presentation?model=flow", locale="fr-FR")
    choose_mode(page, "choose")
    expect(page.locator(".bar").first).to_be_focused()
    shown = page.locator(".bar").nth(2).get_attribute("aria-label") or ""
    page.locator(".bar").nth(2).click()
    expect(page.locator("#written")).not_to_be_empty()
    symbol = page.locator("#written").text_content() or ""
    assert shown.startswith({" ": "espace", "\n": "fin de ligne"}.get(symbol, symbol))
    expect(page.locator(".bar").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#written")).to_have_text(re.compile(r"^.{2}$", re.S))
    page.get_by_role("button", name="Choisir pour moi").click()
    expect(page.locator("#written")).to_have_text(re.compile(r"^.{3}$", re.S))


def test_step_by_step_a_letter_goes_in_and_one_comes_out(open_page: OpenPage) -> None:
    page = open_page("presentation?model=tales")
    choose_mode(page, "steps")
    expect(page.locator("[data-step=network]")).to_contain_text("2 layers of 32 units")
    for step in ("in", "network", "bars", "dice"):
        page.get_by_role("button", name="Next step").click()
        expect(page.locator("[aria-current=step]")).to_have_attribute("data-step", step)
        expect(page.locator("#written")).to_be_empty()
    expect(page.locator(".bar.chosen")).to_have_count(1)
    picture(page, "presentation-steps")
    page.get_by_role("button", name="Next step").click()
    expect(page.locator("#written")).to_have_text(re.compile(r"^.$", re.S))


@pytest.mark.parametrize("likely", [True, False])
def test_the_letter_that_the_dice_chose_is_shown_however_unlikely(
    open_page: OpenPage, likely: bool
) -> None:
    page = open_page("presentation?model=tales")
    random_state, symbol = drawn(page, likely)
    page.evaluate(
        "(state) => { crypto.getRandomValues = (into) => { into[0] = state; return into; }; }",
        random_state,
    )
    choose_mode(page, "steps")
    for _ in ("in", "network", "bars"):
        page.get_by_role("button", name="Next step").click()
    expect(page.locator(".bar")).to_have_count(8)
    page.get_by_role("button", name="Next step").click()
    expect(page.locator(".bar")).to_have_count(8 if likely else 9)
    expect(page.locator(".bar.chosen")).to_have_count(1)
    page.get_by_role("button", name="Next step").click()
    expect(page.locator("#written")).to_have_text(symbol)


def drawn(page: Page, likely: bool) -> tuple[int, str]:
    """A random state that draws one of the 8 likeliest symbols, or none of them; and which."""
    body = {
        "seed": page.locator("#seed").input_value(),
        "size": 1,
        "temp": float(page.locator("#temperature").input_value()),
        "logprobs": 8,
        "on_unknown": "nearest",
    }
    for random_state in range(1000):
        answer = page.request.post(
            page.url.partition("/presentation")[0] + "/tales",
            data={**body, "random_state": random_state},
            headers={"Accept": "application/json"},
        ).json()
        (one,) = answer["logprobs"]
        among = one["symbol"] in [symbol for symbol, _ in one["top"]]
        if among == likely and one["symbol"].isalnum():
            return random_state, one["symbol"]
    raise AssertionError("no random state draws such a symbol")


@pytest.mark.skipif(
    importlib.util.find_spec("axe_playwright_python") is None, reason="axe-core is not installed"
)
@pytest.mark.parametrize(("scheme", "size"), [("light", "desktop"), ("dark", "phone")])
def test_axe_finds_nothing_serious_and_nothing_is_too_wide(
    open_page: OpenPage, scheme: str, size: str
) -> None:
    options = PHONE if size == "phone" else {}
    page = open_page("presentation?model=flow", color_scheme=scheme, **options)
    for mode in ("choose", "steps"):
        choose_mode(page, mode)
        page.locator("#go").click()
        assert serious(page) == [], mode
        wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, mode
