"""Words that nobody wants to read: found in a text, and never completed while one is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from models import ALPHABET, WORDS, pair_weights, write_model

from simpleml import create_app
from simpleml.generation.sampling import Float64Array
from simpleml.models.vocabulary import Vocabulary
from simpleml.unwanted.guard import WordGuard, WordMasks
from simpleml.unwanted.words import LANGUAGES, UnwantedWords, fold, listed

CHARACTERS = Vocabulary(tuple(ALPHABET + "œÀ"))
OURS = UnwantedWords(["con", "merde", "sac à merde", "cœur", "zut"])


# --- which words ---


def test_both_lists_are_there_say_where_they_come_from_and_leave_ordinary_words_alone() -> None:
    import simpleml.unwanted.words as module

    for language in LANGUAGES:
        text = Path(module.__file__).with_name(f"{language}.txt").read_text("utf-8")
        assert "naughty-words" in text and "CC BY 4.0" in text
        assert len(listed(language)) > 50
    words = UnwantedWords.usual()
    assert words.count("Quelle merde. What a shit.") == {"merde": 1, "shit": 1}
    tale = "Le prince donna un baiser ; le chat et la chatte, la gueule du loup. Dick shot a cock."
    assert not words.count(tale)
    assert words.count("Il a dit : enculer, tarlouze. Said he: wanker!").total() == 3
    assert not words.count("The fair sex, an ass, a fit of pegging; the ejaculation of Cummings.")


def test_accents_and_the_language_tell_words_apart() -> None:
    words = UnwantedWords.usual()
    assert words.count("PÉDÉ, pede") == {"pédé": 1, "pede": 1}
    assert not words.count("du fromage râpé, une râpe"), "no rape"
    assert not words.count("the dog will bite, pros and cons of a cul-de-sac")
    assert words.count("la bite, le con et le cul").total() == 3
    assert words.count("Bite!") == {"bite": 1}, "who knows"
    assert UnwantedWords.usual(["Bite"]).count("the dog will bite") == {"bite": 1}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("MERDE, merdes!", {"merde": 1, "merdes": 1}),
        ("un con; des contes, un conte", {"con": 1}),
        ("Mon Cœur, mon coeur", {"coeur": 2}),
        (
            "un sac\nà-merde, sac a merdes",
            {"sac à merde": 1, "merde": 1, "sac a merdes": 1, "merdes": 1},
        ),
        ("emmerder, zutt", {}),
        ("", {}),
    ],
)
def test_words_are_found_as_they_are_read(text: str, found: dict[str, int]) -> None:
    assert OURS.count(text) == found


def test_a_teacher_adds_words_and_lets_others_through(tmp_path: Path) -> None:
    assert UnwantedWords.of_folder(tmp_path).phrases == UnwantedWords.usual().phrases
    (tmp_path / ".class").mkdir()
    told = {"words": ["École buissonnière"], "allowed": ["Merde"]}
    (tmp_path / ".class" / "words.json").write_text(json.dumps(told), "utf-8")
    words = UnwantedWords.of_folder(tmp_path)
    assert words.count("l'ecole  buissonniere, merde, putain") == {
        "ecole buissonniere": 1, "putain": 1,
    }  # fmt: skip
    (tmp_path / ".class" / "words.json").write_text("[1]")
    assert UnwantedWords.of_folder(tmp_path).phrases == UnwantedWords.usual().phrases


# --- while writing ---


def allowed(
    text: str, left: int = 100, words: UnwantedWords = OURS, language: str | None = None
) -> set[str]:
    """Characters that may follow a text that has so many more."""
    seed = [CHARACTERS.symbols.index(one) for one in text]
    guard = WordGuard(WordMasks(words, CHARACTERS, language), seed, left)
    log_p = guard.process(np.zeros(len(CHARACTERS)))
    return {CHARACTERS.symbols[number] for number in np.flatnonzero(log_p == 0)}


def test_a_long_word_ends_before_its_last_letter() -> None:
    for before in ("merd", "oh merd", "\nmerd", "'merd", "sac à merd", "MERD".lower()):
        assert set(ALPHABET) - allowed(before) == {"e"}, before
    for before in ("", "mer", "emmerd", "merda"):
        assert allowed(before) >= set(ALPHABET), before


def test_a_short_word_goes_on_until_it_is_another_one() -> None:
    assert set("abcdefghijklmnopqrstuvwxyz") <= allowed("le co") & allowed("le con")
    assert not set(" .,!'\n-7") & allowed("le con")
    assert set(" .,") <= allowed("le conte") & allowed("le bacon")
    assert "s" in allowed("con")
    assert not set(" .") & allowed("cons"), "its plural neither"


def test_what_is_ordinary_in_the_language_of_a_model_is_written() -> None:
    usual = UnwantedWords.usual()
    assert " " in allowed("a bite", words=usual, language="en")
    for language in ("fr", None):
        assert " " not in allowed("la bite", words=usual, language=language)
    assert " " not in allowed("a bite", words=UnwantedWords.usual(["bite"]), language="en")


def test_at_the_end_of_a_text_no_word_is_complete() -> None:
    assert "n" in allowed("le co", left=2)
    assert "n" not in allowed("le co", left=1)
    assert "t" not in allowed("zu", left=1)


def test_one_symbol_may_be_two_letters() -> None:
    assert not {"r"} & allowed("cœu")
    assert not {"r"} & allowed("coeu")


def drawn(words: UnwantedWords, seed: int, size: int) -> str:
    """A text drawn without any network, from all characters alike."""
    vocabulary = Vocabulary(tuple("abc "))
    guard = WordGuard(WordMasks(words, vocabulary), [], size)
    rng = np.random.default_rng(seed)
    text = ""
    for _ in range(size):
        p: Float64Array = np.exp(guard.process(np.log(np.full(4, 0.25))))
        index = int(rng.choice(4, p=p / p.sum()))
        guard.accept(index)
        text += vocabulary.symbols[index]
    return text


@given(
    st.lists(st.text("abc ", min_size=2, max_size=7), max_size=6),
    st.integers(0, 2**32 - 1),
    st.integers(1, 60),
)
def test_no_text_ever_holds_a_word(words: list[str], seed: int, size: int) -> None:
    """Unless nothing else is left: here one letter at least is in no word."""
    unwanted = UnwantedWords(word for word in words if "c" not in word)
    assert not unwanted.count(drawn(unwanted, seed, size))


def test_a_model_of_words_never_draws_one(tmp_path: Path) -> None:
    vocabulary = Vocabulary(tuple(WORDS), level="word", unknown_symbol="<unk>")
    masks = WordMasks(UnwantedWords(["vizier"]), vocabulary)
    guard = WordGuard(masks, [], 10)
    log_p = guard.process(np.zeros(len(WORDS)))
    assert {WORDS[number] for number in np.flatnonzero(log_p == -np.inf)} == {"<unk>", " vizier"}


# --- in a class ---


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    text = "oh putain. " * 40
    write_model(
        tmp_path, "rude", weights=pair_weights(text), alphabet=sorted(set(text)), stateful=True
    )
    return create_app(models_dir=tmp_path, class_=True)


def test_in_a_class_no_text_holds_one_and_the_same_request_is_the_same_text(
    app: Flask, tmp_path: Path
) -> None:
    keys = app.extensions["simpleml_class"].keys
    headers = {"X-API-Key": keys.pupils, "Accept": "application/json"}
    client, asked = app.test_client(), {"seed": "oh ", "size": 200, "random_state": 3}
    first = client.post("/rude", json=asked, headers=headers).json["generated"]
    assert not UnwantedWords.usual().count(first)
    for _ in range(2):
        assert client.post("/rude", json=asked, headers=headers).json["generated"] == first
    teacher = {**headers, "X-API-Key": keys.teacher}
    client.post("/api/class/rules", json={"block": False}, headers=teacher)
    rude = client.post("/rude", json=asked, headers=headers).json["generated"]
    assert UnwantedWords.usual().count(rude)
    alone = create_app(models_dir=tmp_path).test_client()
    headers = {"Accept": "application/json"}
    assert alone.post("/rude", json=asked, headers=headers).json["generated"] == rude
    client.post("/api/class/rules", json={"block": True, "allowed": ["Putain"]}, headers=teacher)
    assert client.post("/rude", json=asked, headers=teacher).json["generated"] == rude


def test_neither_a_name_nor_a_text_on_the_wall_holds_one(app: Flask) -> None:
    keys = app.extensions["simpleml_class"].keys
    headers = {"X-API-Key": keys.pupils, "Accept": "application/json"}
    client = app.test_client()
    text = {"text": "Merde alors", "model": "rude", "temperature": 0.5}
    for path, body in (("/api/class/wall", text), ("/api/class/name", {"name": "Merde"})):
        refused = client.post(path, json=body, headers=headers)
        assert refused.status_code == 400
        assert "does not want to read: merde" in refused.json["error"]["message"]


def test_folding_keeps_letters_apart_from_what_stands_between() -> None:
    assert fold("Élève, ŒUVRE ß") == "eleve, oeuvre ss"
