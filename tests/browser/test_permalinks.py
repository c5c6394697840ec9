"""Links: a text comes back exactly, and when it cannot, the page says so."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from models import write_model
from pages import OpenPage, address_of, open_code, picture, text_of, wait_until_done, write
from playwright.sync_api import Page, expect
from servers import GunicornServer

from simpleml.web.classroom.lan import lan_address


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


def test_links_and_code_name_an_address_that_others_reach(
    open_page: OpenPage, page_models: Path
) -> None:
    address = lan_address()
    if address == "127.0.0.1":
        pytest.skip("this machine is on no network")
    with GunicornServer(page_models, host="0.0.0.0") as server:
        port = urlsplit(server.base_url).port
        page = open_page(base=f"http://localhost:{port}", model="tales")
        write(page, "once ", 30)
        wait_until_done(page)
        assert address_of(page).startswith(f"http://localhost:{port}/#m=tales")
        page.get_by_role("button", name="Link").click()
        link = page.locator("#link-address").input_value()
        assert link.startswith(f"http://{address}:{port}/#m=tales")
        page.locator("#link-dialog").get_by_role("button", name="Close").click()
        open_code(page)
        curl = page.locator("#code-curl").text_content() or ""
        assert f"http://{address}:{port}/tales" in curl
        other = open_page(
            urlsplit(link).path[1:] + "#" + urlsplit(link).fragment, base=f"http://{address}:{port}"
        )
        expect(other.locator(".sheet")).to_have_attribute("data-link", "same")
        assert text_of(other) == text_of(page)


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
    page.get_by_role("button", name="new chance").click()
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
        expect(other.locator(".notice")).to_contain_text("trained again since")
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


def test_a_link_with_values_out_of_bounds_says_what_they_are(open_page: OpenPage) -> None:
    page = open_page("#m=tales&s=once&n=999999&t=0.5&r=1", may_fail=True)
    expect(page.locator(".sheet")).to_have_attribute("data-state", "failed")
    expect(page.locator(".notice")).to_contain_text("“Length” must lie between 1 and 10,000.")


def test_one_link_brings_all_temperatures_back(open_page: OpenPage) -> None:
    page = open_page(model="tales", viewport={"width": 1440, "height": 900})
    page.get_by_text("3 temperatures").click()
    page.locator("#temperature-high").fill("1.5")
    write(page, "the vizier &=#", 80)
    wait_until_done(page, 3)
    page.locator("#link-all").click()
    link = f"#{urlsplit(page.locator('#link-address').input_value()).fragment}"
    assert address_of(page).endswith(link), "the address bar holds the same link"
    page.locator("#link-dialog").get_by_role("button", name="Close").click()
    other = open_page(link)
    expect(other.locator(".sheet[data-link=same]")).to_have_count(3)
    assert [text_of(other, at) for at in range(3)] == [text_of(page, at) for at in range(3)]
    titles = page.locator(".sheet h2").all_text_contents()
    assert other.locator(".sheet h2").all_text_contents() == titles
    expect(other.locator("#three-temperatures")).to_be_visible()
    expect(other.locator("#temperature-high")).to_have_value("1.5")
    expect(other.locator("#seed")).to_have_value("the vizier &=#")
    # one column alone has its own link still
    page.locator(".sheet").nth(2).get_by_role("button", name="Link").click()
    alone = f"#{urlsplit(page.locator('#link-address').input_value()).fragment}"
    single = open_page(alone)
    expect(single.locator(".sheet[data-link=same]")).to_have_count(1)
    assert text_of(single) == text_of(page, 2)


def test_one_link_brings_two_models_back_with_what_was_continued(open_page: OpenPage) -> None:
    page = open_page(model="tales")
    page.get_by_text("2 models").click()
    page.locator("#model2").select_option("flow")
    write(page, "the vizier ", 60)
    wait_until_done(page, 2)
    page.locator(".sheet").nth(1).get_by_role("button", name="Continue").click()
    expect(page.locator(".sheet").nth(1).locator(".text-written > span")).to_have_count(120)
    wait_until_done(page, 2)
    other = open_page(f"#{urlsplit(address_of(page)).fragment}")
    expect(other.locator(".sheet[data-link=same]")).to_have_count(2)
    assert [text_of(other, at) for at in range(2)] == [text_of(page, at) for at in range(2)]
    expect(other.locator("#model")).to_have_value("tales")
    expect(other.locator("#model2")).to_have_value("flow")
    expect(other.locator("#second-model")).to_be_visible()
    expect(other.locator("#link-all")).to_be_visible()


def test_a_comparison_with_a_model_that_is_gone_is_said(open_page: OpenPage) -> None:
    link = "#m=tales&s=once&n=30&t=0.5&r=1&with=m%3Dvanished%26n%3D30%26t%3D0.5%26r%3D1"
    page = open_page(link, may_fail=True)
    expect(page.locator("#model-problem")).to_contain_text("“vanished”")
    assert page.locator(".sheet").count() == 0
    page = open_page(link.replace("r%3D1", "r%3Dx"), may_fail=True)
    expect(page.locator("#model-problem")).to_contain_text("This link is damaged")
