"""Make simpleml/unwanted/*.txt from the npm package naughty-words: less what is ordinary as well,
and with what a teacher would miss.

npm pack naughty-words && tar xzf naughty-words-*.tgz
python tools/unwanted_words.py package
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from simpleml.unwanted.words import LANGUAGES, words_of

TARGET = Path(__file__).resolve().parent.parent / "simpleml" / "unwanted"
ORDINARY = {
    "en": """
        alaskan pipeline, ass, babeland, barenaked, bareback, bastard, bastinado, beaver cleaver,
        big black, black cock, blonde action, bondage, brunette action, bung hole, bunghole,
        busty, butt, cialis, clover clamps, cock, cocks, cumming, dick, domination, dominatrix,
        dvda, ecchi, ejaculation, escort, eunuch, fingering, girl on, god damn, golden shower,
        grope, hand job, hard core, hardcore, hooker, how to kill, how to murder, huge fat,
        humping, intercourse, jack off, jelly donut, kinky, leather restraint, lemon party,
        lolita, lovemaking, make me come, missionary position, mong, nude, nudity, orgy, panties,
        panty, pegging, playboy, pleasure chest, poof, rimming, s&m, sadism, santorum, scat,
        scissoring, sex, sexual, sexuality, sexually, shrimping, skeet, smut, snatch, snowballing,
        spastic, strappado, strip club, suck, sucks, sultry women, swinger, tainted love, taste
        my, threesome, tied up, tight white, tit, tongue in a, topless, tosser, twink, twinkie,
        undressing, venus mound, viagra, violet wand, white power, xx, xxx
    """,
    "fr": """
        baiser, bander, bigornette, bitte, bourré, bourrée, caca, chatte, folle, gerbe, gerber,
        grande folle, gueule, jouir, MALPT, ménage à trois, meuf, pédale, péter, pipi, ramoner,
        suce, tanche, trique, zizi
    """,
}
"""Taken out: in tales, novels and lessons they mean something else, or nothing bad. What is
ordinary in the other language alone is simpleml.unwanted.words.ORDINARY_IN."""
MISSING = {
    "en": """
        arse, bellend, bugger off, cocksucker, dickhead, douchebag, fucked, fucker, gook, gyppo,
        kaffir, knobhead, minge, piss off, pissed off, poofter, shite, shithead, shitting,
        slutty, spaz, titfuck, wanker, wanking, wog
    """,
    "fr": """
        baiseur, baiseuse, bamboula, bicot, bougnoule, chiant, chiante, chieur, chieuse,
        chinetoque, chié, connerie, couille, couillon, crouille, ducon, éjaculer, emmerde,
        emmerdement, enculage, enculer, fdp, fellation, ferme ta gueule, fiotte, fils de chienne,
        godemiché, gougnotte, lopette, merdier, merdique, négro, nibards, nichon, niquer,
        ntm, partouze, pédophile, pétasse, pornographie, pornographique, putasse, salop, salopard,
        sodomie, sodomiser, suceuse, tantouze, tarlouze, teub, travelo, trouduc, trou de balle,
        youpin, youpine, youtre, zob, zboub, va te faire foutre
    """,
}
"""Added: what the package lacks. Verbs stand in the forms that one reads."""
HEAD = """\
# Words that one does not want to read ({language}). From "List of Dirty, Naughty, Obscene, and
# Otherwise Bad Words" (package naughty-words {version}), Shutterstock and contributors, CC BY 4.0
# (https://creativecommons.org/licenses/by/4.0/). Changed: ordinary words were taken out, and what
# is no word; others were added. Made by tools/unwanted_words.py.
"""


def main(package: Path) -> None:
    """Write both lists."""
    version = json.loads((package / "package.json").read_text("utf-8"))["version"]
    for language in LANGUAGES:
        words = json.loads((package / f"{language}.json").read_text("utf-8"))
        ordinary, missing = (
            {" ".join(one.split()) for one in table[language].split(",")}
            for table in (ORDINARY, MISSING)
        )
        if unknown := ordinary - set(words):
            sys.exit(f"the package has no {', '.join(sorted(unknown))}")
        kept = [word for word in words if word not in ordinary and words_of(word)]
        plain = [word for word in kept if not any(letter.isdigit() for letter in word)]
        text = (
            HEAD.format(language=language, version=version)
            + "\n".join(sorted({*plain, *missing}))
            + "\n"
        )
        (TARGET / f"{language}.txt").write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
