"""A seed becomes indices: unknown symbols are told, mapped to what is near, or left out."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpleml.errors import UnknownCharactersError
from simpleml.models.vocabulary import EncodedSeed, Vocabulary

FRENCH = Vocabulary.of("\n !'(),-.?abcdefghijklmnopqrstuvwxyzABCDEàçèéêœ\"")


def read(vocabulary: Vocabulary, seed: EncodedSeed) -> str:
    """What the network reads."""
    return vocabulary.join(vocabulary.symbols[index] for index in seed.indices)


def nearest(seed: str, vocabulary: Vocabulary = FRENCH) -> str:
    return read(vocabulary, vocabulary.encode(seed, "nearest"))


def message(seed: Any, vocabulary: Vocabulary = FRENCH) -> str:
    with pytest.raises(UnknownCharactersError) as caught:
        vocabulary.encode(seed)
    assert (caught.value.status, caught.value.code) == (400, "unknown_characters")
    assert caught.value.param == "seed"
    return caught.value.message


@given(st.text(alphabet=FRENCH.symbols))
def test_known_symbols_stay_as_they_are(seed: str) -> None:
    for policy in ("error", "nearest", "skip"):
        encoded = FRENCH.encode(seed, policy)  # type: ignore[arg-type]
        assert read(FRENCH, encoded) == seed
        assert encoded.changes == []


@given(st.text())
def test_every_seed_can_be_mapped_and_skipped(seed: str) -> None:
    for policy in ("nearest", "skip"):
        encoded = FRENCH.encode(seed, policy)  # type: ignore[arg-type]
        assert all(0 <= index < len(FRENCH) for index in encoded.indices)


@given(st.text())
def test_changes_tell_the_whole_difference(seed: str) -> None:
    """Applying the reported changes to the seed gives what the network read."""
    for policy in ("nearest", "skip"):
        encoded = FRENCH.encode(seed, policy)  # type: ignore[arg-type]
        rebuilt, at = "", 0
        for change in encoded.changes:
            assert seed[change.position :].startswith(change.original)
            rebuilt += seed[at : change.position] + change.replacement
            at = change.position + len(change.original)
        assert rebuilt + seed[at:] == read(FRENCH, encoded)


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        ("l’été", "l'été"),
        ("“oui”", '"oui"'),
        ("«\u00a0oui\u202f»", '" oui "'),
        ("oui — non – ici", "oui -- non - ici"),
        ("attends…", "attends..."),
        ("cœur", "cœur"),
        ("Æneas", "AEneas"),
        ("naïf", "naif"),
        ("où", "ou"),
        ("Zoé", "zoé"),
        ("ÉTÉ", "EtE"),
        ("ŒUVRE", "œuvrE"),
        ("ﬁn", "fin"),
        ("tab\there", "tab here"),
        ("line\r\nend", "line\nend"),
        ("x²", "x"),
        ("100 €", " "),
        ("漢字", ""),
        ("🙂", ""),
        ("a\x00b", "ab"),
    ],
)
def test_nearest_takes_the_plain_form(seed: str, expected: str) -> None:
    assert nearest(seed) == expected


def test_nearest_reads_the_line_ends_of_windows_as_one() -> None:
    encoded = Vocabulary(["\n", "a", "b"]).encode("a\r\nb", "nearest")
    assert encoded.indices == [1, 0, 2]
    assert [one.to_json() for one in encoded.changes] == [
        {"position": 1, "original": "\r\n", "replacement": "\n"}
    ]


@pytest.mark.parametrize("word", ["été", "ça et là", "très", "forêt"])
def test_nearest_reads_decomposed_accents_as_the_letters_the_model_knows(word: str) -> None:
    """macOS and some keyboards type e and ´ as two characters."""
    decomposed = unicodedata.normalize("NFD", word)
    assert decomposed != word
    assert nearest(decomposed) == word


def test_nearest_reads_composed_letters_as_the_marks_the_model_knows() -> None:
    model = Vocabulary.of("et\u0301")
    assert nearest("été", model) == "e\u0301te\u0301"


def test_marks_that_the_model_knows_stay_where_they_are() -> None:
    model = Vocabulary.of("eté\u0301")
    assert nearest("e\u0301té", model) == "e\u0301té"


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        ("n\u0303", "n"),
        ("é\u0323", "é"),
        ("e\u0301\u0323", "e"),
        ("œ\u0301", "œ"),
        ("\u0301a", "a"),
    ],
)
def test_nearest_drops_marks_that_nothing_carries(seed: str, expected: str) -> None:
    assert nearest(seed) == expected


def test_nearest_names_the_whole_letter_that_it_changed() -> None:
    encoded = FRENCH.encode("un n\u0303andu", "nearest")
    assert [one.to_json() for one in encoded.changes] == [
        {"position": 3, "original": "n\u0303", "replacement": "n"}
    ]


def test_skip_leaves_out_and_reports() -> None:
    encoded = FRENCH.encode("à 10 €", "skip")
    assert read(FRENCH, encoded) == "à  "
    assert [(one.position, one.original, one.replacement) for one in encoded.changes] == [
        (2, "1", ""),
        (3, "0", ""),
        (5, "€", ""),
    ]


def test_error_names_the_character_its_place_and_its_unicode_name() -> None:
    said = message("le prix: 5 €")
    assert said.startswith("The model does not know ':' (COLON) at position 7")
    assert "'5' (DIGIT FIVE) at position 9" in said
    assert "'€' (EURO SIGN) at position 11 (nothing near it is known)" in said
    assert "on_unknown=nearest" in said


@pytest.mark.parametrize(
    ("seed", "near"),
    [("Zut", "'z'"), ("naïf", "'i'"), ("l’or", '"\'"'), ("—", "'--'"), ("ü", "'u'")],
)
def test_error_names_the_nearest_known_characters(seed: str, near: str) -> None:
    assert f"(nearest: {near})" in message(seed)


def test_error_shows_characters_that_cannot_be_seen() -> None:
    said = message("a\u200bb\x07\ud800")
    assert r"'\u200b' (ZERO WIDTH SPACE) at position 1" in said
    assert r"'\x07' (U+0007) at position 3" in said
    assert r"'\ud800' (U+D800) at position 4" in said
    said.encode()


def test_error_names_a_repeated_character_once_at_its_first_place() -> None:
    said = message("€1€2€")
    assert said.count("EURO SIGN") == 1
    assert "'€' (EURO SIGN) at position 0" in said


def test_error_stays_short_for_a_seed_of_unknown_characters() -> None:
    said = message("".join(map(chr, range(0x4E00, 0x4E00 + 500))) * 20)
    assert "and 495 other characters" in said
    assert len(said) < 700


# --- words ----------------------------------------------------------------------------------------

FOREIGN = Vocabulary(["le", "sultan", "dit", "Oui"])
OURS = Vocabulary(
    ["<unk>", " le", "le", " sultan", " dit", ",", "."],
    level="word",
    lossless_words=True,
    unknown_symbol="<unk>",
)


def test_foreign_words_are_split_at_white_space() -> None:
    assert FOREIGN.encode(" le\tsultan \n dit ").indices == [0, 1, 2]


def test_foreign_words_may_come_as_a_list() -> None:
    assert FOREIGN.encode(["le", "sultan"]).indices == [0, 1]


def test_an_unknown_word_is_told_with_its_place_and_its_neighbours() -> None:
    said = message("le  sultane dit", FOREIGN)
    assert "does not know 'sultane' at position 4 (nearest: 'sultan')" in said


def test_words_in_another_case_are_near() -> None:
    assert read(FOREIGN, FOREIGN.encode("Le SULTAN oui", "nearest")) == "le sultan Oui"


def test_unknown_words_of_a_list_are_skipped_one_by_one() -> None:
    assert FOREIGN.encode(["le", "vizir", "dit"], "skip").indices == [0, 2]


def test_a_list_for_a_model_of_characters_skips_no_neighbour() -> None:
    assert Vocabulary.of("abc").encode(["xyz", "a", "b"], "skip").indices == [0, 1]


def test_a_rare_word_becomes_the_unknown_symbol() -> None:
    encoded = OURS.encode("le vizir dit.")
    assert [OURS.symbols[index] for index in encoded.indices] == ["le", "<unk>", " dit", "."]
    assert [(one.position, one.original, one.replacement) for one in encoded.changes] == [
        (2, " vizir", "<unk>")
    ]


def test_a_word_at_the_start_may_be_known_with_its_space_alone() -> None:
    assert [OURS.symbols[index] for index in OURS.encode("sultan").indices] == [" sultan"]


def test_the_unknown_symbol_itself_cannot_be_typed() -> None:
    encoded = OURS.encode("<unk>", "skip")
    assert encoded.indices == []
    assert len(encoded.changes) == 3


def test_seeds_are_put_in_lower_case_where_the_text_was() -> None:
    model = Vocabulary.of("abcé", lower=True)
    assert model.encode("ABCÉ").indices == [0, 1, 2, 3]
