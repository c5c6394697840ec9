"""One's texts: kept in the browser, marked, had again, saved, forgotten."""

from __future__ import annotations

from pathlib import Path

from pages import PHONE, OpenPage, serious, text_of, wait_until_done, write
from playwright.sync_api import expect


def test_texts_are_kept_marked_had_again_and_saved(open_page: OpenPage) -> None:
    page = open_page(model="tales")
    expect(page.locator("#my-texts")).to_be_hidden()
    write(page, "once ", 40)
    wait_until_done(page)
    first = text_of(page)
    write(page, "the sultan ", 40)
    wait_until_done(page)
    page.reload()
    page.locator("#my-texts").click()
    kept = page.locator("#texts-list li")
    expect(kept).to_have_count(2)
    expect(kept.nth(1).locator("blockquote")).to_have_text(first)
    kept.nth(1).get_by_role("button", name="Favourite").click()
    expect(kept.nth(0).locator("blockquote")).to_have_text(first)
    expect(kept.nth(0).get_by_role("button", name="Favourite")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(kept.nth(0).get_by_role("button", name="Favourite")).to_be_focused()
    assert serious(page) == []
    with page.expect_download() as download:
        kept.nth(0).get_by_role("button", name="Save as .txt").click()
    assert download.value.suggested_filename == "tales.txt"
    assert Path(download.value.path()).read_text("utf-8") == first
    kept.nth(0).get_by_role("link", name="Write it again").click()
    wait_until_done(page)
    expect(page.locator(".sheet")).to_have_attribute("data-link", "same")
    assert text_of(page) == first


def test_they_are_forgotten_one_by_one_or_all(open_page: OpenPage) -> None:
    page = open_page(model="flow", locale="fr-FR", **PHONE)
    for seed in ("a", "b", "c"):
        write(page, seed, 20)
        wait_until_done(page)
    page.locator("#my-texts").click()
    kept = page.locator("#texts-list li")
    expect(kept).to_have_count(3)
    kept.nth(0).get_by_role("button", name="Oublier").click()
    expect(kept).to_have_count(2)
    expect(page.locator("#texts-forget")).to_be_focused()
    assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
    page.get_by_role("button", name="Tout oublier").click()
    expect(page.locator("#texts-dialog")).to_be_hidden()
    expect(page.locator("#my-texts")).to_be_hidden()
    assert page.evaluate("() => JSON.parse(localStorage.getItem('simpleml-texts'))") == []
