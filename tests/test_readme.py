"""What README.md and README.fr.md say of settings, options, models, files is so, in both alike."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from readme import CODE, LANGUAGES, ROOT, Readme, read

from simpleml.corpora import CATALOGUE
from simpleml.settings import table
from simpleml.web.original.parameters import GenerateParameters

ENGLISH, FRENCH = read("en"), read("fr")
BOTH = pytest.mark.parametrize("page", [ENGLISH, FRENCH], ids=LANGUAGES)
MOST_BYTES_OF_A_PICTURE = 150_000


@pytest.mark.parametrize(("variable", "default", "meaning"), table(), ids=lambda value: value)
def test_every_setting_stands_in_the_readmes_with_its_default_and_bounds(
    variable: str, default: str, meaning: str
) -> None:
    shown = f"`{default}`" if default else "none"
    assert f"| `{variable}` | {shown} | {meaning} |" in ENGLISH.text
    shown = f"`{default}`" if default else "aucune"
    (words,) = re.findall(rf"^\| `{variable}` \| {re.escape(shown)} \| (.+) \|$", FRENCH.text, re.M)
    bounds = re.search(r" \((\S+) to (\S+)\)$", meaning)
    if bounds:
        assert words.endswith(f" (de {bounds[1]} à {bounds[2]})")
    assert " (de " not in words or bounds


@BOTH
def test_no_setting_is_named_that_does_not_exist(page: Readme) -> None:
    known = {variable for variable, _, _ in table()}
    assert set(re.findall(r"SIMPLEML_[A-Z_]+", page.text)) <= known


@BOTH
def test_the_options_of_a_request_are_the_server_s(page: Readme) -> None:
    (options,) = (rows for rows in page.tables if rows[0].startswith("| option |"))
    named = {name for row in options[2:] for name in CODE.findall(row.split("|")[1])}
    assert named == set(GenerateParameters.model_fields)


@BOTH
def test_every_file_that_is_linked_to_or_shown_is_there(page: Readme) -> None:
    links = [link for link in page.links if "://" not in link]
    files = [link.split("#")[0] for link in links if not link.startswith("#")]
    assert files
    assert [file for file in files if not (ROOT / file).exists()] == []
    assert {link[1:] for link in links if link.startswith("#")} <= page.anchors


@BOTH
def test_every_file_of_the_tree_is_there(page: Readme) -> None:
    (tree,) = (block.body for block in page.blocks if block.body.startswith("app.py"))
    folder = ""
    for line in tree.splitlines():
        names = [name.rstrip(",") for name in line[:27].split()]
        assert names
        for name in names:
            path = (folder if line.startswith(" ") else "") + name
            assert (ROOT / path).exists(), path
        if not line.startswith(" "):
            folder = names[0]


@BOTH
def test_files_and_make_s_targets_named_in_the_text_exist(page: Readme) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = {
        name for line in re.findall(r"^\.PHONY:(.*)", makefile, re.M) for name in line.split()
    }
    spans = CODE.findall(page.prose)
    for span in spans:
        if span.startswith("pip install -r "):
            assert (ROOT / span.split()[-1]).exists(), span
        if "make " in span:
            assert span.split("make ")[1].split()[0] in targets, span
        if "simpleml.corpora get " in span:
            assert span.split()[-1] in CATALOGUE, span
        if re.fullmatch(r"(notebooks|docs|examples|bench)/\S+", span):
            assert (ROOT / span).exists(), span
    assert {"make serve", "make test"} <= {
        command for line in page.text.splitlines() for command in re.findall(r"make \w+", line)
    }


@BOTH
def test_pictures_are_small_and_have_words_for_those_who_do_not_see_them(page: Readme) -> None:
    assert len(page.pictures) >= 4
    for alternative, file in page.pictures:
        assert len(alternative) > 20
        assert (ROOT / file).stat().st_size < MOST_BYTES_OF_A_PICTURE


@pytest.mark.parametrize(
    "card_file",
    [file for file in sorted((ROOT / "ML").glob("*/*.json")) if file.stem == file.parent.name],
    ids=lambda file: file.stem,
)
def test_the_figures_of_every_model_are_its_card_s(card_file: Path) -> None:
    card: dict[str, Any] = json.loads(card_file.read_text("utf-8"))
    nats = [float(f"{card['metrics'][mode]['nats']:.3f}") for mode in ("stateful", "window")]
    minutes = round(card["training"]["seconds"] / 60)
    copied = card["notes"]["originality"].values()
    shares = [round(100 * one["copied_share"], 1) for one in copied]
    for page in (ENGLISH, FRENCH):
        learned, *copies = re.findall(rf"^\| {card_file.stem} \|(.+)$", page.text, re.M)
        size, *figures = page.numbers(learned.replace("x", " "))
        assert figures[:5] == [card["layers"], card["units"], minutes, *nats]
        assert abs(size - card["corpus"]["characters"] / 1e6) < 0.1
        if card_file.stem != "tetris":
            assert page.numbers(copies[0]) == [*shares, max(one["longest"] for one in copied)]


def test_each_page_leads_to_the_other_at_its_top() -> None:
    assert "(README.fr.md)" in "".join(ENGLISH.text.splitlines()[:4])
    assert "(README.md)" in "".join(FRENCH.text.splitlines()[:4])


def test_both_pages_have_the_same_structure() -> None:
    assert [level for level, _ in ENGLISH.headings] == [level for level, _ in FRENCH.headings]
    assert len(ENGLISH.pictures) == len(FRENCH.pictures)
    ours, theirs = (
        [re.sub(r"-(en|fr)\.png$|^README(\.fr)?\.md$|^#.*", "", link) for link in page.links]
        for page in (ENGLISH, FRENCH)
    )
    assert ours == theirs


def test_both_pages_have_the_same_tables() -> None:
    assert len(ENGLISH.tables) == len(FRENCH.tables)
    for ours, theirs in zip(ENGLISH.tables, FRENCH.tables, strict=True):
        assert len(ours) == len(theirs)
        for our, their in zip(ours, theirs, strict=True):
            assert CODE.findall(our) == CODE.findall(their)
            assert ENGLISH.numbers(our) == FRENCH.numbers(their)


def test_both_pages_have_the_same_code() -> None:
    assert [block.language for block in ENGLISH.blocks] == [b.language for b in FRENCH.blocks]
    for ours, theirs in zip(ENGLISH.blocks, FRENCH.blocks, strict=True):
        if ours.language == "text":
            assert len(ours.body.splitlines()) == len(theirs.body.splitlines())
        else:
            assert ours.without_comments() == theirs.without_comments()


def test_both_pages_give_the_same_numbers_in_their_text() -> None:
    ours, theirs = (sorted(page.numbers(page.running_text)) for page in (ENGLISH, FRENCH))
    assert ours == theirs


def test_the_french_is_set_as_french_is() -> None:
    text = re.sub(CODE, "", FRENCH.prose)
    text = re.sub(r"\]\([^)]*\)|^\|[ :|-]+\|$", "", text, flags=re.M)
    assert re.findall(r".{8} [:;?!»%](?=\s|$)", text) == []  # a space that could be a line's end
    assert re.findall(r"« .{8}|\d \d{3}\b|\w'\w", text) == []
