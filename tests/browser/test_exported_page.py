"""The exported page from a disk, in Chromium and in Firefox: one text, and no request."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from firefox import FIREFOX, Firefox
from pages import PHONE, picture, serious, text_of, write
from playwright.sync_api import Browser, Page, expect

from simpleml import ModelLoader
from simpleml.exporting.page import page as page_of
from simpleml.generation.network import weight_limit
from simpleml.models.artifact import find_artifact, read_artifact

FETCHED = """performance.getEntriesByType('resource').map((one) => one.name)
  .filter((name) => !/^(blob|data):/.test(name))"""
NAMES = ("flow", "tales", "words")
CALL = "simpleml.generate({seed: 'the sultan', size: 200, temperature: 0.7, random_state: 5})"


@pytest.fixture(scope="module")
def files(page_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pages of NAMES."""
    folder = tmp_path_factory.mktemp("pages")
    for name in NAMES:
        paths = find_artifact(page_models, name)
        assert paths
        (folder / f"{name}.html").write_text(page_of(read_artifact(paths)), encoding="utf-8")
    return folder


@pytest.fixture
def window(browser: Browser) -> Iterator[Page]:
    """A telephone's, in French; whatever the page complains of or asks for fails the test."""
    context = browser.new_context(**PHONE, locale="fr-FR")
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(f"exception: {error}"))
    opened.on("console", lambda message: problems.append(f"{message.type}: {message.text}"))
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    yield opened
    context.close()
    assert problems == []
    assert {one for one in asked if not one.startswith(("blob:", "data:"))} == {opened.url}


def open_file(window: Page, file: Path) -> None:
    window.goto(file.as_uri())
    expect(window.locator("html[data-ready=fast]")).to_be_attached()


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """Firefox, for this file alone."""
    if FIREFOX is None:
        pytest.skip("firefox is not installed (apt-get install firefox-esr)")
    running = Firefox(tmp_path_factory.mktemp("firefox"))
    yield running
    running.close()


@pytest.mark.parametrize("name", NAMES)
def test_chromium_firefox_and_the_server_write_the_same_text(
    name: str, files: Path, page_models: Path, window: Page, firefox: Firefox
) -> None:
    file = files / f"{name}.html"
    open_file(window, file)
    firefox.open(file.as_uri())
    text = window.evaluate(CALL)
    assert len(text) > 200
    assert firefox.evaluate(CALL) == text
    assert firefox.evaluate(FETCHED) == []
    if weight_limit() == 127:
        server = ModelLoader(page_models, precision="int8").load(name)
        assert text == server.generate(200, 0.7, "the sultan", random_state=5, on_unknown="nearest")


LACKS = {
    "a worker": ("delete window.Worker", "fast"),
    "workers from a file": (
        "window.Worker = class { constructor() { throw new Error() } }",
        "fast",
    ),
    "WebAssembly": ("delete window.WebAssembly; delete window.Worker", "plain"),
    "vectors": (
        "WebAssembly.instantiate = async () => { throw new WebAssembly.CompileError() };"
        "delete window.Worker",
        "plain",
    ),
}


@pytest.mark.parametrize("lacking", LACKS)
def test_a_browser_that_lacks_something_writes_the_same_text(
    lacking: str, files: Path, window: Page
) -> None:
    window.goto((files / "tales.html").as_uri())
    text = window.evaluate(CALL)
    script, ready = LACKS[lacking]
    window.add_init_script(script)
    window.reload()
    expect(window.locator(f"html[data-ready={ready}]")).to_be_attached()
    assert window.evaluate(CALL) == text


def test_a_text_is_written_stopped_continued_and_written_again(files: Path, window: Page) -> None:
    open_file(window, files / "tales.html")
    expect(window.locator("h1")).to_contain_text("un petit réseau qui a lu un seul texte")
    write(window, "le 北 sultan ", size=100_000)
    expect(window.locator("mark")).to_have_text("北")
    expect(window.locator("#seed-changes")).to_contain_text("est laissé de côté")
    expect(window.locator(".text-written > span").nth(20)).to_be_attached()
    window.locator("#size").fill("30")  # typing goes on while it writes
    window.locator("#stop-all").click()
    expect(window.locator(".sheet[data-state=stopped]")).to_be_visible()
    before = text_of(window)
    window.get_by_role("button", name="Continuer").click()
    done = window.locator(".sheet[data-state=done]")
    expect(done).to_be_visible()
    assert text_of(window).startswith(before) and len(text_of(window)) == len(before) + 30
    window.get_by_role("button", name="Réécrire (autre hasard)").click()
    expect(window.locator(".text-written > span")).to_have_count(30)
    expect(done).to_be_visible()
    once = text_of(window)
    window.get_by_role("button", name="Réécrire (même hasard)").click()
    expect(window.locator(".text-written > span")).to_have_count(30)
    expect(done).to_be_visible()
    assert text_of(window) == once
    window.locator(".text-written > span:not(.line-end)").first.click()
    expect(window.locator("#inspector li")).not_to_have_count(0)


@pytest.mark.skipif(
    importlib.util.find_spec("axe_playwright_python") is None, reason="axe-core is not installed"
)
def test_axe_finds_nothing_serious_and_the_page_fits_a_telephone(
    files: Path, browser: Browser
) -> None:
    # axe-core is put into the page by a script, which its own policy forbids
    for language, scheme in (("fr-FR", "light"), ("en-GB", "dark")):
        context = browser.new_context(
            **PHONE, locale=language, bypass_csp=True, color_scheme=scheme,  # type: ignore[arg-type]
        )  # fmt: skip
        page = context.new_page()
        open_file(page, files / "tales.html")
        assert serious(page) == []
        write(page, "the 北 sultan ", size=40)
        expect(page.locator(".sheet[data-state=done]")).to_be_visible()
        page.locator("#surprise").check()
        page.locator("#card summary").first.click()
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        picture(page, f"exported-{language}")
        context.close()


def test_the_button_gives_the_page_that_writes(
    open_page: object, files: Path, tmp_path: Path
) -> None:
    page = open_page(model="flow")  # type: ignore[operator]
    page.locator("#card > summary").click()
    with page.expect_download() as download:
        page.locator("#card-body .take button").nth(1).click()
    assert download.value.suggested_filename == "flow.html"
    download.value.save_as(tmp_path / "flow.html")
    assert (tmp_path / "flow.html").read_bytes() == (files / "flow.html").read_bytes()
