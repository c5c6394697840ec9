"""What the browser tests do on the page again and again."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

ROOT = Path(__file__).resolve().parent.parent.parent


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


def picture(page: Page, name: str) -> None:
    """Keep a screenshot in artifacts/."""
    folder = ROOT / "artifacts"
    folder.mkdir(exist_ok=True)
    page.screenshot(path=folder / f"{name}.png", full_page=True)
