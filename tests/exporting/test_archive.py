"""A model's zip: what is in it, that TFLearn and SimpleML load it, what cannot be taken away."""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from models import WORDS, write_model

from simpleml import ModelLoader
from simpleml.commands.program import main
from simpleml.errors import ExportError, ModelNotFoundError
from simpleml.exporting.archive import ZIP
from simpleml.exporting.export import export, tag

ROOT = Path(__file__).resolve().parents[2]


def zipped(models: Path, name: str) -> bytes:
    file = io.BytesIO()
    export(ModelLoader(models), name, ZIP, file)
    return file.getvalue()


def unpacked(content: bytes, folder: Path) -> Path:
    zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
    return folder


@pytest.mark.parametrize("name", ["tales", "flow", "words", "old"])
def test_unpacked_into_another_folder_it_writes_the_same_text(
    name: str, models_dir: Path, tmp_path: Path
) -> None:
    there = ModelLoader(unpacked(zipped(models_dir, name), tmp_path)).load(name)
    here = ModelLoader(models_dir).load(name)
    assert there.card == here.card
    assert there.generate(50, random_state=3) == here.generate(50, random_state=3)


def test_it_holds_the_artifact_the_card_and_a_readme_and_nothing_else(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "tales")
    (folder / "training.csv").write_text("epoch\n")
    (folder / "tales.tfl.index.backup").write_text("")
    archive = zipfile.ZipFile(io.BytesIO(zipped(tmp_path, "tales")))
    assert sorted(archive.namelist()) == [
        "tales/README.txt",
        "tales/char_idx_tales.pickle",
        "tales/tales.json",
        "tales/tales.tfl.data-00000-of-00001",
        "tales/tales.tfl.index",
        "tales/tales.tfl.meta",
    ]
    assert archive.testzip() is None


def test_files_of_an_old_model_get_their_usual_names(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "tales", card=False)
    for path in folder.glob("tales.tfl.*"):
        path.rename(path.with_name(path.name.replace("tales.tfl", "model-2019")))
    (folder / "char_idx_tales.pickle").rename(folder / "char_idx.pickle")
    archive = zipfile.ZipFile(io.BytesIO(zipped(tmp_path, "tales")))
    assert "tales/tales.tfl.index" in archive.namelist()
    assert "tales/char_idx_tales.pickle" in archive.namelist()


def test_the_same_model_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    write_model(tmp_path / "a", "tales")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    for path in (tmp_path / "b" / "tales").iterdir():
        os.utime(path, (0, 0))
    one, other = tmp_path / "a", tmp_path / "b"
    assert zipped(one, "tales") == zipped(other, "tales")
    first = tag(ModelLoader(one), "tales", ZIP)
    assert first == tag(ModelLoader(other), "tales", ZIP)
    write_model(one, "tales", seed=1)
    assert tag(ModelLoader(one), "tales", ZIP) != first


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["tales", "words"])
def test_the_lines_of_the_readme_are_run_by_the_real_tflearn(name: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("tflearn") is None:
        pytest.skip("TFLearn is not installed")
    write_model(tmp_path / "ML", "tales", units=[32, 24, 16], layers=3)
    # a model's symbol for unknown words is never drawn here; TFLearn draws it
    write_model(tmp_path / "ML", "words", level="word", alphabet=WORDS[1:], layers=1)
    unpacked(zipped(tmp_path / "ML", name), tmp_path)
    lines = (tmp_path / name / "README.txt").read_text("utf-8").splitlines()
    assert len(lines) == 10
    *loading, generating = [line.strip() for line in lines if line.startswith("    ")]
    code = [
        "from simpleml.training.tflearn_compat import import_tflearn; import_tflearn()",
        *loading,
        "import numpy; numpy.random.seed(7)",
        generating,
    ]
    said = subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    ours = ModelLoader(tmp_path).load(name)
    first = ours.vocabulary.symbols[0]
    seed = [first] if name == "words" else first
    text = ours.generate(
        200, 0.5, seq_seed=seed * ours.card.seq_maxlen, random_state=7, stateful=False
    )
    assert said.stdout.endswith(f"{text}\n")


def test_a_model_of_2000_symbols_is_taken_away(tmp_path: Path) -> None:
    write_model(tmp_path / "a", "many", alphabet=[chr(0x4E00 + one) for one in range(2000)])
    there = ModelLoader(unpacked(zipped(tmp_path / "a", "many"), tmp_path / "b")).load("many")
    assert len(there.vocabulary) == 2000


def test_a_model_that_is_missing_or_broken_is_named_and_why(models_dir: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="There is no model 'nobody'"):
        zipped(models_dir, "nobody")
    with pytest.raises(ExportError, match=r"The model damaged cannot be used: damaged\.tfl\.data"):
        zipped(models_dir, "damaged")


def test_a_model_that_is_replaced_meanwhile_is_whole(tmp_path: Path) -> None:
    write_model(tmp_path, "tales")
    changes = iter([1, 2])

    def write(paths: object, file: object) -> None:
        for seed in changes:
            write_model(tmp_path, "tales", seed=seed)
            file.write(b"the old one")  # type: ignore[attr-defined]
            return
        ZIP.write(paths, file)  # type: ignore[arg-type]

    file = io.BytesIO()
    export(ModelLoader(tmp_path), "tales", type(ZIP)("zip", "", write), file)
    assert file.getvalue() == zipped(tmp_path, "tales")


# --- the command


def test_the_command_writes_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "ML", "tales")
    assert main(["export", "tales", "--zip"]) == 0
    assert Path("tales.zip").read_bytes() == zipped(tmp_path / "ML", "tales")
    assert capsys.readouterr().out.startswith("tales.zip: 0.")
    assert main(["export", "tales", "--zip", "mine.zip"]) == 0
    assert Path("mine.zip").read_bytes() == Path("tales.zip").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody", "--zip"], "There is no model 'nobody'."),
        (["damaged", "--zip"], "The model damaged cannot be used: damaged.tfl.data"),
        (["../ML/tales", "--zip"], "There is no model '../ML/tales'."),
        (["tales", "--zip", "nowhere/tales.zip"], "nowhere/tales.zip cannot be written: No such"),
        (["tales", "--zip", "/dev/full/tales.zip"], "cannot be written: Not a directory"),
    ],
)
def test_the_command_says_what_it_cannot_and_writes_nothing(
    arguments: list[str],
    sentence: str,
    models_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", *arguments, "--models-dir", str(models_dir)]) == 1
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
