"""What is copied is underlined, and said; where nothing can be said, that is said."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from mirror import TEXT as MADE
from mirror import Mirror, entry
from models import pair_weights, write_model
from pages import (
    OpenPage,
    address_of,
    choose_model,
    open_code,
    picture,
    serious,
    text_of,
    wait_until_done,
    write,
    written,
)
from playwright.sync_api import Page, expect
from servers import ROOT, GunicornServer

TEXT = "abcdefghijklm-nopqrstuvwxyz, é漢😀." * 12


@pytest.fixture(scope="module")
def copying(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """copies, which writes what it has read; blind, whose text is not there."""
    folder = tmp_path_factory.mktemp("ML")
    corpus = {"sha256": hashlib.sha256(TEXT.encode()).hexdigest()}
    for name in ("copies", "blind"):
        write_model(
            folder, name, alphabet=sorted(set(TEXT)), weights=pair_weights(TEXT), corpus=corpus,
            stateful=True,
        )  # fmt: skip
    (folder / "copies.txt").write_text(TEXT, encoding="utf-8")
    write_model(
        folder, "tuned", alphabet=sorted(set(TEXT)), weights=pair_weights(TEXT), stateful=True,
        training={"begun_from": {"name": "novels", "corpus": {"file": "copies.txt"}}},
    )  # fmt: skip
    (folder / "tuned.txt").write_text(TEXT[3:25], encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def copying_server(copying: Path) -> Iterator[GunicornServer]:
    with GunicornServer(copying) as running:
        yield running


def underlined(page: Page) -> list[str]:
    """The stretches that are underlined, one after the other."""
    cells = page.locator(".text-written > span").evaluate_all(
        "all => all.map(one => [one.textContent, one.classList.contains('copied')])"
    )
    marked = "".join(text if copied else "\0" for text, copied in cells)
    return [one for one in marked.split("\0") if one]


def test_what_is_copied_is_underlined_and_said(
    open_page: OpenPage, copying_server: GunicornServer
) -> None:
    page = open_page(base=copying_server.base_url, model="copies")
    page.locator("#temperature").fill("0")
    page.locator("#more > summary").click()
    page.locator("#max_copy").fill("40")
    write(page, "abc", 120)
    wait_until_done(page)
    assert underlined(page) == []
    expect(page.locator(".copies")).to_be_empty()
    page.locator("#copies").check()
    expect(page.locator(".copies")).to_contain_text("The longest passage has 40 characters: “é漢")
    expect(page.locator("#announcements")).to_contain_text("stands word for word")
    assert "😀" in "".join(underlined(page))
    body = {"model": "copies", "text": written(page)}
    request = urllib.request.Request(
        f"{copying_server.base_url}/api/originality", json.dumps(body).encode()
    )
    with urllib.request.urlopen(request) as answer:
        found = json.loads(answer.read())
    lies_in = set()
    for one in found["passages"]:
        lies_in |= set(range(one["start"], one["start"] + one["length"]))
    expected = "".join(
        character if at in lies_in else "\0" for at, character in enumerate(written(page))
    )
    assert underlined(page) == [one for one in expected.split("\0") if one]
    share = f"{100 * found['copied_share']:.1f}".removesuffix(".0")
    expect(page.locator(".copies")).to_contain_text(f"{share}% of this text")
    picture(page, "playground-copies")
    page.locator("#copies").uncheck()
    expect(page.locator(".copies")).to_be_empty()
    assert underlined(page) == []


def test_what_its_base_has_read_is_dotted_and_said_apart(
    open_page: OpenPage, copying_server: GunicornServer
) -> None:
    page = open_page(base=copying_server.base_url, model="tuned")
    page.locator("#temperature").fill("0")
    page.locator("#copies").check()
    write(page, "abc", 33)
    wait_until_done(page)
    expect(page.locator(".copies")).to_contain_text("66.7% of this text stands word for word")
    expect(page.locator(".copies")).to_contain_text("100% stands in what its base novels has read")
    assert underlined(page) == [TEXT[3:25]]
    lines = page.locator(".text-written > span").evaluate_all(
        "all => all.map(one => getComputedStyle(one).textDecorationStyle)"
    )
    assert lines == ["solid"] * 22 + ["dotted"] * 11
    expect(page.locator("#announcements")).to_contain_text("its base novels")
    page.get_by_role("button", name="Français").click()
    expect(page.locator(".copies")).to_contain_text("100 % se trouve dans ce que sa base novels")
    page.locator("#copies").uncheck()
    assert page.locator(".copied, .copied-base").count() == 0


def test_a_text_that_goes_on_is_examined_as_a_whole(
    open_page: OpenPage, copying_server: GunicornServer
) -> None:
    page = open_page(base=copying_server.base_url, model="copies")
    page.locator("#temperature").fill("0")
    page.locator("#copies").check()
    write(page, "abc", 19)
    wait_until_done(page)
    expect(page.locator(".copies")).to_contain_text("Nothing here stands word for word")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".text-written > span")).to_have_count(38)
    expect(page.locator(".copies")).to_contain_text("100% of this text")
    expect(page.locator(".copies")).to_contain_text("has 38 characters")
    page.get_by_role("button", name="Français").click()
    expect(page.locator(".copies")).to_contain_text("Le plus long passage a 38 caractères")


def test_without_the_text_it_is_said(open_page: OpenPage, copying_server: GunicornServer) -> None:
    page = open_page(base=copying_server.base_url, may_fail=True, model="blind")
    expect(page.locator("#copies-why")).to_be_empty()  # nobody has asked yet
    page.locator("#copies").check()
    expect(page.locator("#copies-why")).to_contain_text("The text that blind has read is not on")
    choose_model(page, "copies")
    expect(page.locator("#copies-why")).to_be_empty()
    page.get_by_text("2 models").click()
    page.locator("#model2").select_option("blind")
    page.locator("#copies").check()
    write(page, "abc", 60)
    wait_until_done(page, 2)
    expect(page.locator(".copies").nth(0)).to_contain_text("The longest passage")
    expect(page.locator(".copies").nth(1)).to_contain_text("The text that blind has read is not on")
    page.locator("#more > summary").click()
    page.locator("#max_copy").fill("30")
    page.locator("#generate").click()
    expect(page.locator(".sheet[data-state=failed] .notice")).to_contain_text("nor prevented")
    picture(page, "playground-copies-unknown")


def test_a_text_edited_under_way_is_said(open_page: OpenPage, tmp_path: Path) -> None:
    corpus = {"sha256": hashlib.sha256(TEXT.encode()).hexdigest()}
    write_model(
        tmp_path, "copies", alphabet=sorted(set(TEXT)), weights=pair_weights(TEXT), corpus=corpus
    )
    (tmp_path / "copies.txt").write_text(TEXT + "more", encoding="utf-8")
    with GunicornServer(tmp_path) as server:
        page = open_page(base=server.base_url, may_fail=True, model="copies")
        page.locator("#copies").check()
        write(page, "abc", 30)
        wait_until_done(page)
        expect(page.locator(".copies")).to_contain_text("is not on this server")


def test_a_link_and_the_lines_of_code_hold_it(
    open_page: OpenPage, copying_server: GunicornServer
) -> None:
    page = open_page(base=copying_server.base_url, model="copies")
    page.locator("#more > summary").click()
    page.locator("#max_copy").fill("33")
    page.locator("#copies").check()
    page.locator("#random_state").fill("1")
    write(page, "abc", 200)
    wait_until_done(page)
    expect(page.locator(".copies")).to_contain_text("has 33 characters")
    other = open_page(f"#{urlsplit(address_of(page)).fragment}", base=copying_server.base_url)
    expect(other.locator(".sheet")).to_have_attribute("data-link", "same")
    expect(other.locator("#copies")).to_be_checked()
    expect(other.locator("#max_copy")).to_have_value("33")
    expect(other.locator(".copies")).to_contain_text("has 33 characters")
    assert underlined(other) == underlined(page)
    open_code(page)
    curl, python, javascript = (
        page.locator(f"#code-{one}").text_content() or ""
        for one in ("curl", "python", "javascript")
    )
    said = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, check=True).stdout
    assert json.loads(said)["text"] == text_of(page)
    assert json.loads(said)["originality"]["longest"]["length"] == 33
    command = [sys.executable, "-c", python]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"{text_of(page)}\n{{") and "'length': 33" in said
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    with page.expect_console_message():
        page.evaluate(f"async () => {{ {javascript} }}")
    assert heard[0].startswith(text_of(page))
    page.locator("#code-dialog").get_by_role("button", name="Close").click()
    page.locator("#copies").uncheck()
    assert "u=1" not in address_of(page)
    open_code(page)
    plain = page.locator("#code-curl").text_content() or ""
    assert "originality" not in plain and '"max_copy":33' in plain


def test_a_longest_copy_that_cannot_be_is_said(
    open_page: OpenPage, copying_server: GunicornServer
) -> None:
    page = open_page(base=copying_server.base_url, model="copies")
    page.locator("#more > summary").click()
    page.locator("#max_copy").fill("19")
    page.locator("#generate").click()
    expect(page.locator("#form-problem")).to_have_text(
        re.compile("Longest copied passage: a whole number, 20 to")
    )
    expect(page.locator("#max_copy")).to_be_focused()


def test_what_a_shipped_model_has_read_is_fetched_from_the_page(
    open_page: OpenPage, tmp_path: Path
) -> None:
    corpus = {"file": "made.txt", "sha256": entry().sha256, "characters": len(MADE)}
    for name in ("made", "other"):
        write_model(
            tmp_path, name, alphabet=sorted(set(MADE.decode())), stateful=True,
            weights=pair_weights(MADE.decode()), corpus=corpus if name == "made" else {},
        )  # fmt: skip
    mirror = Mirror()
    env = {"SIMPLEML_TRAINING": "1", "SIMPLEML_CORPORA_URL": mirror.url}
    config = ("-c", str(ROOT / "tests" / "catalogue.conf.py"))
    with GunicornServer(tmp_path, env=env, args=config) as server:
        page = open_page(base=server.base_url, may_fail=True, model="made")
        said = page.locator("#copies-why")
        expect(said).to_be_empty()  # nobody has asked yet
        page.locator("#copies").check()
        expect(said).to_contain_text(f"what made has read: {len(MADE):,} characters")
        page.get_by_role("button", name="Français").click()
        said.get_by_role("button", name="Télécharger ce texte").click()
        expect(said).to_contain_text("Le téléchargement a échoué.")
        expect(said.locator('[lang="en"]')).to_contain_text("answers 404")
        assert serious(page) == []
        mirror.files["made.txt"], mirror.go_on = MADE, threading.Event()
        said.get_by_role("button", name="Télécharger ce texte").click()
        expect(said).to_contain_text("Téléchargement de ce que made a lu : ")
        choose_model(page, "other")
        expect(said).to_contain_text("Le texte que other a lu n’est pas")
        choose_model(page, "made")
        expect(said).to_contain_text("Téléchargement de ce que made a lu : ")
        mirror.go_on.set()
        expect(said).to_be_empty()
        write(page, "Once ", 60)
        wait_until_done(page)
        expect(page.locator(".copies")).to_contain_text("mot pour mot")
    mirror.close()


def test_where_the_page_may_not_fetch_it_says_the_line_that_does(
    open_page: OpenPage, tmp_path: Path
) -> None:
    write_model(tmp_path, "made", corpus={"file": "made.txt", "sha256": entry().sha256})
    config = ("-c", str(ROOT / "tests" / "catalogue.conf.py"))
    with GunicornServer(tmp_path, args=config) as server:
        page = open_page(base=server.base_url, model="made")
        page.locator("#copies").check()
        expect(page.locator("#copies-why code")).to_have_text("simpleml corpora get made")
        expect(page.locator("#copies-why button")).to_have_count(0)
