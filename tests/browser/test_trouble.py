"""Servers that are busy, gone or locked, and models that are broken: said plainly, text kept."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

from clients import ENDLESS_ALLOWED
from pages import (
    OpenPage,
    address_of,
    choose_model,
    open_code,
    picture,
    text_of,
    wait_until_done,
    write,
    written,
)
from playwright.sync_api import expect
from servers import ONE_PLACE, GunicornServer
from streams import endless_stream
from waiting import wait_until


def test_a_lost_connection_keeps_the_text_and_goes_on_with_the_same_one(
    open_page: OpenPage, page_models: Path
) -> None:
    with GunicornServer(page_models) as server:
        page = open_page(base=server.base_url, may_fail=True, model="slow")
        page.locator("#more > summary").click()
        page.locator("#random_state").fill("5")
        write(page, "once ", 4000)
        expect(page.locator(".text-written span").nth(40)).to_be_attached()
        for worker in server.workers:
            os.kill(worker, signal.SIGKILL)  # gunicorn starts another one
        retrying = page.locator(".sheet[data-state=retrying] .notice")
        expect(retrying).to_contain_text("The text so far is kept")
        kept = written(page)
        assert len(kept) > 40
        picture(page, "connection-lost")
        wait_until_done(page)
        assert len(written(page)) == 4000 and written(page).startswith(kept)
        other = open_page(f"#{urlsplit(address_of(page)).fragment}", base=server.base_url)
        expect(other.locator(".sheet")).to_have_attribute("data-link", "same")


def test_a_server_that_does_not_answer_is_asked_again_until_one_gives_up(
    open_page: OpenPage,
) -> None:
    page = open_page(may_fail=True, model="tales")
    page.context.set_offline(True)
    write(page, "once ", 30)
    expect(page.locator(".notice")).to_contain_text("does not answer")
    page.get_by_role("button", name="Give up").click()
    expect(page.locator(".notice")).to_contain_text("Given up")
    page.context.set_offline(False)
    page.locator("#generate").click()
    wait_until_done(page)


def test_a_busy_server_is_waited_for(open_page: OpenPage, page_models: Path) -> None:
    with GunicornServer(page_models, env=ONE_PLACE) as server:
        page = open_page(base=server.base_url, may_fail=True, model="tales")
        with endless_stream(server, "slow"):
            write(page, "once ", 30)
            expect(page.locator(".notice")).to_contain_text("The server is busy")
            expect(page.locator("#announcements")).to_contain_text("The server is busy")
            picture(page, "busy")
        sheet = page.locator(".sheet")

        def try_now() -> bool:
            retry = page.get_by_role("button", name="Try now")
            if sheet.get_attribute("data-state") == "retrying" and retry.is_visible():
                retry.click(timeout=1000)
            return sheet.get_attribute("data-state") == "done"

        wait_until(try_now, what="the text is written", every=0.2)
        assert len(written(page)) == 30


def test_a_queue_is_shown_while_one_waits(open_page: OpenPage, page_models: Path) -> None:
    with GunicornServer(page_models, env={**ENDLESS_ALLOWED, "SIMPLEML_MAX_ROWS": "1"}) as server:
        page = open_page(base=server.base_url, model="tales")
        with endless_stream(server, "slow"):
            write(page, "once ", 30)
            expect(page.locator(".status")).to_contain_text("yours is number 1 of 1")
            other = open_page(base=server.base_url, model="tales")
            write(other, "once ", 30)
            expect(other.locator(".status")).to_contain_text("yours is number 2 of 2")
            expect(page.locator(".status")).to_contain_text("yours is number 1 of 2")
        wait_until_done(page)
        wait_until_done(other)


def test_a_broken_model_is_said_with_its_file(open_page: OpenPage) -> None:
    page = open_page(may_fail=True, model="tales")
    page.locator("#model").select_option("torn")
    problem = page.locator("#model-problem")
    expect(problem).to_contain_text("The files of this model cannot be used.")
    expect(problem).to_contain_text("torn.tfl")
    expect(page.locator("#generate")).to_be_disabled()
    page.locator("#model").select_option("tales")
    expect(problem).to_be_empty()
    expect(page.locator("#generate")).to_be_enabled()


def test_a_text_that_the_time_limit_cut_can_be_continued(
    open_page: OpenPage, page_models: Path
) -> None:
    with GunicornServer(page_models, env={**ENDLESS_ALLOWED, "SIMPLEML_DEADLINE": "4"}) as server:
        page = open_page(base=server.base_url, model="slow")
        write(page, "once ", 1_000_000)
        wait_until_done(page)
        expect(page.locator(".status")).to_contain_text("time limit")
        before = text_of(page)
        page.locator("#size").fill("5")
        page.get_by_role("button", name="Continue").click()
        wait_until_done(page)
        assert text_of(page).startswith(before) and len(text_of(page)) == len(before) + 5


def test_a_server_with_keys_asks_for_one(open_page: OpenPage, page_models: Path) -> None:
    with GunicornServer(page_models, env={"SIMPLEML_API_KEYS": "open sesame"}) as server:
        page = open_page(base=server.base_url, may_fail=True, until_ready=False)
        page.locator("#key").fill("wrong")
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#key")).to_have_value("")
        page.locator("#key").fill("open sesame")
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#generate")).to_be_enabled()
        choose_model(page, "tales")
        page.locator("#card > summary").click()
        expect(page.locator("#card-body svg")).to_be_visible()
        write(page, "once ", 30)
        wait_until_done(page)
        open_code(page)
        expect(page.locator("#code-curl")).to_contain_text("$SIMPLEML_API_KEY")
        expect(page.locator("#code-curl")).not_to_contain_text("sesame")


def test_no_model_at_all(open_page: OpenPage, tmp_path: Path) -> None:
    with GunicornServer(tmp_path) as server:
        page = open_page(base=server.base_url)
        expect(page.locator("#model-problem")).to_contain_text("There is no model yet")
        expect(page.locator("#generate")).to_be_disabled()
