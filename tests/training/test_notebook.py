"""The Colab notebook runs from top to bottom, on a tiny text and without a GPU."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from simpleml.models.artifact import find_artifact, read_artifact

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "train_colab.ipynb"


def test_notebook_is_valid_and_committed_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") for cell in notebook.cells)


def test_notebook_trains_and_packs_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    text = tmp_path / "tales.txt"
    text.write_text("The vizier saw the lamp. The sultan lost it again.\n" * 100)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    settings = next(
        cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])
    )
    settings.source = "\n".join(
        [
            'NAME = "tiny"',
            f"TEXT = {str(text)!r}",
            "MINUTES = 0.1",
            "LAYERS, UNITS = 1, 16",
            'VALIDATION = "spread"',
            'SEED = ""',
            f"REPOSITORY = {str(NOTEBOOK.parents[1])!r}",
        ]
    )
    # Colab's machine has the repository beside it; here a link stands for the clone.
    (tmp_path / "SimpleML").symlink_to(NOTEBOOK.parents[1])
    client = nbclient.NotebookClient(
        notebook, timeout=600, startup_timeout=300, iopub_timeout=300, kernel_name="python3",
        resources={"metadata": {"path": tmp_path}},
    )  # fmt: skip
    client.execute()

    said = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    assert "No GPU here" in said
    assert "characters/s measured here" in said
    assert "epoch=1 " in said
    assert "--- temperature 1.0" in said
    assert any(
        "image/png" in output.get("data", {})
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
    shutil.unpack_archive(tmp_path / "tiny.zip", tmp_path / "home")
    paths = find_artifact(tmp_path / "home", "tiny")
    assert paths is not None
    assert read_artifact(paths).card.metrics["nats"] > 0
