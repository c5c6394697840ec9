"""The page: one HTML file that opens without a network and writes with the model in it.

In it: the int8 weights (page_weights.py), vocabulary, card, the playground's look and words, and
the network as WebAssembly (page/step.wat) and JavaScript (page/). The Content-Security-Policy in it
forbids every request. The same model gives the same bytes.
"""

from __future__ import annotations

import html
import json
import re
import zlib
from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from simpleml.exporting.export import Export
from simpleml.exporting.page_assembler import assemble
from simpleml.exporting.page_bundle import bundle
from simpleml.exporting.page_weights import memory_image
from simpleml.models.artifact import Artifact, ArtifactPaths, read_artifact
from simpleml.models.vocabulary import PLAIN
from simpleml.version import __version__

_SOURCES = Path(__file__).with_name("page")
_STATIC = Path(__file__).parent.parent / "web" / "static"
_LANGUAGES = ("en", "fr")
_STYLES = ("common/page", "common/fields", "playground/texts", "playground/playground")
_UNUSED_STYLES = ("windows", "one's own texts")  # sections of those style sheets


def _write(paths: ArtifactPaths, file: IO[bytes]) -> None:
    """Write the page of a model once its files were checked against each other."""
    file.write(page(read_artifact(paths)).encode())


@cache
def _revision() -> str:
    """A hash of all that is not the model."""
    return sha256(json.dumps([_template(), _module(), _shell()]).encode()).hexdigest()


PAGE = Export("html", "text/html; charset=utf-8", _write, _revision)


def page(artifact: Artifact) -> str:
    """The page of a model."""
    image = memory_image(artifact.weights)
    parts = {
        "title": html.escape(artifact.name),
        "model": _json(described(artifact, image.plan)),
        "weights": b64encode(_compressed(image.data)).decode(),
        **_shell(),
    }
    return re.sub(r"@(\w+)@", lambda match: parts[match[1]], _template())


@cache
def _template() -> str:
    return (_SOURCES / "page.html").read_text(encoding="utf-8")


@cache
def _shell() -> dict[str, str]:
    """What stands in the template of every model's page."""
    engine, script, style = _script(engine_script()), _script(_main_script()), _style()
    icon = (_STATIC / "playground" / "icon.svg").read_bytes()
    return {
        "policy": f"default-src 'none'; script-src {_hash(engine)} {_hash(script)} "
        f"'wasm-unsafe-eval'; style-src {_hash(style)}; img-src data:; worker-src blob:; "
        "base-uri 'none'; form-action 'none'",
        "version": __version__,
        "icon": f"data:image/svg+xml;base64,{b64encode(icon).decode()}",
        "style": style,
        "words": _json({name: _words(name) for name in _LANGUAGES}),
        "engine": engine,
        "script": script,
    }


@cache
def _module() -> str:
    """The network's loops as WebAssembly, base64."""
    return b64encode(assemble((_SOURCES / "step.wat").read_text(encoding="utf-8"))).decode()


def described(artifact: Artifact, plan: dict[str, Any]) -> dict[str, Any]:
    """What the page knows of a model besides its weights.

    Args:
        artifact: the model.
        plan: of `memory_image`.
    """
    card, vocabulary = artifact.card, artifact.vocabulary
    return {
        "plan": plan,
        "window": None if card.stateful else card.seq_maxlen,
        "banned": vocabulary.unknown_index,
        "module": _module(),
        "card": {
            "model": artifact.name,
            **card.to_json(),
            "alphabet": vocabulary.symbols,
            "precision": "int8",
        },
        "vocabulary": {
            "symbols": vocabulary.symbols,
            "level": vocabulary.level,
            "lossless_words": vocabulary.lossless_words,
            "lower": vocabulary.lower,
            "unknown_symbol": vocabulary.unknown_symbol,
            "plain": PLAIN,
        },
    }


@cache
def engine_script() -> str:
    """What computes, in the page's worker or anywhere else: `const simplemlEngine = …;`."""
    return bundle(_SOURCES / "engine.js", "simplemlEngine")


@cache
def _main_script() -> str:
    instead = {_STATIC / "playground" / "api.js": _SOURCES / "api.js"}
    return bundle(_SOURCES / "main.js", "simplemlPage", instead)


@cache
def _style() -> str:
    """The playground's style sheets without the sections that the page has no use for."""
    texts = [(_STATIC / f"{name}.css").read_text(encoding="utf-8") for name in _STYLES]
    first, *rest = re.split(r"/\* --- ([\w' ]+) --- \*/\n", "\n".join(texts))
    sections = zip(rest[::2], rest[1::2], strict=True)
    return first + "".join(body for name, body in sections if name not in _UNUSED_STYLES)


@cache
def _words(language: str) -> dict[str, str]:
    """The entries that the page's script or its elements name, its own before the playground's."""
    words: dict[str, str] = {}
    for folder in (_STATIC / "common", _STATIC / "playground", _SOURCES):
        words |= json.loads((folder / f"{language}.json").read_text(encoding="utf-8"))
    sources = _main_script() + _template()
    named = set(re.findall(r'"([\w.]+)"', sources))
    return {
        key: words[key]
        for key in words
        if key in named or key.rpartition(".")[0] in named or key.startswith("state.")
    }


def _compressed(data: bytes) -> bytes:
    """Huffman codes alone: weights do not repeat each other, and so it takes a third as long."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zlib.Z_HUFFMAN_ONLY)
    return packer.compress(data) + packer.flush()


def _json(value: Any) -> str:
    """JSON that can stand in a script element, whatever is in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=list)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _script(text: str) -> str:
    if re.search(r"<!--|</?script", text, re.IGNORECASE):
        raise ValueError("the page's script would end its element")
    return text


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
