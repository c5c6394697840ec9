"""Who could have written this? In a real browser."""

from __future__ import annotations

import json
import re

import pytest
from entries import assert_whole
from pages import PHONE, ROOT, OpenPage, picture, serious
from playwright.sync_api import expect

WEB = ROOT / "simpleml" / "web"
TEXT = "le sultan dit au vizir\nque le roi viendrait ☃"


def words(language: str) -> dict[str, str]:
    return dict(json.loads((WEB / "static" / "score" / f"{language}.json").read_text("utf-8")))


def test_both_languages_are_whole_and_every_entry_is_used() -> None:
    english, french = words("en"), words("fr")
    assert_whole(english, french)
    files = [WEB / "static" / "score" / "main.js"]
    files += [WEB / "templates" / name for name in ("score.html", "head.html")]
    used = set(re.findall(r'"([a-z0-9_.-]+)"', "".join(one.read_text("utf-8") for one in files)))
    assert [key for key in english if re.sub(r"\.(one|other)$", "", key) not in used] == []


@pytest.mark.parametrize(
    ("locale", "bits", "options"),
    [("en-GB", "bits per character", {}), ("fr-FR", "bits par caractère", PHONE)],
)
def test_the_models_are_ranked_and_the_text_is_coloured(
    open_page: OpenPage, locale: str, bits: str, options: dict[str, object]
) -> None:
    page = open_page(locale=locale, **options)
    page.locator("nav a[href='/score']").click()
    expect(page.locator("html[data-ready]")).to_be_attached()
    expect(page.locator("#ask")).to_be_disabled()
    assert serious(page) == []
    page.locator("#text").fill(TEXT)
    page.locator("#ask").click()
    rows = page.locator("#rows .row")
    expect(rows.first.locator("[aria-pressed=true]")).to_be_attached()
    expect(rows.first).to_contain_text(bits)
    expect(rows.last).to_contain_text("torn")  # the broken one
    best = rows.first.locator("button").inner_text()
    expect(page.locator("#status")).to_contain_text(best)
    shown = page.locator("#coloured").evaluate("(one) => one.textContent")
    assert shown == TEXT
    expect(page.locator("#coloured > .s4").last).to_have_text("☃")
    assert serious(page) == []
    picture(page, f"score-{locale}")

    rows.nth(1).locator("button").click()
    expect(rows.nth(1).locator("[aria-pressed=true]")).to_be_attached()
    expect(page.locator("#coloured-by")).to_contain_text(rows.nth(1).locator("button").inner_text())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_text_that_is_too_long_is_told(open_page: OpenPage) -> None:
    page = open_page("score", may_fail=True)
    page.locator("#text").fill("le sultan " * 11_000)
    page.locator("#ask").click()
    expect(page.locator("#problem")).to_contain_text("may have 100,000 characters at most")
