"""A pupil's way through a lesson, on a telephone, in French: the test's steps and the film's.

    for name in path(page, link, document, name="mon-conte", epochs=1, home=folder):
        page.screenshot(…)        # what stands there now

It begins with the address of the QR code and ends with a page in `home` that writes by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pages import wait_until_done, write
from playwright.sync_api import Page, expect

TRAINING = 300_000  # milliseconds that one may take on a busy machine
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
BASE = "francais"
HOME = "home.html"


def path(
    page: Page, link: str, document: bytes, *, name: str, epochs: int, home: Path
) -> Iterator[str]:
    """Go it; yields the name of each moment.

    Args:
        page: of a browser in French.
        link: that the QR code holds.
        document: a .docx to train on.
        name: of the model.
        epochs: of the training.
        home: folder in which the page that is taken home is kept.
    """
    page.goto(link)
    ready(page)
    page.locator("#name").fill("Zoé")
    page.get_by_role("button", name="Garder").click()
    expect(page.locator("#name-hint")).to_have_text("C’est noté.")
    yield "class"

    page.get_by_role("link", name="Écrire", exact=True).last.click()
    ready(page)
    page.locator("#model").select_option(BASE)
    expect(page.locator("#generate")).to_be_enabled()
    write(page, "Il était une fois ", 120)
    wait_until_done(page)
    page.locator(".sheet").first.scroll_into_view_if_needed()
    yield "write"

    page.goto(page.url.partition("#")[0].partition("?")[0] + "train")
    ready(page)
    page.locator("#file").set_input_files(
        {"name": f"{name}.docx", "mimeType": WORD, "buffer": document}
    )
    expect(page.locator("#text-facts")).to_contain_text("caractères")
    page.locator("#more > summary").click()
    page.locator("#from").select_option(BASE)
    page.locator("#epochs").fill(str(epochs))
    page.locator("#more > summary").click()
    page.locator("#name").fill(name)
    page.locator("#drop").evaluate("one => one.scrollIntoView({block: 'start'})")
    yield "text"

    page.locator("#start").click()
    training = page.locator(".training")
    expect(training.locator("h3")).to_have_text(name)
    expect(training.locator(".training-sample").first).to_be_visible(timeout=TRAINING)
    expect(training).to_have_attribute("data-state", "done", timeout=TRAINING)
    training.locator(".training-sample").first.scroll_into_view_if_needed()
    yield "learns"

    training.locator(".use").click()
    ready(page)
    expect(page.locator("#model")).to_have_value(name)
    expect(page.locator("#generate")).to_be_enabled()
    write(page, "Il était une fois ", 120)
    wait_until_done(page)
    page.locator(".sheet").first.scroll_into_view_if_needed()
    yield "tries"

    page.get_by_role("button", name="Au mur").click()
    page.get_by_role("button", name="Afficher").click()
    page.locator(".sheet .notice").get_by_role("link", name="La classe").click()
    ready(page)
    expect(page.locator(".wall-sheet").first).to_contain_text(f"Zoé, avec {name}")
    page.locator("#wall").scroll_into_view_if_needed()
    page.locator(".wall-sheet").first.evaluate("one => one.scrollIntoView({block: 'center'})")
    yield "wall"

    page.goto(page.url.partition("#")[0].replace("/class", f"/?model={name}"))
    ready(page)
    expect(page.locator("#generate")).to_be_enabled()
    page.locator("#card > summary").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="L’emporter (page)").click()
    assert download.value.suggested_filename == f"{name}.html"
    download.value.save_as(home / HOME)
    page.goto((home / HOME).as_uri())
    ready(page)
    page.locator("#seed").fill("Il était une fois ")
    page.locator("#size").fill("120")
    page.locator("#generate").click()
    wait_until_done(page)
    page.locator(".sheet").first.scroll_into_view_if_needed()
    yield "home"


def ready(page: Page) -> None:
    """Wait until the page does what one asks."""
    expect(page.locator("html[data-ready]")).to_be_attached()
