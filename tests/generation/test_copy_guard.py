"""max_copy: nothing longer is copied, whatever the corpus, the seed, the dice or the company."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import Asked
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from models import WORDS, pair_weights, write_model

from simpleml import ModelLoader, SequenceGenerator
from simpleml.copying.guard import CopyGuard, guards
from simpleml.copying.index import PASSAGE, OriginalityIndex
from simpleml.errors import CorpusUnavailableError, InvalidValueError
from simpleml.generation.engine import Engine
from simpleml.generation.text_stream import GenerationOptions, RandomSource, TextStream
from simpleml.models.vocabulary import Vocabulary

CIRCLE = "abcdefghijklmnopqrstuvwxyz .,;" * 12


def learnt(folder: Path, text: str, name: str = "tales", **described: Any) -> SequenceGenerator:
    """A model that copies a text, which lies beside it."""
    data = text.encode()
    (folder / f"{name}.txt").write_bytes(data)
    corpus = {"file": f"{name}.txt", "sha256": hashlib.sha256(data).hexdigest()}
    write_model(
        folder, name, alphabet=sorted(set(text)), weights=pair_weights(text), corpus=corpus,
        stateful=True, **described,
    )  # fmt: skip
    return ModelLoader(folder).load(name)


def guarded(
    vocabulary: Vocabulary,
    options: GenerationOptions,
    seed: Sequence[int],
    rng: RandomSource,
    index: OriginalityIndex,
) -> TextStream:
    """A text that the guard goes along with."""
    processors = guards(index, options.max_copy, vocabulary)(seed)
    return TextStream(vocabulary, options, seed, rng, processors=processors)


def longest_run(corpus: str, seed: str, text: str) -> int:
    """Characters of the longest stretch that ends in the generated part and stands in the corpus;
    of a stretch that ends where the seed does nothing is said."""
    whole, longest = seed + text, 0
    for end in range(len(seed) + 1, len(whole) + 1):
        while longest < end and whole[end - longest - 1 : end] in corpus:
            longest += 1
    return longest


@pytest.mark.parametrize("most", [20, 21, 33, 100])
def test_no_run_is_longer_and_without_the_option_there_is_one(tmp_path: Path, most: int) -> None:
    model = learnt(tmp_path, CIRCLE)
    seed = CIRCLE[7:60]
    free = model.generate(400, 0.5, seed, random_state=1)[len(seed) :]
    assert longest_run(CIRCLE, seed, free) > most
    held = model.generate(400, 0.5, seed, random_state=1, max_copy=most)[len(seed) :]
    assert longest_run(CIRCLE, seed, held) <= most
    # at a run's end another symbol is drawn, and then it copies again
    assert longest_run(CIRCLE, "", held) == most


def test_up_to_the_first_run_that_is_too_long_the_text_is_the_same(tmp_path: Path) -> None:
    model = learnt(tmp_path, CIRCLE)
    free = model.generate(100, 0.0, "abc")
    held = model.generate(100, 0.0, "abc", max_copy=40)
    assert held[:40] == free[:40]
    assert held[40] != free[40]


class _Follows:
    """A source of draws that takes the likeliest, or the k-th likeliest now and then."""

    def __init__(self, choices: Sequence[int]) -> None:
        self._choices = list(choices)

    def multinomial(self, n: int, pvals: Any, /) -> Any:
        order = np.argsort(-pvals, kind="stable")
        chosen = self._choices.pop(0) if self._choices else 0
        drawn = np.zeros(len(pvals), np.int64)
        possible = order[: max(1, int((pvals > 0).sum()))]
        drawn[possible[chosen % len(possible)]] = 1
        return drawn


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_it_agrees_with_looking_at_every_stretch(data: st.DataObject) -> None:
    alphabet = data.draw(st.sampled_from(["ab", "abc", "aé漢😀"]))
    blocks = data.draw(st.lists(st.text(alphabet, min_size=1, max_size=40), min_size=1, max_size=4))
    corpus = "".join(
        data.draw(st.sampled_from(blocks)) for _ in range(data.draw(st.integers(2, 12)))
    )
    corpus = (corpus + blocks[0] * PASSAGE)[: max(PASSAGE, len(corpus))].ljust(PASSAGE, alphabet[0])
    most = data.draw(st.integers(PASSAGE, 45))
    cut = data.draw(st.integers(0, len(corpus)))
    seed = data.draw(st.sampled_from(["", corpus[:cut], corpus[cut:], "b" * 30]))
    vocabulary = Vocabulary.of(alphabet + "b")
    seed = "".join(one for one in seed if one in vocabulary.index)
    stream = guarded(
        vocabulary,
        GenerationOptions(size=120, temperature=1.0, max_copy=most),
        vocabulary.encode(seed).indices,
        _Follows(data.draw(st.lists(st.integers(0, 2), max_size=30))),
        OriginalityIndex.build(corpus),
    )
    text = seed
    while stream.finish_reason is None:
        # what a reader of the corpus would go on with
        at = next((corpus.find(text[-n:]) + n for n in range(60, 0, -1) if text[-n:] in corpus), 0)
        likely = vocabulary.index.get(corpus[at : at + 1], 0)
        log_p = np.log(np.where(np.arange(len(vocabulary)) == likely, 0.9, 0.05))
        stream.accept(log_p)
        new = vocabulary.symbols[stream.last_symbol]
        copies = [text[-most:] + one in corpus for one in vocabulary.symbols]
        if len(text) >= most and not all(copies):
            assert text[-most:] + new not in corpus
        text += new


def test_where_all_symbols_go_on_with_a_copy_one_is_drawn_all_the_same() -> None:
    index = OriginalityIndex.build("a" * 40 + "b" + "a" * 40)
    stream = guarded(
        Vocabulary.of("ab"),
        GenerationOptions(size=30, temperature=0, max_copy=25),
        [0] * 25,
        np.random.RandomState(0),
        index,
    )
    while stream.finish_reason is None:
        stream.accept(np.log([0.9, 0.1]))
    assert stream.take() == "a" * 30


def test_where_what_is_allowed_has_no_probability_the_first_allowed_symbol_is_taken() -> None:
    vocabulary = Vocabulary.of("abc")
    for temperature in (0.0, 1.0):
        stream = guarded(
            vocabulary,
            GenerationOptions(size=1, temperature=temperature, max_copy=20),
            [0] * 20,
            np.random.RandomState(0),
            OriginalityIndex.build("a" * 40),
        )
        with np.errstate(divide="ignore"):
            stream.accept(np.log([1.0, 0.0, 0.0]))
        assert stream.take() == "b"


def test_the_symbol_for_unknown_words_is_not_drawn_instead() -> None:
    vocabulary = Vocabulary.of("abc", unknown_symbol="b")
    stream = guarded(
        vocabulary,
        GenerationOptions(size=1, temperature=0, max_copy=20),
        [0] * 20,
        np.random.RandomState(0),
        OriginalityIndex.build("a" * 40),
    )
    with np.errstate(divide="ignore"):
        stream.accept(np.log([1.0, 0.0, 0.0]))
    assert stream.take() == "c"


def test_the_text_is_the_same_alone_and_in_a_batch(tmp_path: Path) -> None:
    model = learnt(tmp_path, CIRCLE)
    index = ModelLoader(tmp_path).corpus_index(model)
    engine = Engine()
    alone = [
        model.generate(150, 0.8, CIRCLE[:30], random_state=k, max_copy=30)[30:] for k in range(4)
    ]
    asked = [
        Asked(
            engine, model, CIRCLE[:30], size=150, temperature=0.8, random_state=k, max_copy=30,
            index=index,
        )
        for k in range(4)
    ]  # fmt: skip
    beside = [Asked(engine, model, "xyz", size=90, random_state=k) for k in range(3)]
    assert [one.text() for one in asked] == alone
    for one in beside:
        one.wait()
    engine.close()


def test_other_options_hold_at_the_same_time(tmp_path: Path) -> None:
    model = learnt(tmp_path, CIRCLE)
    text = model.generate(
        300, 1.0, CIRCLE[:40], random_state=3, max_copy=25, top_k=3, repetition_penalty=1.05,
        logprobs=2,
    )[40:]  # fmt: skip
    assert longest_run(CIRCLE, CIRCLE[:40], text) <= 25


def test_a_text_that_the_model_read_in_lower_case_is_compared_in_lower_case(tmp_path: Path) -> None:
    model = learnt(tmp_path, CIRCLE, lower=True)
    upper = CIRCLE.upper().encode()
    (tmp_path / "tales.txt").write_bytes(upper)
    card = {"file": "tales.txt", "sha256": hashlib.sha256(upper).hexdigest()}
    write_model(
        tmp_path, "tales", alphabet=sorted(set(CIRCLE)), weights=pair_weights(CIRCLE), corpus=card,
        lower=True, stateful=True,
    )  # fmt: skip
    model = ModelLoader(tmp_path).load("tales")
    text = model.generate(200, 0.5, "ABC", random_state=1, max_copy=30)[3:]
    assert longest_run(CIRCLE, "abc", text) == 30


def test_streams_are_held_too(tmp_path: Path) -> None:
    model = learnt(tmp_path, CIRCLE)
    pieces = "".join(model.stream(200, 0.5, "abc", random_state=1, max_copy=30))
    assert "abc" + pieces == model.generate(200, 0.5, "abc", random_state=1, max_copy=30)


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    model = learnt(tmp_path, CIRCLE)
    with pytest.raises(InvalidValueError, match="max_copy is 19; it must be 20 to") as refused:
        model.generate(10, max_copy=19)
    assert refused.value.param == "max_copy"
    (tmp_path / "words.txt").write_text(CIRCLE)
    write_model(tmp_path, "words", level="word", alphabet=WORDS)
    with pytest.raises(InvalidValueError, match="this one writes words"):
        ModelLoader(tmp_path).load("words").generate(10, max_copy=20)
    (tmp_path / "tales.txt").unlink()
    with pytest.raises(CorpusUnavailableError, match=r"not in the models folder \(tales\.txt\)"):
        model.stream(10, max_copy=20)


def test_the_index_is_asked_no_more_often_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    find = OriginalityIndex.continuations

    def counted(self: OriginalityIndex, codes: Any, most: int) -> Any:
        nonlocal asked
        asked += 1
        return find(self, codes, most)

    monkeypatch.setattr(OriginalityIndex, "continuations", counted)
    vocabulary = Vocabulary.of(CIRCLE)
    guard = CopyGuard(OriginalityIndex.build(CIRCLE), 59, vocabulary, [])
    for character in CIRCLE[:200]:
        guard.accept(vocabulary.index[character])
    assert asked == 1 + 200 // 40
