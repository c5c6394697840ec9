"""What to do about a text, and which network its time is enough for: rules drawn from measurements.

On 30,000 characters of one author, judged on 60,000 others of the same: 3x512 reached 1.77 nats
per character, 2x256 1.84. Where there is time, the largest usual network is the best one, for a
short text too. With a limit of three minutes on a busy machine 3x256 ended at 3.10 bits per
character, 2x128 at 2.34, counting at 2.16: what matters is how many updates the limit leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simpleml.training.check.inspection import Inspection
from simpleml.training.machine import Speed
from simpleml.training.options import TrainingOptions
from simpleml.training.progress import duration

ENDS_DIFFER = 0.10  # bits per character
TOO_SHORT, SHORT = 20_000, 100_000  # characters
LITTLE = 5_000  # characters, for a network that knows the language
SIZES = ((3, 512), (2, 256), (2, 128))  # layers and units, the better ones first
ENOUGH_UPDATES = 1_000
"""A stack of LSTMs stays at the frequencies of the symbols for 150 to 200 updates; the run that
reached 1.77 nats made 2,500."""
_SHOWN_WORDS = 8
OVERHEAD = 0.15  # share of a 3x512 update's time that does not shrink with the network


@dataclass(frozen=True)
class Advice:
    """One thing to know or to do about a text."""

    code: str  # for programs: which advice it is
    words: str  # a sentence or two
    values: dict[str, float]  # the numbers in it


def advise(seen: Inspection, speed: Speed, base: str | None = None) -> list[Advice]:
    """What to do about it; the first says whether the text is enough.

    Args:
        seen: what the text is like.
        speed: of training steps here.
        base: name of the model that the training would begin from.
    """
    if base is not None:
        return [_enough_for(base, seen, speed), *_text(seen)]
    return [_enough(seen), *_network(seen.options, speed), *_text(seen)]


def whole_seconds(options: TrainingOptions, speed: Speed) -> float:
    """Seconds of training at most, evaluations not counted."""
    whole = speed.epoch_seconds * speed.epochs
    return whole if options.max_minutes is None else min(whole, 60 * options.max_minutes)


def suggested_size(options: TrainingOptions, speed: Speed) -> tuple[int, int]:
    """Layers and units of the best usual network that the time limit leaves enough updates for.

    Never a larger one than the options ask for; theirs where there is no limit.

    Args:
        options: what was measured.
        speed: of a network of that size; others are guessed by their size.
    """
    asked = options.layers, options.units
    if options.max_minutes is None:
        return asked
    smaller = [size for size in SIZES if _weights(*size) < _weights(*asked)]
    for size in (asked, *smaller):
        if updates_in_time(options, speed, size) >= min(ENOUGH_UPDATES, speed.updates):
            return size
    return smaller[-1] if smaller else asked


def updates_in_time(options: TrainingOptions, speed: Speed, size: tuple[int, int]) -> float:
    """Updates of a network of another size within the time limit."""
    assert options.max_minutes is not None
    asked = _weights(options.layers, options.units)
    fixed = OVERHEAD * _weights(*SIZES[0])
    seconds = speed.update_seconds * (_weights(*size) + fixed) / (asked + fixed)
    return 60 * options.max_minutes / seconds


def parameter_count(layers: int, units: int, vocabulary: int) -> int:
    """Numbers in a stack of LSTMs over one-hot symbols with a softmax above."""
    first = (vocabulary + units + 1) * 4 * units
    others = (layers - 1) * (2 * units + 1) * 4 * units
    return first + others + (units + 1) * vocabulary


def _weights(layers: int, units: int) -> int:
    # A table of words is large by itself and says nothing about the network behind it.
    return parameter_count(layers, units, 0)


def _enough(seen: Inspection) -> Advice:
    size = len(seen.text)
    if size < TOO_SHORT:
        return Advice(
            "too_short",
            f"Too short: with {size:,} characters a network copies its text or writes nonsense. "
            f"Collect {SHORT:,} characters or more.",
            {"characters": size, "wanted": SHORT},
        )
    if size < SHORT:
        return Advice(
            "short",
            f"Short: with {size:,} characters expect many phrases to be copied. {SHORT:,} would "
            "do; --lower helps with so little.",
            {"characters": size, "wanted": SHORT},
        )
    return Advice(
        "enough",
        f"Enough: a network can learn from {size:,} characters.",
        {"characters": size},
    )


def _enough_for(base: str, seen: Inspection, speed: Speed) -> Advice:
    """Whether it is enough to teach a network that knows the language its style."""
    size, seconds = len(seen.text), whole_seconds(seen.options, speed)
    values = {"characters": size, "wanted": TOO_SHORT, "seconds": round(seconds, 1)}
    if size < LITTLE:
        return Advice(
            "little_begun",
            f"Little: {base} knows the language already, but {size:,} characters are too few "
            f"to teach it a style. Collect {TOO_SHORT:,} or more.",
            values,
        )
    return Advice(
        "enough_begun",
        f"Enough: {base} knows the language already; {size:,} characters teach it the style of "
        f"this text, in {duration(seconds)} at most.",
        values,
    )


def _network(options: TrainingOptions, speed: Speed) -> Iterator[Advice]:
    layers, units = suggested_size(options, speed)
    if (layers, units) != (options.layers, options.units):
        assert options.max_minutes is not None
        updates = updates_in_time(options, speed, (options.layers, options.units))
        yield Advice(
            "smaller_network",
            f"In {duration(60 * options.max_minutes)} this machine makes about {updates:,.0f} "
            f"updates of this network, too few to learn much: --layers {layers} --units {units} "
            "learns more in that time, and this one more with more time.",
            {"layers": layers, "units": units, "updates": round(updates)},
        )


def _text(seen: Inspection) -> Iterator[Advice]:
    options, repetition = seen.options, seen.repetition
    if repetition.share > 0.05:
        yield Advice(
            "repetitions",
            f"{repetition.share:.0%} of the text is repetition, which is learned by heart and "
            "makes held-out figures look better than they are. Remove what is repeated by "
            "accident (headers, double chapters).",
            {"share": round(repetition.share, 4)},
        )
    gap = seen.ngram_bits - seen.ngram_bits_elsewhere
    if options.validation == "tail" and gap > ENDS_DIFFER:
        yield Advice(
            "end_differs",
            f"The end differs from the rest (by {gap:.2f} bits per character): --validation "
            "spread holds out blocks from everywhere.",
            {"bits": round(gap, 2)},
        )
    if options.level == "char" and len(seen.rare) > max(10, seen.vocabulary // 4):
        yield Advice(
            "rare_characters",
            f"{len(seen.rare)} of {seen.vocabulary} characters are rare: replace those you do not "
            "need; each one makes every guess a little harder.",
            {"rare": len(seen.rare), "alphabet": seen.vocabulary},
        )
    if seen.unwanted:
        shown = ", ".join(f"{word} {times}x" for word, times in seen.unwanted[:_SHOWN_WORDS])
        more = "" if len(seen.unwanted) <= _SHOWN_WORDS else ", …"
        yield Advice(
            "unwanted_words",
            f"{len(seen.unwanted)} words stand in it that one may not want to read, and that the "
            f"network would learn: {shown}{more}.",
            {"count": len(seen.unwanted)},
        )
    if options.level == "word" and seen.unknown_share > 0.10:
        yield Advice(
            "unknown_words",
            f"{seen.unknown_share:.0%} of the words are unknown, which is a lot: raise "
            "--max-words, or let it learn characters.",
            {"share": round(seen.unknown_share, 4)},
        )
