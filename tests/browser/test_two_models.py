"""Two models that write one text: the slider between them, also while they write, and links."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from pages import OpenPage, address_of, text_of, wait_until_done, write, written
from playwright.sync_api import Page, expect


def blend(page: Page, second: str, percent: int) -> None:
    """Choose the layout, the second model and its part."""
    page.get_by_text("Blend", exact=True).click()
    page.locator("#model2").select_option(second)
    page.locator("#share").fill(str(percent))


def test_two_models_write_one_text_and_its_link_brings_it_back(open_page: OpenPage) -> None:
    page = open_page(model="tales")
    blend(page, "flow", 30)
    expect(page.locator("#share-value")).to_have_text("70% tales, 30% flow")
    write(page, "once ", 120)
    wait_until_done(page)
    expect(page.locator(".sheet h2")).to_have_text("tales 0.7 + flow 0.3 at temperature 0.5")
    expect(page.locator("#generate")).to_be_visible()
    page.locator("#share").fill("80")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".sheet h2")).to_have_text("tales 0.2 + flow 0.8 at temperature 0.5")
    wait_until_done(page)
    assert len(written(page)) == 240
    other = open_page(f"#{urlsplit(address_of(page)).fragment}")
    expect(other.locator(".sheet")).to_have_attribute("data-link", "same")
    assert text_of(other) == text_of(page)
    expect(other.locator("#model2")).to_have_value("flow")
    expect(other.locator("#share")).to_have_value("80")
    expect(other.locator("input[name=layout][value=blend]")).to_be_checked()


def test_slider_is_followed_while_the_text_is_written_and_the_link_proves_it(
    open_page: OpenPage,
) -> None:
    page = open_page(model="slow")
    blend(page, "flow", 10)
    write(page, "once ", 6000)
    expect(page.locator(".text-written span").nth(30)).to_be_attached()
    page.locator("#share").fill("100")
    expect(page.locator(".sheet h2")).to_have_text("slow 0 + flow 1 at temperature 0.5")
    wait_until_done(page)
    assert len(written(page)) == 6000
    said = parse_qs(urlsplit(address_of(page)).fragment)
    (then,) = said["then"]
    assert said["mix"] == ["slow:0.9,flow:0.1"]
    assert parse_qs(then)["mix"] == ["slow:0,flow:1"]
    assert int(said["n"][0]) + int(parse_qs(then)["n"][0]) == 6000
    other = open_page(f"#{urlsplit(address_of(page)).fragment}")
    expect(other.locator(".sheet")).to_have_attribute("data-link", "same")
    assert text_of(other) == text_of(page)


def test_models_that_cannot_be_blended_say_so(open_page: OpenPage) -> None:
    page = open_page(model="tales", may_fail=True)
    blend(page, "words", 50)
    write(page, "once ", 20)
    problem = page.locator("#model2-problem")
    expect(problem).to_contain_text("only models of one kind")
    page.get_by_role("button", name="Français").click()
    expect(problem).to_contain_text("l’un écrit des lettres et l’autre des mots")
    assert "The server" not in problem.inner_text() and "blended" not in problem.inner_text()
    page.get_by_role("button", name="English").click()
    blend(page, "flow", 50)
    page.locator("#generate").click()
    wait_until_done(page)
