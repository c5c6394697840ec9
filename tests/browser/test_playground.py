"""The playground as a visitor uses it."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

from models import write_model
from pages import (
    HOSTILE,
    OpenPage,
    address_of,
    open_code,
    picture,
    tear,
    text_of,
    wait_until_done,
    write,
    written,
)
from playwright.sync_api import Page, expect
from servers import GunicornServer
from waiting import wait_until


def numbers_of(page: Page) -> list[int]:
    """The random numbers in the address: of the text, and of each continuation."""
    return [int(one) for one in re.findall(r"(?:&|%26)r(?:=|%3D)(\d+)", address_of(page))]


def post(server: GunicornServer, model: str, **body: object) -> str:
    """What POST /<model> answers."""
    request = urllib.request.Request(f"{server.base_url}/{model}", json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        return str(answer.read().decode())


def test_the_first_model_that_works_is_chosen(open_page: OpenPage, tmp_path: Path) -> None:
    tear(write_model(tmp_path, "abc"))
    write_model(tmp_path, "good")
    with GunicornServer(tmp_path) as server:
        page = open_page(base=server.base_url, may_fail=True)
        expect(page.locator("#generate")).to_be_enabled()
        assert page.locator("#model").input_value() == "good"
        expect(page.locator("#model-problem")).to_be_empty()


def test_the_model_that_one_lands_on_is_finished_in_ones_language_and_good(
    open_page: OpenPage, tmp_path: Path
) -> None:
    learning = {"note": "still training: measured on a slice of the training part"}
    for name, language, metrics in (
        ("absent", None, {}),
        ("aa-learning", "fr", learning),
        ("bon", "fr", {"bits_per_character": 1.4}),
        ("bof", "fr", {"bits_per_character": 2.4}),
        ("fine", "en", {"bits_per_character": 1.5}),
    ):
        title = {"fr": "Contes de fées", "en": "Fairy tales"} if name == "bon" else {}
        notes = {"samples": [{"mode": "window", "temperature": 0.5, "text": "Il était une fois"}]}
        write_model(
            tmp_path, name, language=language, metrics=metrics, title=title, notes=notes
        )  # fmt: skip
    with GunicornServer(tmp_path) as server:
        page = open_page(base=server.base_url)
        assert page.locator("#model").input_value() == "fine"
        assert page.locator("#model2").input_value() == "absent"
        page = open_page("?model=gone", base=server.base_url, locale="fr-FR", may_fail=True)
        choice, problem = page.locator("#model"), page.locator("#model-problem")
        assert choice.input_value() == "bon"
        expect(problem).to_contain_text("« gone »")
        shown = choice.locator("option").all_text_contents()
        assert shown == ["aa-learning (apprend encore)", "absent", "bof", "Contes de fées", "fine"]
        expect(page.locator("#card-figure")).to_have_text("hésite entre 2,6 lettres\u00a0: bon")
        page.locator("#card > summary").click()
        expect(page.locator(".sample blockquote")).to_contain_text("Il était une fois")
        page.get_by_role("button", name="Qu’est-ce que cela veut dire").click()
        expect(page.locator("#help-bits")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#help-bits")).to_be_hidden()
        write(page, "", 20)
        wait_until_done(page)
        expect(page.locator(".sheet h2")).to_have_text("Contes de fées à la température 0,5")
        page.get_by_role("button", name="English").click()
        expect(page.locator(".sheet h2")).to_have_text("Fairy tales at temperature 0.5")
        expect(choice.locator("option").nth(3)).to_have_text("Fairy tales")
        shutil.rmtree(tmp_path / "bon")
        write_model(tmp_path, "newer")
        choice.dispatch_event("pointerdown")
        expect(problem).to_contain_text("“bon”")
        expect(choice).to_have_value("fine")
        assert "newer" in page.locator("#model2 option").all_text_contents()


def test_a_model_is_described(open_page: OpenPage) -> None:
    page = open_page(model="tales")
    names = page.locator("#model option").all_text_contents()
    assert names == ["flow", "slow", "tales", "torn", "words"]
    expect(page.locator("#card-figure")).to_have_text("hesitates between 4.5 letters: fair")
    page.locator("#card > summary").click()
    card = page.locator("#card-body")
    expect(card).to_contain_text(HOSTILE)
    expect(card).to_contain_text("public domain")
    expect(card).to_contain_text("250,000 characters")
    expect(card).to_contain_text("2.164 bits per character")
    expect(card).to_contain_text("the last 12 characters")
    curve = card.get_by_role("img")
    expect(curve).to_have_attribute("aria-label", re.compile("after 3 passes 2.48 bits per char"))
    expect(curve).to_have_attribute("aria-label", re.compile("counting letters needs 2.74"))
    expect(curve.locator(".counting")).to_have_count(1)
    expect(card).to_contain_text("merely counting letters")
    assert page.locator("#card-body script, #card-body img[src=x]").count() == 0


def test_a_text_streams_in_and_is_that_of_the_server(
    open_page: OpenPage, page_server: GunicornServer
) -> None:
    page = open_page(model="tales")
    page.locator("#more > summary").click()
    page.locator("#random_state").fill("7")
    picture(page, "playground-form")
    write(page, "once upon a ", 200)
    wait_until_done(page)
    assert len(written(page)) == 200
    expected = post(page_server, "tales", seed="once upon a ", size=200, temp=0.5, random_state=7)
    assert text_of(page) == expected
    expect(page.locator(".status")).to_have_text("Done: 200 characters.")
    expect(page.locator("#announcements")).to_contain_text("Done: 200 characters.")
    picture(page, "playground-text")


def test_stop_ends_at_once_and_frees_the_servers_row(
    open_page: OpenPage, page_server: GunicornServer
) -> None:
    page = open_page(model="slow")
    write(page, "once ", 10_000)
    expect(page.locator(".text-written span").nth(20)).to_be_attached()
    page.locator("#stop-all").click()
    expect(page.locator(".sheet")).to_have_attribute("data-state", "stopped")
    text = written(page)
    assert 20 < len(text) < 10_000
    expect(page.locator("#generate")).to_be_focused()

    def running() -> int:
        with urllib.request.urlopen(f"{page_server.base_url}/api/queue") as answer:
            return int(json.loads(answer.read())["running"])

    wait_until(lambda: running() == 0, what="the row is free")
    assert written(page) == text


def test_continue_goes_on_from_the_text(open_page: OpenPage, page_server: GunicornServer) -> None:
    page = open_page(model="flow")
    write(page, "once ", 50)
    wait_until_done(page)
    before = text_of(page)
    page.locator("#size").fill("30")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".text-written span")).to_have_count(80)
    wait_until_done(page)
    assert text_of(page).startswith(before)
    _, number = numbers_of(page)
    again = post(page_server, "flow", seed=before, size=30, temp=0.5, random_state=number)
    assert text_of(page) == again


def test_again_with_the_same_dice_or_with_others(open_page: OpenPage) -> None:
    page = open_page(model="tales")
    write(page, "the sultan ", 120)
    wait_until_done(page)
    first = text_of(page)
    number = numbers_of(page)
    page.locator("#size").fill("60")
    page.get_by_role("button", name="same chance").click()
    wait_until(lambda: len(written(page)) == 60, what="the shorter text")
    wait_until_done(page)
    assert first.startswith(text_of(page)) and numbers_of(page) == number
    page.get_by_role("button", name="new chance").click()
    wait_until(lambda: numbers_of(page) != number, what="another text")
    wait_until_done(page)
    assert not first.startswith(text_of(page))


def test_unknown_characters_are_marked_as_one_types_with_what_they_become(
    open_page: OpenPage,
) -> None:
    page = open_page(model="tales")
    page.locator("#seed").press_sequentially("Le “cœur” 漢")
    expect(page.locator("#seed-marks mark")).to_have_text(["L", "“", "œ", "”", "漢"])
    changes = page.locator("#seed-changes")
    expect(changes).to_contain_text("L is read as l")
    expect(changes).to_contain_text("œ is read as oe")
    expect(changes).to_contain_text("漢 is left out")
    picture(page, "playground-unknown")
    page.get_by_text("2 models").click()
    page.locator("#model2").select_option("words")
    expect(changes).to_contain_text("tales has never seen:")
    expect(changes).to_contain_text("words has never seen:")
    expect(changes).to_contain_text("is read as an unknown word")
    page.get_by_text("One text", exact=True).click()
    page.locator("#model").select_option("words")
    expect(changes).not_to_contain_text("tales")
    expect(changes).to_contain_text("is read as an unknown word")
    page.locator("#seed").fill("the sultan")
    expect(page.locator("#seed-marks mark")).to_have_count(0)
    page.locator("#model").select_option("tales")
    page.locator("#seed").fill("Le roi")
    page.locator("#size").fill("20")
    page.locator("#generate").click()
    wait_until_done(page)
    assert text_of(page).startswith("Le roi")


def test_examples_are_those_of_the_card_and_may_hold_markup(open_page: OpenPage) -> None:
    page = open_page(model="tales")
    page.get_by_role("button", name="the sultan & the <b>vizier</b>").click()
    expect(page.locator("#seed")).to_have_value("the sultan & the <b>vizier</b> ")
    expect(page.locator("#seed")).to_be_focused()
    page.locator("#model").select_option("flow")
    expect(page.locator(".chip").first).to_have_text("il était une fois")


def test_markup_in_a_seed_stays_text(open_page: OpenPage) -> None:
    page = open_page(model="tales")
    write(page, HOSTILE, 40)
    wait_until_done(page)
    assert text_of(page).startswith(HOSTILE)
    assert page.locator("img[src=x], main script, .text img").count() == 0


def test_any_character_shows_its_alternatives_and_the_surprise_is_coloured(
    open_page: OpenPage, page_server: GunicornServer
) -> None:
    page = open_page(model="tales")
    page.locator("#more > summary").click()
    page.locator("#random_state").fill("3")
    write(page, "once ", 60)
    wait_until_done(page)
    body = {"seed": "once ", "size": 60, "temp": 0.5, "random_state": 3, "logprobs": 5}
    request = urllib.request.Request(
        f"{page_server.base_url}/tales",
        json.dumps(body).encode(),
        {"Accept": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        every = json.loads(answer.read())["logprobs"]
    thought = every[10]
    page.locator(".text-written span").nth(10).hover()
    inspector = page.locator("#inspector")
    expect(inspector).to_be_visible()
    share = round(100 * 2.718281828459045 ** thought["top"][0][1], 1)
    shown = inspector.locator(".share").first.text_content() or ""
    assert abs(float(shown.rstrip("%")) - share) <= 0.5
    after = inspector.locator(".share.after").first.text_content() or ""
    assert abs(float(after.strip("<% ")) - 100 * thought["chances"][0]) <= 0.5
    for at in (
        min(range(60), key=lambda one: every[one]["logprob"]),
        max(range(60), key=lambda one: every[one]["logprob"]),
    ):
        page.locator(".text-written span").nth(at).hover()
        rare = every[at]["logprob"] < math.log(0.1)
        said = inspector.locator(".inspector-head")
        expect(said).to_contain_text("One chance in" if rare else "%")
    page.locator("#surprise").check()
    expect(page.locator("#legend")).to_be_visible()
    colours = page.locator(".text-written span").evaluate_all(
        "cells => [...new Set(cells.map(cell => getComputedStyle(cell).backgroundColor))]"
    )
    assert len(colours) > 1
    page.locator(".text-written span").nth(10).click()
    picture(page, "playground-surprise")
    page.keyboard.press("Escape")
    expect(inspector).to_be_hidden()


def test_three_temperatures_stream_side_by_side(
    open_page: OpenPage, page_server: GunicornServer
) -> None:
    page = open_page(model="tales", viewport={"width": 1440, "height": 900})
    page.get_by_text("3 temperatures").click()
    page.locator("#temperature-high").fill("1.5")
    write(page, "the vizier ", 80)
    wait_until_done(page, 3)
    titles = page.locator(".sheet h2").all_text_contents()
    assert titles == [f"tales at temperature {one}" for one in ("0.2", "0.6", "1.5")]
    assert len({text_of(page, number) for number in range(3)}) == 3
    tops = page.locator(".sheet").evaluate_all("all => all.map(one => one.offsetTop)")
    assert len(set(tops)) == 1, "they stand beside each other"
    open_code(page, 2)
    expect(page.locator("#code-curl")).to_contain_text('"temp":1.5')
    page.locator("#code-dialog").get_by_role("button", name="Close").click()
    picture(page, "playground-temperatures")


def test_two_models_stream_side_by_side(open_page: OpenPage) -> None:
    page = open_page(model="tales")
    page.get_by_text("2 models").click()
    page.locator("#model2").select_option("flow")
    write(page, "the vizier ", 80)
    wait_until_done(page, 2)
    titles = page.locator(".sheet h2").all_text_contents()
    assert titles == ["tales at temperature 0.5", "flow at temperature 0.5"]
    assert text_of(page, 0) != text_of(page, 1)


def test_every_option_is_sent_and_a_stop_text_ends_the_text(
    open_page: OpenPage, page_server: GunicornServer
) -> None:
    page = open_page(model="tales")
    page.locator("#more > summary").click()
    sent = {
        "top_k": 20, "top_p": 0.9, "min_p": 0.01, "repetition_penalty": 1.2, "random_state": 11,
    }  # fmt: skip
    for name, value in sent.items():
        page.locator(f"#{name}").fill(str(value))
    page.locator("#mode").select_option("stateful")
    page.locator("#stop").fill("zq\n\\n\\n\\n")
    page.locator("#temperature").fill("1.3")
    expect(page.locator("#temperature-words")).to_contain_text("Bold")
    write(page, "once ", 90)
    wait_until_done(page)
    expected = post(
        page_server, "tales",
        **sent, seed="once ", size=90, temp=1.3, stateful=True, stop=["zq", "\n\n\n"],
    )  # fmt: skip
    assert text_of(page) == expected
    page.locator("#reset").click()
    expect(page.locator("#top_k")).to_have_value("0")
    letter = expected[len("once ") + 40]
    page.locator("#random_state").fill("11")
    page.locator("#stop").fill(letter.replace("\n", "\\n"))
    page.locator("#generate").click()
    expect(page.locator(".status")).to_contain_text("Ended before a stop text")
    assert letter not in written(page)


def test_a_value_out_of_bounds_is_said_before_anything_is_sent(open_page: OpenPage) -> None:
    page = open_page(model="tales")
    page.locator("#more > summary").click()
    for field, value, message in (
        ("size", "0", "Length: a whole number, 1 to 10,000."),
        ("size", "20000", "Length: a whole number, 1 to 10,000."),
        ("top_p", "1.5", "Top p: 0.01 to 1."),
        ("random_state", "-1", "Random number: a whole number, 0 to 4,294,967,295."),
        ("stop", "a\nb\nc\nd\ne", "Up to four stop texts."),
    ):
        usual = page.locator(f"#{field}").input_value()
        page.locator(f"#{field}").fill(value)
        page.locator("#generate").click()
        expect(page.locator("#form-problem")).to_have_text(message)
        expect(page.locator(f"#{field}")).to_be_focused()
        page.locator(f"#{field}").fill(usual)
    assert page.locator(".sheet").count() == 0


def test_the_lines_for_curl_and_python_give_the_very_text(open_page: OpenPage) -> None:
    page = open_page(model="tales")
    write(page, 'it\'s a "tale" ', 40)
    wait_until_done(page)
    page.locator("#size").fill("20")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".text-written span")).to_have_count(60)
    wait_until_done(page)
    open_code(page)
    expect(page.locator("#code-explained")).to_contain_text("The last of 2 requests")
    curl, python, javascript = (
        page.locator(f"#code-{one}").text_content() or ""
        for one in ("curl", "python", "javascript")
    )
    picture(page, "playground-code")
    for command in (["bash", "-c", curl], [sys.executable, "-c", python]):
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert answer in (text_of(page), text_of(page) + "\n")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    with page.expect_console_message():
        # in the page, because it needs a browser and the page's origin
        page.evaluate(f"async () => {{ {javascript} }}")
    assert said == [text_of(page)]


def test_words_are_written_and_counted_as_words(open_page: OpenPage) -> None:
    page = open_page(model="words")
    expect(page.locator("#size-unit")).to_have_text("words")
    write(page, "the sultan", 12)
    wait_until_done(page)
    expect(page.locator(".status")).to_have_text("Done: 12 words.")
    assert page.locator(".text-written span").count() == 12


def test_the_form_can_be_used_while_a_text_comes_in(open_page: OpenPage) -> None:
    page = open_page(model="flow")
    write(page, "once ", 10_000)
    page.locator("#seed").fill("")
    typed = "the sultan said to his vizier, "
    page.locator("#seed").press_sequentially(typed)
    expect(page.locator("#seed")).to_have_value(typed)
    wait_until_done(page)
    assert len(written(page)) == 10_000


def test_a_small_page_that_asks_no_other_server(
    open_page: OpenPage, page_server: GunicornServer
) -> None:
    page = open_page(model="tales")
    sizes = page.evaluate(
        """() => Object.fromEntries(
             ["navigation", "resource"]
               .flatMap((type) => performance.getEntriesByType(type))
               .map((one) => [one.name, one.decodedBodySize]))"""
    )
    assert all(url.startswith((page_server.base_url, "blob:")) for url in sizes)
    assert len(sizes) > 15 and sum(sizes.values()) < 170_000
