"""A real browser on a real server: chromium, driven by Playwright, headless.

The browser is not fetched here (`make test` installs it); without one the tests are skipped.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pages import OTHER_HOST, OpenPage, choose_model, write_models
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from servers import GunicornServer

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {OTHER_HOST} 127.0.0.1",
]
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. One per module: Playwright's event loop would be in the way of other tests'."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def page_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models that these tests write with: pages.write_models."""
    folder = tmp_path_factory.mktemp("ML")
    write_models(folder)
    return folder


@pytest.fixture(scope="session")
def page_server(page_models: Path) -> Iterator[GunicornServer]:
    """The server that most of these tests share."""
    with GunicornServer(page_models) as running:
        yield running


@pytest.fixture
def open_page(browser: Browser, page_server: GunicornServer) -> Iterator[OpenPage]:
    """Open the page in a fresh window: open_page("#…", model="tales", locale="fr-FR", …).

    Afterwards no window may have met an exception, a refused resource or an alert. For an answer
    that is an error the browser has a message of its own, which `may_fail=True` allows.
    """
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_one(
        address: str = "",
        *,
        base: str = "",
        model: str = "",
        may_fail: bool = False,
        until_ready: bool = True,
        **options: Any,
    ) -> Page:
        usual = {"locale": "en-GB", "service_workers": "block"}  # one would hide what is asked
        context = browser.new_context(**{**usual, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(f"exception: {error}"))
        page.on("dialog", lambda dialog: problems.append(f"alert: {dialog.message}"))

        def console(message: Any) -> None:
            failed = message.text.startswith("Failed to load resource")
            blocked = "Service Worker registration blocked" in message.text
            if message.type in ("error", "warning") and not (failed and may_fail) and not blocked:
                problems.append(f"{message.type}: {message.text}")

        page.on("console", console)
        page.goto(f"{base or page_server.base_url}/{address}")
        if until_ready:
            expect(page.locator("html[data-ready]")).to_be_attached()
        if model:
            choose_model(page, model)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert problems == []
