"""The page as an app: what lets browsers install it, and what it shows when the server is gone."""

from __future__ import annotations

from pathlib import Path

from models import write_model
from pages import OTHER_HOST, PHONE, OpenPage, picture, serious, text_of, wait_until_done, write
from playwright.sync_api import expect
from servers import GunicornServer

CONTROLLED = "() => navigator.serviceWorker.ready.then((one) => one.active.state === 'activated')"


def test_it_can_be_installed_and_says_in_both_languages_that_the_server_is_gone(
    open_page: OpenPage, tmp_path: Path
) -> None:
    write_model(tmp_path, "tales")
    with GunicornServer(tmp_path) as server:
        page = open_page(
            model="tales", base=server.base_url, service_workers="allow", may_fail=True, **PHONE
        )
        session = page.context.new_cdp_session(page)
        manifest = session.send("Page.getAppManifest")
        assert manifest["url"] and manifest["errors"] == []
        assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] in (
            [], [{"errorId": "in-incognito", "errorArguments": []}],
        )  # fmt: skip
        write(page, "once ", 40)
        wait_until_done(page)
        text = text_of(page)
        page.wait_for_function(CONTROLLED)
        server.close()
        for path in ("/", "/class", "/train"):
            page.goto(server.base_url + path)
            expect(page.locator("h1")).to_have_text("The server cannot be reached")
            expect(page.locator("[lang=fr] h2")).to_have_text("Le serveur est injoignable")
        expect(page.locator("#texts blockquote")).to_have_text(text)
        expect(page.get_by_role("button", name="Réessayer")).to_be_visible()
        assert serious(page) == []
        assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
        picture(page, "offline-phone")


def test_over_plain_http_there_is_no_worker_and_no_complaint(
    open_page: OpenPage, page_server: GunicornServer
) -> None:
    base = page_server.base_url.replace("127.0.0.1", OTHER_HOST)
    page = open_page(model="tales", base=base, service_workers="allow")
    assert page.evaluate("() => [isSecureContext, 'serviceWorker' in navigator]") == [False, False]
    write(page, "once ", 40)
    wait_until_done(page)
