"""The figures hold what they were given, and the files are whole."""
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

from facekp import plots


def history(n=4, start=0.1):
    losses = [start / (i + 1) for i in range(n)]
    return {"epoch": [float(i + 1) for i in range(n)], "train_loss": losses,
            "valid_loss": [2 * loss for loss in losses],
            "train_loss_clean": [losses[0] / 2, float("nan"), losses[2] / 2, float("nan")]}


def test_learning_curves_draw_each_loss():
    figure = plots.learning_curves({"lenet5": history()}, "lenet5, synthetic faces")
    ax = figure.axes[0]
    valid, train, clean = (line.get_xydata() for line in ax.get_lines())
    np.testing.assert_allclose(train[:, 1], history()["train_loss"])
    np.testing.assert_allclose(valid[:, 1], history()["valid_loss"])
    np.testing.assert_array_equal(clean[:, 0], [1, 3])  # only where it was measured
    assert ax.get_yscale() == "log"
    assert figure._suptitle.get_text() == "lenet5, synthetic faces"


def test_no_curve_is_left_out_when_colours_run_out():
    figure = plots.learning_curves({f"fold{i}": history() for i in range(10)}, "folds")
    assert len(figure.axes[0].get_lines()) == 30
    assert [text.get_text() for text in figure.legends[0].get_texts()][:10] == [
        f"fold{i}" for i in range(10)]


def test_seven_curves_have_a_colour_each():
    figure = plots.learning_curves({f"variant{i}": history() for i in range(7)}, "seven")
    assert len({line.get_color() for line in figure.axes[0].get_lines()}) == 7


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_the_curve_of_a_run_that_diverged_at_once(tmp_path):
    nan = {name: [float("nan")] for name in history()}
    figure = plots.learning_curves({"diverged": {**nan, "epoch": [1.0]}}, "diverged")
    plots.save(figure, tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 1000


def test_the_same_figure_is_the_same_file(tmp_path):
    for name in ("a.png", "b.png"):
        plots.save(plots.learning_curves({"x": history()}, "x"), tmp_path / name)
    content = (tmp_path / "a.png").read_bytes()
    assert content.startswith(b"\x89PNG") and content == (tmp_path / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_faces_are_marked_where_the_keypoints_are():
    X = np.random.RandomState(0).rand(5, 1, 96, 96)
    y_pred = np.random.RandomState(1).uniform(0, 96, (5, 30))
    figure = plots.predicted_faces(X, y_pred, "synthetic faces", y_true_px=y_pred + 1)
    axes = [ax for ax in figure.axes if ax.images]
    assert len(axes) == 5 and figure._suptitle.get_text() == "synthetic faces"
    for i, ax in enumerate(axes):
        np.testing.assert_array_equal(ax.images[0].get_array(), X[i, 0])
        true, pred = ax.get_lines()
        np.testing.assert_array_equal(pred.get_xydata(), y_pred[i].reshape(15, 2))
        np.testing.assert_array_equal(true.get_xydata(), y_pred[i].reshape(15, 2) + 1)
        assert pred.get_marker() == "x" and pred.get_color() == "#1f5fff"
        assert ax.get_ylim() == (95.5, -0.5)  # row 0 on top


@pytest.mark.parametrize("n, rows, columns", [(1, 1, 1), (3, 1, 3), (16, 4, 4)])
def test_grid(n, rows, columns):
    figure = plots.predicted_faces(np.zeros((n, 1, 96, 96)), np.zeros((n, 30)), "")
    grid = figure.axes[0].get_gridspec()
    assert (grid.nrows, grid.ncols) == (rows, columns)


def test_no_image_is_a_fault():
    none = np.zeros((0, 1, 96, 96)), np.zeros((0, 30))
    with pytest.raises(ValueError, match="X: found no image"):
        plots.predicted_faces(*none, "")
    with pytest.raises(ValueError, match="X: found no image"):
        plots.extreme_faces(*none, np.zeros((0, 30)), "")


def test_text_is_8_point_at_half_of_a_page():
    figure = plots.predicted_faces(np.zeros((16, 1, 96, 96)), np.zeros((16, 30)), "faces")
    assert figure.get_size_inches()[0] <= 3.4
    assert figure._suptitle.get_fontsize() == 8


@pytest.mark.parametrize("n", [1, 16])
def test_a_picture_is_1000_pixels_wide(tmp_path, n):
    figure = plots.predicted_faces(np.zeros((n, 1, 96, 96)), np.zeros((n, 30)), "faces")
    plots.save(figure, tmp_path / "a.png")
    assert plt.imread(tmp_path / "a.png").shape[1] in (999, 1000)


HOSTILE = """
text.usetex: True
backend: tkagg
font.size: 40
figure.facecolor: black
savefig.facecolor: black
savefig.bbox: tight
axes.facecolor: black
axes.edgecolor: white
axes.grid: True
axes.titlesize: 60
axes.formatter.use_locale: True
image.cmap: hot
image.interpolation: bicubic
image.origin: lower
lines.linewidth: 9
xtick.bottom: False
ytick.minor.visible: True
pdf.fonttype: 3
"""

DRAW_ALL = """
import sys
from pathlib import Path
import numpy as np
from facekp import plots
from facekp.metrics import keypoint_errors
from facekp.nets.describe import LayerRow
X = np.linspace(0, 1, 2 * 96 * 96).reshape(2, 1, 96, 96)
y = np.linspace(20, 70, 60).reshape(2, 30)
history = {"epoch": [1, 2], "train_loss": [0.02, 0.01], "valid_loss": [0.03, 0.02]}
errors = keypoint_errors(y, y + 1)
rows = [LayerRow("input", "input", "image", "", (1, 96, 96), 0)]
for k, figure in enumerate([
        plots.learning_curves({"50% of $x$, x_1": history}, "costs $5 {"),
        plots.sample_face(X[0], y[0], "a"), plots.predicted_faces(X, y, "a", y + 2),
        plots.extreme_faces(X, y, y + 1, "a"), plots.mirror_pair(X[:2], y[:2], "a"),
        plots.augmented_faces(X[np.newaxis], y[np.newaxis], "a"),
        plots.first_layer_filters(X[..., :3, :3], "a"),
        plots.activations(X[0], {"a": X[:, 0]}, "a"),
        plots.mean_face_errors(errors, "a"),
        plots.cumulative_errors({"a": errors}, "a"), plots.architecture(rows, "a")]):
    plots.save(figure, Path(sys.argv[1], f"{k}.png"), dpi=50)
plots.save(figure, Path(sys.argv[1], "net.pdf"))
"""


def test_figures_depend_neither_on_the_users_matplotlibrc_nor_on_the_process(
        tmp_path, clean_env, monkeypatch):
    """Here, and in a process with another order of sets and other settings of Matplotlib."""
    clean_env.pop("MPLBACKEND", None)
    here, hostile = tmp_path / "here", tmp_path / "hostile"
    here.mkdir()
    hostile.mkdir()
    (hostile / "matplotlibrc").write_text(HOSTILE)
    subprocess.run([sys.executable, "-c", DRAW_ALL, str(hostile)], check=True, env={
        **clean_env, "MATPLOTLIBRC": str(hostile / "matplotlibrc"), "PYTHONHASHSEED": "1"})
    monkeypatch.setattr(sys, "argv", ["", str(here)])
    exec(DRAW_ALL, {})
    drawn = [{path.name: path.read_bytes() for path in folder.glob("*.p*")}
             for folder in (here, hostile)]
    assert len(drawn[0]) == 12 and drawn[0] == drawn[1]
    pdf = drawn[0]["net.pdf"]
    assert pdf.startswith(b"%PDF") and b"CreationDate" not in pdf


def test_each_public_function_has_an_example():
    functions = [getattr(plots, name) for name in plots.__all__ if name != "COLORS"]
    assert [one.__name__ for one in functions if ">>>" not in one.__doc__] == []
