"""A logits processor that never completes an unwanted word.

It reads along, letter by letter. A word of some length ends before its last letter: what begins so
is hardly ever another word. A short one may be the beginning of others (con, contes): there it is
the end that is taken away, a space or a full stop, so that the word goes on. Nothing is taken
back: what was shown stays, and the same request gives the same text again.

Pure: it knows nothing of networks or requests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simpleml.models.vocabulary import Vocabulary
from simpleml.unwanted.words import UnwantedWords, forms, lower

LONG = 5
"""Letters from which on a word is ended before its last one."""
_SEED_SYMBOLS = 80
_END = ""  # in a node of the tree: a word ends here; how many letters it has
_BETWEEN = " "  # of two words

_Node = dict[str, Any]
_Indices = NDArray[np.int64]
_NOTHING: _Indices = np.zeros(0, np.int64)


class WordMasks:
    """What may not follow where, for one vocabulary; shared by all its texts.

    Args:
        words: the unwanted ones.
        vocabulary: of the model.
        language: of the model, if it is known.
    """

    def __init__(
        self, words: UnwantedWords, vocabulary: Vocabulary, language: str | None = None
    ) -> None:
        self.size = len(vocabulary)
        self.unknown = vocabulary.unknown_index
        self.letters = vocabulary.level == "char"
        self.symbols = [_letters(symbol) for symbol in vocabulary.symbols]
        self.root: _Node = {}
        for phrase in forms(words.within(language)):
            node = self.root
            for letter in _BETWEEN.join(phrase):
                node = node.setdefault(letter, {})
            node[_END] = len("".join(phrase))
        self.whole: _Indices = np.array(
            [
                number
                for number, symbol in enumerate(vocabulary.symbols)
                if not self.letters and words.count(symbol)
            ],
            np.int64,
        )
        """Symbols that are unwanted words by themselves, of a model that writes words."""
        self._masks: dict[tuple[int, bool], _Indices] = {}

    def after(self, node: _Node, last: bool) -> _Indices:
        """Symbols that would complete a word from a node on.

        Args:
            node: where a word, or phrase, has come to.
            last: the text ends with the next symbol.
        """
        key = id(node), last
        if key not in self._masks:
            found = [number for number in range(self.size) if self._completes(node, number, last)]
            self._masks[key] = np.array(found, np.int64)
        return self._masks[key]

    def _completes(self, node: _Node, number: int, last: bool) -> bool:
        letters = self.symbols[number]
        if letters == _BETWEEN:
            return _END in node
        end = walk(node, letters)
        return end is not None and _END in end and (last or end[_END] >= LONG)


def _letters(symbol: str) -> str:
    """A symbol's letters; a space for what is none, which parts words."""
    letters = lower(symbol)
    return letters if letters.isalpha() else _BETWEEN


def walk(node: _Node, letters: str) -> _Node | None:
    """Where letters lead from a node; None: to no word."""
    found: _Node | None = node
    for letter in letters:
        found = None if found is None else found.get(letter)
    return found


class WordGuard:
    """What one text may not go on with: a logits processor.

    Args:
        masks: of the model's vocabulary.
        seed: indices of what stands before the text.
        size: symbols that the text will have.
    """

    def __init__(self, masks: WordMasks, seed: Sequence[int], size: int) -> None:
        self._masks = masks
        self._left = size + len(seed[-_SEED_SYMBOLS:])
        self._nodes: list[_Node] = [masks.root]
        self._between = True
        for index in seed[-_SEED_SYMBOLS:]:
            self.accept(index)

    def process(self, log_p: NDArray[np.float64]) -> NDArray[np.float64]:
        """The log p (V,) without the symbols that would complete an unwanted word.

        Where every symbol that has a probability would, the first that would not is certain; where
        all would, nothing is taken out.
        """
        masks = self._masks
        parts = (
            [masks.after(node, self._left == 1) for node in self._nodes] if masks.letters else []
        )
        forbidden = np.concatenate([masks.whole, *parts])
        if not len(forbidden):
            return log_p
        allowed = np.ones(len(log_p), bool)
        allowed[forbidden] = False
        if masks.unknown is not None:
            allowed[masks.unknown] = False
        masked = np.where(allowed, log_p, -np.inf)
        if masked.max() == -np.inf and allowed.any():
            masked[allowed.argmax()] = 0.0
        return masked if allowed.any() else log_p

    def accept(self, index: int) -> None:
        """Go on with a symbol that was drawn."""
        self._left -= 1
        if not self._masks.letters or index >= self._masks.size:
            return
        letters = self._masks.symbols[index]
        if letters != _BETWEEN:
            nodes = (walk(node, letters) for node in self._nodes)
            self._nodes, self._between = [node for node in nodes if node], False
        elif not self._between:
            begun = [node[_BETWEEN] for node in self._nodes if _BETWEEN in node]
            self._nodes, self._between = [*begun, self._masks.root], True


def word_guards(masks: WordMasks, size: int) -> Callable[[Sequence[int]], list[WordGuard]]:
    """Makes the guard of a text of `size` symbols from the indices of its seed."""
    return lambda seed: [WordGuard(masks, seed, size)]
