"""The notebooks run, and what is stored in them is what they say now, with synthetic faces only."""
import base64
import importlib.util
import io
from pathlib import Path

import nbformat
import numpy as np
import pytest
from matplotlib.image import imread
from described import describe
from run_results import result, write
from checkout import ROOT

from facekp.runs import read

NOTEBOOKS = ROOT / "notebooks"


@pytest.fixture(scope="module")
def execute():
    spec = importlib.util.spec_from_file_location("execute", NOTEBOOKS / "execute.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def find_once():
    """facekp.runs.read.find_runs, but each folder is read once: notebooks read all of results/."""
    find_runs, found = read.find_runs, {}

    def find(root, *more):
        key = Path(root).resolve()
        if key not in found:
            found[key] = find_runs(root, *more)
        return list(found[key])
    return find


@pytest.fixture
def shown(monkeypatch, tmp_path, find_once):
    """Execute a notebook's cells here, not in a kernel: its texts, and its pictures as bytes.

    As ``make notebooks`` does, in a folder that has ``results/`` alone.
    """
    display = pytest.importorskip("IPython.display")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "results").symlink_to(ROOT / "results")
    monkeypatch.chdir(tmp_path / "notebooks")
    monkeypatch.setattr(read, "find_runs", find_once)
    items = []
    monkeypatch.setattr(display, "display", lambda item: items.append(item.data))

    def run(notebook):
        names = {}
        for cell in notebook.cells:
            if cell.cell_type == "code":
                exec(cell.source, names)
        return ([item for item in items if isinstance(item, str)],
                [imread(io.BytesIO(item)) for item in items if isinstance(item, bytes)])
    return run


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def texts(notebook):
    return [output.data["text/markdown"] for output in outputs(notebook)
            if "text/markdown" in output.get("data", ())]


def images(notebook):
    return [imread(io.BytesIO(base64.b64decode(output.data["image/png"])))
            for output in outputs(notebook) if "image/png" in output.get("data", ())]


def test_there_is_one_for_each_section():
    assert [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))] == [
        "01_data", "02_lenet_and_vgg", "03_optimizers", "04_dropout", "05_augmentation",
        "06_filters_and_activations", "07_beyond_the_paper"]


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_what_is_stored(path, shown):
    """No error, small, and the same as a fresh run that has neither runs nor Kaggle's faces.

    The last is what keeps real faces out: every stored picture is one that was drawn without them.
    """
    stored = nbformat.read(path, as_version=4)
    nbformat.validate(stored)
    assert path.stat().st_size < 300_000
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = {output.output_type for output in outputs(stored)}
    assert kinds == {"display_data"}, "an error, or words on stdout or stderr"
    assert texts(stored)[0].endswith("faces: synthetic.")
    mend = "run make notebooks"
    fresh_texts, fresh_images = shown(stored)
    assert texts(stored) == fresh_texts, mend
    assert len(images(stored)) == len(fresh_images), mend
    for old, new in zip(images(stored), fresh_images):
        assert old.shape == new.shape, mend
        assert np.abs(old - new).mean() < 0.01, mend  # another FreeType smooths letters otherwise


def test_cells_are_short_and_never_train():
    for path in NOTEBOOKS.glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                assert len(cell.source.splitlines()) <= 3
                assert "train(" not in cell.source and "fit(" not in cell.source


def test_a_notebook_reads_the_runs_of_results(execute, tmp_path):
    describe(tmp_path)
    for variant in ("dropout", "no-dropout"):
        write(tmp_path, result(variant, n=5, experiment="dropout-ablation"))
    notebook = execute.execute(NOTEBOOKS / "04_dropout.ipynb", tmp_path)
    assert "(2 runs)" in texts(notebook)[0]
    assert "| no-dropout" in texts(notebook)[-1]
    assert len(images(notebook)) == 1


def test_without_runs_the_commands_are_named(shown, tmp_path):
    (tmp_path / "results").unlink()
    (tmp_path / "results").mkdir()
    describe(tmp_path / "results")
    found, _ = shown(nbformat.read(NOTEBOOKS / "04_dropout.ipynb", as_version=4))
    assert found[-1] == "There is no run yet: `make dropout-ablation`."
    assert "figure06-dropout is not drawn: no run" in found[-2]
