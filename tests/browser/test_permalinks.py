"""Links: a text comes back exactly, and when it cannot, the page says so."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from models import write_model
from pages import OpenPage, address_of, picture, text_of, wait_until_done, write
from playwright.sync_api import Page, expect
from servers import GunicornServer


def link_of(page: Page) -> str:
    """What stands behind the # of the link that the page offers."""
    page.get_by_role("button", name="Link").click()
    address = page.locator("#link-address").input_value()
    page.locator("#link-dialog").get_by_role("button", name="Close").click()
    return f"#{urlsplit(address).fragment}"


def test_a_link_brings_the_text_back_exactly(open_page: OpenPage) -> None:
    page = open_page(model="tales")
    page.locator("#temperature").fill("0.9")
    write(page, "le “roi” &=#%+ l'été\n", 150)
    wait_until_done(page)
    text = text_of(page)
    link = link_of(page)
    assert address_of(page).endswith(link), "the address bar holds the same link"
    other = open_page(link)
    wait_until_done(other)
    assert text_of(other) == text
    expect(other.locator(".notice")).to_contain_text("character for character")
    expect(other.locator("#seed")).to_have_value("le “roi” &=#%+ l'été\n")
    expect(other.locator("#temperature")).to_have_value("0.9")
    expect(other.locator("#model")).to_have_value("tales")
    picture(other, "permalink")


def test_a_stopped_and_continued_text_comes_back_too(open_page: OpenPage) -> None:
    page = open_page(model="slow")
    write(page, "once ", 10_000)
    expect(page.locator(".text-written span").nth(30)).to_be_attached()
    page.keyboard.press("Escape")
    expect(page.locator(".sheet")).to_have_attribute("data-state", "stopped")
    page.locator("#size").fill("25")
    page.locator("#temperature").fill("1")
    page.get_by_role("button", name="Continue").click()
    wait_until_done(page)
    other = open_page(link_of(page))
    expect(other.locator(".sheet")).to_have_attribute("data-link", "same")
    assert text_of(other) == text_of(page)


def test_a_link_pasted_into_the_open_page_is_followed(open_page: OpenPage) -> None:
    page = open_page(model="tales")
    write(page, "once ", 30)
    wait_until_done(page)
    text, link = text_of(page), link_of(page)
    page.get_by_role("button", name="new dice").click()
    wait_until_done(page)
    assert text_of(page) != text
    page.evaluate("link => { location.hash = link; }", link)
    expect(page.locator(".sheet")).to_have_attribute("data-link", "same")
    assert text_of(page) == text


def test_other_weights_are_said(open_page: OpenPage, tmp_path: Path) -> None:
    write_model(tmp_path, "changing", seed=1)
    with GunicornServer(tmp_path) as server:
        page = open_page(base=server.base_url, model="changing")
        write(page, "once ", 40)
        wait_until_done(page)
        text, link = text_of(page), link_of(page)
        write_model(tmp_path, "changing", seed=2)
        other = open_page(link, base=server.base_url)
        wait_until_done(other)
        expect(other.locator(".notice")).to_contain_text("other weights")
        assert text_of(other) != text


def test_a_model_that_is_gone_is_said(open_page: OpenPage) -> None:
    page = open_page("#m=vanished&s=once%20&n=30&t=0.5&r=1&w=00", may_fail=True)
    expect(page.locator("#model-problem")).to_contain_text("“vanished”")
    expect(page.locator("#seed")).to_have_value("once ")
    assert page.locator(".sheet").count() == 0


def test_a_damaged_link_is_said(open_page: OpenPage) -> None:
    for link in ("#m=tales&s=a&n=x&t=0.5&r=1", "#nothing", "#m=tales&s=a&n=5&t=NaN&r=1"):
        page = open_page(link, may_fail=True)
        expect(page.locator("#model-problem")).to_contain_text("This link is damaged")


def test_a_link_with_values_out_of_bounds_says_what_the_server_says(open_page: OpenPage) -> None:
    page = open_page("#m=tales&s=once&n=999999&t=0.5&r=1", may_fail=True)
    expect(page.locator(".sheet")).to_have_attribute("data-state", "failed")
    expect(page.locator(".notice")).to_contain_text("size is 999999")
