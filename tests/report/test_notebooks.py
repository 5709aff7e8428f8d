"""The notebooks run, and what is stored in them is what they say now, with synthetic faces only."""
import base64
import importlib.util
import io

import nbformat
import numpy as np
import pytest
from matplotlib.image import imread
from described import describe
from run_results import result, write
from checkout import ROOT

NOTEBOOKS = ROOT / "notebooks"


@pytest.fixture(scope="module")
def execute():
    spec = importlib.util.spec_from_file_location("execute", NOTEBOOKS / "execute.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def executed(execute):
    return execute.execute_all()


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
def test_what_is_stored(path, executed):
    """No error, small, and the same as a fresh run that has neither runs nor Kaggle's faces.

    The last is what keeps real faces out: every stored picture is one that was drawn without them.
    """
    stored, fresh = nbformat.read(path, as_version=4), executed[path]
    nbformat.validate(stored)
    assert path.stat().st_size < 300_000
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = {output.output_type for output in outputs(stored)}
    assert kinds == {"display_data"}, "an error, or words on stdout or stderr"
    assert texts(stored)[0].endswith("faces: synthetic.")
    mend = "run make notebooks"
    assert texts(stored) == texts(fresh), mend
    assert len(images(stored)) == len(images(fresh)), mend
    for old, new in zip(images(stored), images(fresh)):
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


def test_without_runs_the_commands_are_named(execute, tmp_path):
    describe(tmp_path)
    notebook = execute.execute(NOTEBOOKS / "04_dropout.ipynb", tmp_path)
    assert texts(notebook)[-1] == "There is no run yet: `make dropout-ablation`."
    assert "figure06-dropout is not drawn: no run" in texts(notebook)[-2]
