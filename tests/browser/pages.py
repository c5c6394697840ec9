"""What the browser tests do on the page again and again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models import ALPHABET, WORDS, write_model
from playwright.sync_api import Page, expect

ROOT = Path(__file__).resolve().parent.parent.parent
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"
CURVE = """\
epoch,step,seconds,characters_per_second,learning_rate,loss,selection_nats,validation_nats,validation_bits,best
1,10,60,900,0.002,2.5,2.1,,3.03,yes
2,20,125,900,0.001,1.9,1.7,,2.45,yes
3,30,190,900,0.0005,1.6,1.72,,2.48,no
"""
OTHER_HOST = "atelier.test"
"""A name of this machine that browsers do not take for its own: plain http, as on a network."""
PHONE = {
    "viewport": {"width": 360, "height": 740},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}


OpenPage = Callable[..., Page]
"""The fixture open_page."""


def write_models(folder: Path) -> None:
    """flow, slow, tales (with everything that a card can say), torn (broken), words."""
    tales = write_model(
        folder,
        "tales",
        alphabet=ALPHABET + "<>&",
        metrics={"bits_per_character": 2.164},
        training={"begun_from": {"name": None, "bar_nats": 1.9}},
        corpus={"source": HOSTILE, "licence": "public domain", "characters": 250_000},
        notes={"examples": ["once upon a time ", "the sultan & the <b>vizier</b> "]},
    )
    (tales / "training.csv").write_text(CURVE)
    write_model(folder, "flow", stateful=True, seed=1, units=48)
    corpus = {"source": "Tales, retold", "sources": {"fr": "Contes : redits"}}
    write_model(
        folder, "slow", layers=3, units=256, seq_maxlen=40, seed=2,
        corpus={**corpus, "licence": "public domain"},
    )  # fmt: skip
    write_model(
        folder, "words", level="word", alphabet=WORDS, unknown_symbol="<unk>", stateful=True, seed=2
    )
    tear(write_model(folder, "torn", seed=4))


def tear(model: Path) -> None:
    """Take the last byte of a model's data."""
    data = model / f"{model.name}.tfl.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-1])


def choose_model(page: Page, name: str) -> None:
    """Choose a model and wait for its card."""
    page.locator("#model").select_option(name)
    expect(page.locator("#generate")).to_be_enabled()


def write(page: Page, seed: str, size: int = 60) -> None:
    """Fill in the form and press Write."""
    page.locator("#seed").fill(seed)
    page.locator("#size").fill(str(size))
    page.locator("#generate").click()


def wait_until_done(page: Page, count: int = 1) -> None:
    """Wait until that many texts are complete."""
    expect(page.locator(".sheet[data-state=done]")).to_have_count(count)


def text_of(page: Page, number: int = 0) -> str:
    """Seed and text of a sheet."""
    seed = page.locator(".text-seed").nth(number).text_content() or ""
    return seed + (page.locator(".text-written").nth(number).text_content() or "")


def written(page: Page, number: int = 0) -> str:
    """The text of a sheet without its seed."""
    return page.locator(".text-written").nth(number).text_content() or ""


def open_code(page: Page, number: int = 0) -> None:
    """Open the window with a text's lines of code, whose script the page fetches then."""
    page.locator(".sheet").nth(number).get_by_role("button", name="Code").click()
    expect(page.locator("#code-dialog")).to_be_visible()


def address_of(page: Page) -> str:
    """What the address bar shows now (page.url learns of it later)."""
    return str(page.evaluate("() => location.href"))


def serious(page: Page) -> list[str]:
    """What axe-core finds wrong, gravely or seriously."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']} ({node['html'][:120]})"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def findings(page: Page) -> list[str]:
    """What any of axe-core's rules finds, best practices and the size of targets included."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"rules": {"target-size": {"enabled": True}}})
    return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found.response["violations"]]


def picture(page: Page, name: str) -> None:
    """Keep a screenshot in artifacts/."""
    folder = ROOT / "artifacts"
    folder.mkdir(exist_ok=True)
    page.screenshot(path=folder / f"{name}.png", full_page=True)
