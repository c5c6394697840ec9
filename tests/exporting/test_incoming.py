"""A model that comes in as a zip: whole or not at all, whatever is in the zip."""

from __future__ import annotations

import errno
import io
import json
import pickle
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from models import WORDS, change_card, random_weights, small_meta, write_model

from simpleml import ModelLoader
from simpleml.commands.program import main
from simpleml.errors import (
    BadArchiveError,
    InvalidValueError,
    ModelExistsError,
    NoRoomError,
    PayloadTooLargeError,
    SimpleMLError,
)
from simpleml.exporting.archive import ZIP
from simpleml.exporting.export import export
from simpleml.exporting.incoming import bring_in
from simpleml.models.artifact import write_artifact
from simpleml.models.card import Card
from simpleml.models.vocabulary import Vocabulary


def zipped(models: Path, name: str) -> bytes:
    file = io.BytesIO()
    export(ModelLoader(models), name, ZIP, file)
    return file.getvalue()


def members(models: Path, name: str = "tales") -> dict[str, bytes]:
    """What its zip holds."""
    archive = zipfile.ZipFile(io.BytesIO(zipped(models, name)))
    return {one: archive.read(one) for one in archive.namelist()}


def packed(content: dict[str, bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return file


@pytest.mark.parametrize("name", ["tales", "flow", "words", "old"])
def test_what_was_taken_away_comes_in_and_writes_the_same_text(
    name: str, models_dir: Path, tmp_path: Path
) -> None:
    artifact = bring_in(tmp_path, io.BytesIO(zipped(models_dir, name)))
    assert artifact.name == name
    there, here = ModelLoader(tmp_path).load(name), ModelLoader(models_dir).load(name)
    assert there.card == here.card
    assert there.generate(50, random_state=3) == here.generate(50, random_state=3)
    assert sorted(one.name for one in tmp_path.iterdir()) == [name]
    assert not (tmp_path / name / "README.txt").exists()


def test_it_may_get_another_name(models_dir: Path, tmp_path: Path) -> None:
    bring_in(tmp_path, io.BytesIO(zipped(models_dir, "tales")), "mine")
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == [
        "char_idx_mine.pickle",
        "mine.json",
        "mine.tfl.data-00000-of-00001",
        "mine.tfl.index",
        "mine.tfl.meta",
    ]
    assert ModelLoader(tmp_path).load("mine").generate(20, random_state=1)


def test_a_folder_that_somebody_zipped_comes_in_too(models_dir: Path, tmp_path: Path) -> None:
    for number, root in enumerate(("tales", ".")):
        folder = tmp_path / str(number) / "tales"
        shutil.copytree(models_dir / "tales", folder)
        (folder / "training.csv").write_text("epoch\n")
        (folder / ".DS_Store").write_text("")
        file = shutil.make_archive(str(folder), "zip", folder.parent, root)
        with Path(file).open("rb") as zip_file:
            bring_in(tmp_path / "ML", zip_file, f"mine{number}")
    assert ModelLoader(tmp_path / "ML").names() == ["mine0", "mine1"]


def test_a_name_that_is_taken_is_refused_unless_it_may_be_replaced(tmp_path: Path) -> None:
    here = tmp_path / "here"
    write_model(here, "tales")
    (here / "tales" / "training.csv").write_text("of the old one")
    write_model(tmp_path / "there", "tales", seed=1)
    file = io.BytesIO(zipped(tmp_path / "there", "tales"))
    before = ModelLoader(here).load("tales").card
    with pytest.raises(ModelExistsError, match="There is a model tales already"):
        bring_in(here, file)
    assert ModelLoader(here).load("tales").card == before
    bring_in(here, file, overwrite=True)
    assert ModelLoader(here).load("tales").card != before
    assert [one.name for one in here.iterdir()] == ["tales"]
    assert not (here / "tales" / "training.csv").exists()


class _Evil:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return print, ("this must not run",)


def _renamed(one: str, other: str) -> Callable[[dict[str, bytes]], None]:
    def change(content: dict[str, bytes]) -> None:
        content[other] = content.pop(one)

    return change


def _added(name: str, data: bytes = b"") -> Callable[[dict[str, bytes]], None]:
    return lambda content: content.update({name: data})


def _card(**fields: object) -> Callable[[dict[str, bytes]], None]:
    def change(content: dict[str, bytes]) -> None:
        said = {**json.loads(content["tales/tales.json"]), **fields}
        content["tales/tales.json"] = json.dumps(said).encode()

    return change


VOCABULARY = "tales/char_idx_tales.pickle"
DATA = "tales/tales.tfl.data-00000-of-00001"
HOSTILE: dict[str, tuple[Callable[[dict[str, bytes]], object], str]] = {
    "parent": (_added("../evil.txt"), "'../evil.txt', which leads out of its folder"),
    "parent inside": (_added("tales/../../evil"), "which leads out of its folder"),
    "absolute": (_added("/etc/passwd"), "'/etc/passwd', which is no path inside a folder"),
    "windows": (_added("..\\evil"), "which is no path inside a folder"),
    "drive": (_added("C:evil"), "which is no path inside a folder"),
    "two models": (_added("other/other.tfl.index"), "more than one checkpoint"),
    "no model": (lambda content: content.clear(), "it holds no checkpoint"),
    "no vocabulary": (lambda content: content.pop(VOCABULARY), "holds no vocabulary"),
    "no weights": (lambda content: content.pop(DATA), "tales.tfl.data-00000-of-00001 cannot be"),
    "another pickle": (_added("tales/x.pickle"), "more than one vocabulary"),
    "a pickle that runs code": (
        _added(VOCABULARY, pickle.dumps(_Evil())),
        "char_idx_tales.pickle: it asks for builtins.print",
    ),
    "another vocabulary": (
        _added(VOCABULARY, pickle.dumps({"a": 0})),
        "char_idx_tales.pickle has 1 symbols, the network in tales.tfl has",
    ),
    "half a character": (
        _added(VOCABULARY, pickle.dumps({chr(0xD800 + one): one for one in range(56)})),
        "holds what is no text",
    ),
    "another card": (_renamed("tales/tales.json", "tales/x.json"), "'x.json', the card of another"),
    "no card's text": (_added("tales/tales.json", b"{"), "tales.json is not JSON"),
    "a deep card": (_added("tales/tales.json", b"[" * 100_000), "tales.json is not JSON"),
    "layers": (_card(layers=7), "tales.json says (layers, units, vocabulary_size) (7, 32,"),
    "symbols": (_card(vocabulary_size=7), "tales.json says (layers, units, vocab"),
    "hash": (_card(weights_sha256="0" * 64), "tales.json belongs to other weights"),
    "window": (_card(seq_maxlen=900), "speaks of windows of 900, tales.tfl.meta of 12"),
    "unknown symbol": (_card(unknown_symbol="no"), "the unknown symbol 'no' is not in"),
    "not a number": (_card(notes={"x": float("nan")}), "holds what is no text or number"),
    "half a character in the card": (_card(notes={"x": "\ud800"}), "holds what is no text"),
    "other weights": (
        lambda content: content.update({DATA: bytes(len(content[DATA]))}),
        "tales.tfl.data-00000-of-00001 is damaged",
    ),
    "no graph": (_added("tales/tales.tfl.meta", b"\xff" * 20), "is not a TensorFlow graph"),
    "a name that no model can have": (
        lambda content: [
            content.update({one.replace("tales.", "é."): content.pop(one)}) for one in [*content]
        ],
        "'é' cannot be a model's name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_zip_is_refused_by_one_sentence_and_leaves_nothing(
    kind: str, models_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, sentence = HOSTILE[kind]
    content = members(models_dir)
    change(content)
    inside = tmp_path / "inside" / "ML"
    with pytest.raises(InvalidValueError) as caught:
        bring_in(inside, packed(content))
    assert sentence in caught.value.message
    assert "\n" not in caught.value.message
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not inside.exists() or list(inside.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_a_link_is_refused(models_dir: Path, tmp_path: Path) -> None:
    file = packed(members(models_dir))
    link = zipfile.ZipInfo("tales/training.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(BadArchiveError, match=r"'tales/training\.csv', which is a link"):
        bring_in(tmp_path, file)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_that_stands_twice_is_refused(models_dir: Path, tmp_path: Path) -> None:
    file = packed(members(models_dir))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("tales/tales.json", "{}")
    with pytest.raises(BadArchiveError, match=r"holds 'tales/tales\.json' twice"):
        bring_in(tmp_path, file)


def test_a_password_is_refused(models_dir: Path, tmp_path: Path) -> None:
    raw = packed(members(models_dir)).getvalue()
    at = 0
    marked = bytearray(raw)
    while (at := raw.find(b"PK\1\2", at + 1)) >= 0:
        marked[at + 8] |= 1
    with pytest.raises(BadArchiveError, match="protected by a password"):
        bring_in(tmp_path, io.BytesIO(bytes(marked)))


def _sized(content: dict[str, bytes], name: str, size: int) -> io.BytesIO:
    """A zip whose list says that an entry has `size` bytes."""
    raw = bytearray(packed(content).getvalue())
    at = raw.rfind(name.encode()) - 46
    assert raw[at : at + 4] == b"PK\1\2"
    raw[at + 24 : at + 28] = size.to_bytes(4, "little")
    return io.BytesIO(bytes(raw))


def test_gigabytes_of_zeros_are_refused_before_they_are_unpacked(
    models_dir: Path, tmp_path: Path
) -> None:
    content = members(models_dir)
    content[DATA] = bytes(20_000_000)
    with pytest.raises(PayloadTooLargeError, match="larger, unpacked, than the 10,000,000 bytes"):
        bring_in(tmp_path, packed(content), most_bytes=10_000_000)
    with pytest.raises(PayloadTooLargeError):
        bring_in(tmp_path, _sized(content, DATA, 4_000_000_000))
    with pytest.raises(BadArchiveError):  # it says less than there is
        bring_in(tmp_path, _sized(content, DATA, 100))
    content = members(models_dir)
    content["tales/tales.json"] = b" " * 5_000_000
    with pytest.raises(PayloadTooLargeError):
        bring_in(tmp_path, packed(content))
    assert list(tmp_path.iterdir()) == []


def test_a_list_of_very_many_entries_is_not_read(tmp_path: Path) -> None:
    many = packed({f"{number:04}": b"" for number in range(5000)})
    with pytest.raises(BadArchiveError, match="more entries than a model has files"):
        bring_in(tmp_path, many)


@pytest.mark.parametrize("raw", [b"", b"PK", b"text" * 99, b"PK\5\6" + bytes(18)])
def test_what_is_no_zip_is_said(raw: bytes, tmp_path: Path) -> None:
    with pytest.raises(BadArchiveError):
        bring_in(tmp_path, io.BytesIO(raw))


def test_a_zip_cut_or_changed_anywhere_is_refused_or_the_same_model(
    models_dir: Path, tmp_path: Path
) -> None:
    raw = packed(members(models_dir)).getvalue()
    rng = np.random.default_rng(0)
    for number in range(60):
        changed = bytearray(raw)
        place = int(rng.integers(len(raw)))
        if number % 3:
            changed[place] ^= 1 << int(rng.integers(8))
        else:
            del changed[place:]
        try:
            bring_in(tmp_path, io.BytesIO(bytes(changed)), f"n{number}")
        except SimpleMLError:
            assert not (tmp_path / f"n{number}").exists()
        else:
            assert ModelLoader(tmp_path).load(f"n{number}").generate(5, random_state=1)
    assert not list(tmp_path.glob(".*"))


def test_a_small_file_of_a_huge_network_is_refused(tmp_path: Path) -> None:
    """Variables of the index may share their bytes."""
    weights = random_weights(10, layers=40, units=8)
    with pytest.raises(BadArchiveError, match="more than 16 layers"):
        write_artifact(
            tmp_path / "there",
            "deep",
            tensors=dict(weights.arrays()),
            meta=small_meta(12, 10),
            vocabulary=Vocabulary.of("abcdefghij"),
            card=Card(layers=40, units=8, vocabulary_size=10, seq_maxlen=12),
        )
        bring_in(tmp_path / "here", packed(_plain(tmp_path / "there" / "deep")))
    zeros = write_model(tmp_path / "there", "zeros", units=300, weights=None)
    with pytest.raises(BadArchiveError, match=r"more than the 4,000,000 bytes accepted"):
        weights = random_weights(54, layers=2, units=300)
        write_artifact(
            tmp_path / "there",
            "zeros",
            tensors={name: np.zeros_like(array) for name, array in weights.arrays()},
            meta=small_meta(12, 54),
            vocabulary=Vocabulary.of([chr(97 + one) for one in range(54)]),
            card=Card(layers=2, units=300, vocabulary_size=54, seq_maxlen=12),
        )
        assert sum(path.stat().st_size for path in zeros.iterdir()) < 4_000_000
        bring_in(tmp_path / "here", packed(_plain(zeros)), most_bytes=4_000_000)


def _plain(folder: Path) -> dict[str, bytes]:
    return {f"{folder.name}/{path.name}": path.read_bytes() for path in folder.iterdir()}


def test_no_room_leaves_nothing(
    models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = packed(members(models_dir))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("simpleml.exporting.incoming.shutil.copyfileobj", full)
    with pytest.raises(NoRoomError, match=r"cannot be written here: No space left on device\."):
        bring_in(tmp_path, file)
    assert list(tmp_path.iterdir()) == []


def test_a_word_model_and_a_card_from_tomorrow_come_in(tmp_path: Path) -> None:
    folder = write_model(
        tmp_path / "there", "words", level="word", alphabet=WORDS, unknown_symbol="<unk>"
    )
    change_card(folder, invented_tomorrow=[1, 2])
    bring_in(tmp_path / "here", packed(_plain(folder)))
    assert ModelLoader(tmp_path / "here").load("words").card.level == "word"


# --- the command


def test_the_command_brings_in_what_the_other_took_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "ML", "tales")
    assert main(["export", "tales", "--zip"]) == 0
    assert main(["import", "tales.zip", "--name", "mine"]) == 0
    assert capsys.readouterr().out.endswith("ML/mine: 2x32, 56 symbols\n")
    assert main(["import", "tales.zip"]) == 1
    assert capsys.readouterr().err == (
        "simpleml import: There is a model tales already: choose another name. "
        "--overwrite replaces it.\n"
    )
    assert main(["import", "tales.zip", "--overwrite"]) == 0
    Path("text.zip").write_text("no zip")
    assert main(["import", "text.zip"]) == 1
    assert "The file is no zip, or a damaged one." in capsys.readouterr().err
    assert main(["import", "tales.zip", "--name", "../evil"]) == 1
    assert "'../evil' cannot be a model's name" in capsys.readouterr().err
