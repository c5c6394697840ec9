"""Several models that write one text together: their distributions are mixed for each symbol.

    tales = ModelLoader("ML").load({"shakespeare": 0.7, "contes": 0.3})
    print(tales.generate(200, temperature=0.5, seq_seed="The sultan "))

A symbol's probability is the weighted sum of the members'; a member gives 0 to what its vocabulary
lacks. What was written each member reads in its own way: its nearest symbol, or nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from simpleml.errors import InvalidValueError
from simpleml.generation.batch import Batch, Slot, TextBatch
from simpleml.generation.blended_batch import BlendedBatch, Reading
from simpleml.generation.logits_processors import ProcessorMaker
from simpleml.generation.mix import mix_name
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.generation.text_stream import GenerationOptions
from simpleml.models.card import Card
from simpleml.models.vocabulary import Vocabulary


class Ensemble:
    """What the blends of the same members have in common, whatever their weights."""

    def __init__(self, members: Sequence[SequenceGenerator]) -> None:
        """Unite the members' vocabularies; their networks are theirs and shared.

        Raises:
            InvalidValueError: some write characters and some words, or other kinds of words.
        """
        self.members = tuple(members)
        check_kinds(members)
        self.vocabulary = _union([one.vocabulary for one in members])
        self.readings = [_reading(self.vocabulary, one.vocabulary) for one in members]
        self.card = _described(members, self.vocabulary)

    def new_batch(self, windows: Sequence[int | None]) -> BlendedBatch:
        """An empty batch; `windows` has each member's W, None where its state is carried on."""
        batches = [Batch(one.network, w) for one, w in zip(self.members, windows, strict=True)]
        return BlendedBatch(list(zip(batches, self.readings, strict=True)), len(self.vocabulary))


class Blend(SequenceGenerator):
    """An ensemble with the weights of its members: a SequenceGenerator over all their symbols."""

    def __init__(
        self,
        ensemble: Ensemble,
        weights: Sequence[float],
        processors: Callable[[SequenceGenerator, GenerationOptions], ProcessorMaker] | None = None,
    ) -> None:
        """Give each member its weight.

        Args:
            ensemble: of M members.
            weights: (M,) more than 0, summing to 1.
            processors: as SequenceGenerator's.
        """
        self.ensemble = ensemble
        self.weights = np.array(weights, np.float32)
        names = [one.name for one in ensemble.members]
        self.name = mix_name(dict(zip(names, weights, strict=True)))
        self.vocabulary = ensemble.vocabulary
        self.precision = ensemble.members[0].precision
        self.card = ensemble.card
        self._processors = processors

    def __repr__(self) -> str:
        return f"<Blend {self.name}: {self.precision}>"

    @property
    def members(self) -> tuple[SequenceGenerator, ...]:
        """The models that write, in the order of their names."""
        return self.ensemble.members

    @property
    def model(self) -> Ensemble:
        """The same for all weights: their texts share batches and wait in one line."""
        return self.ensemble

    def windows(self, stateful: bool | None = None) -> tuple[int | None, ...]:
        """Each member's W; None where its state is carried on."""
        return tuple(one.window(stateful) for one in self.members)

    def window(self, stateful: bool | None = None) -> int | None:
        """The longest W of the members, None where one of them carries its state on."""
        windows = [w for w in self.windows(stateful) if w is not None]
        return max(windows) if len(windows) == len(self.members) else None

    def new_batch(self, windows: Sequence[int | None]) -> BlendedBatch:
        """An empty batch for texts of these members, whatever their weights."""
        return self.ensemble.new_batch(windows)

    def join(self, batch: TextBatch, seed: Sequence[int]) -> Slot:
        """Add a text with these weights."""
        assert isinstance(batch, BlendedBatch)
        return batch.join(seed, self.weights)


def _described(members: Sequence[SequenceGenerator], vocabulary: Vocabulary) -> Card:
    """A card with what holds for all members; `layers` and `units` are the largest one's."""
    cards = [one.card for one in members]
    languages = {one.language for one in cards}
    hashes = {one.name: one.card.weights_sha256 for one in members}
    return Card(
        layers=max(one.layers for one in cards),
        units=max(one.units for one in cards),
        vocabulary_size=len(vocabulary),
        seq_maxlen=max(one.seq_maxlen for one in cards),
        level=vocabulary.level,
        stateful=any(one.stateful for one in cards),
        lower=vocabulary.lower,
        unknown_symbol=vocabulary.unknown_symbol,
        language=languages.pop() if len(languages) == 1 else None,
        weights_sha256=hashlib.sha256(repr(hashes).encode()).hexdigest(),
        notes={"members": hashes},
    )


def check_kinds(members: Sequence[SequenceGenerator]) -> None:
    """Raise InvalidValueError where models write different kinds of symbols."""
    names = [one.name for one in members]
    kinds = [(one.vocabulary.level, one.vocabulary.lossless_words) for one in members]
    for name, kind in zip(names, kinds, strict=True):
        if kind != kinds[0]:
            first, other = (
                "characters" if level == "char" else "words" if lossless else "words without spaces"
                for level, lossless in (kinds[0], kind)
            )
            raise InvalidValueError(
                f"{names[0]} writes {first} and {name} writes {other}; only models of one kind can "
                "be blended",
                param="mix",
                reason="mix_of_kinds",
                params={"first": names[0], "other": name},
            )


def _union(vocabularies: Sequence[Vocabulary]) -> Vocabulary:
    """All symbols, sorted; those that stand for unknown words only where all have the same."""
    unknown = {one.unknown_symbol for one in vocabularies}
    common = unknown.pop() if len(unknown) == 1 else None
    symbols = {
        symbol
        for one in vocabularies
        for symbol in one.symbols
        if symbol == common or symbol != one.unknown_symbol
    }
    return Vocabulary.of(
        symbols,
        level=vocabularies[0].level,
        lossless_words=vocabularies[0].lossless_words,
        unknown_symbol=common,
        lower=all(one.lower for one in vocabularies),
    )


def _reading(union: Vocabulary, member: Vocabulary) -> Reading:
    symbols = [symbol.lower() if member.lower else symbol for symbol in union.symbols]
    written = [
        index
        for index, symbol in enumerate(member.symbols)
        if symbol in union.index
        and (symbol != member.unknown_symbol or symbol == union.unknown_symbol)
    ]
    return Reading(
        symbols=tuple(tuple(member.encode([one], "nearest").indices) for one in symbols),
        written=np.array(written, np.int64),
        places=np.array([union.index[member.symbols[one]] for one in written], np.int64),
    )
