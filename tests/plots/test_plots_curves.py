"""Figures 5 and 6: means, ranges, and runs that ended early."""
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from run_results import history, result, write

from facekp import plots


@pytest.fixture(autouse=True)
def no_figure_left():
    yield
    plt.close("all")


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def labels(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_one_fold_is_drawn_as_it_is():
    figure = plots.optimizer_curves({"adagrad": [result()]}, "whose faces")
    for ax, column in zip(figure.axes, ("train_loss", "valid_loss")):
        [line] = ax.get_lines()
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4, 5, 6])
        np.testing.assert_allclose(line.get_ydata(), history(6)[column])
        assert ax.get_yscale() == "log" and not ax.collections
        assert [child.get_ylabel() for child in ax.child_axes] == ["RMSE, px"]
    assert labels(figure) == ["adagrad: 1 run, 6 epochs"]
    assert figure._suptitle.get_text() == "whose faces"


@pytest.mark.parametrize("draw", [plots.optimizer_curves, plots.dropout_curves])
def test_run_folders_are_drawn_like_what_is_in_them(draw, tmp_path):
    run = result()
    figures = [draw({"adagrad": [given]}, "") for given in (run, write(tmp_path, run))]
    expected, found = ([line.get_xydata() for ax in figure.axes for line in ax.get_lines()]
                       for figure in figures)
    assert len(found) == len(expected) > 1
    for line, other in zip(found, expected):
        np.testing.assert_allclose(line, other)


def test_the_right_axis_reads_the_loss_in_pixels():
    figure = plots.optimizer_curves({"adagrad": [result()]}, "")
    figure.canvas.draw()
    low, high = figure.axes[0].get_ylim()
    np.testing.assert_allclose(figure.axes[0].child_axes[0].get_ylim(),
                               (48 * low ** 0.5, 48 * high ** 0.5))


def test_several_folds_mean_and_range():
    runs = [result(fold=k, start=start) for k, start in enumerate((0.1, 0.2, 0.6))]
    figure = plots.optimizer_curves({"adagrad": runs}, "title")
    [line] = figure.axes[0].get_lines()
    np.testing.assert_allclose(line.get_ydata(), 0.3 / np.arange(1, 7))
    [band] = figure.axes[0].collections
    edge = band.get_paths()[0].vertices
    assert edge[:, 1].max() == pytest.approx(0.6) and edge[:, 1].min() == pytest.approx(0.1 / 6)
    assert labels(figure) == ["adagrad: 3 runs"]
    for figure in (figure, plots.dropout_curves({"no-dropout": runs}, "title")):
        assert figure._suptitle.get_text() == (
            "title\nlines: mean of the runs that got so far\nbands: lowest to highest")


@pytest.mark.parametrize("last, leading", [(1e-4, set("125")), (1e-2, set("12357"))])
def test_the_axis_in_px_has_fewer_numbers_on_a_wide_range(last, leading):
    run = result()
    for column in ("train_loss", "valid_loss"):
        run.history[column][:] = np.geomspace(0.1, last, 6)
    [ax] = plots.dropout_curves({"a": [run]}, "").axes
    [pixels] = ax.child_axes
    assert {f"{px:e}"[0] for px in pixels.yaxis.get_major_locator()()} <= leading
    assert (1.5 in pixels.yaxis.get_major_locator().tick_values(1, 9)) == (last > 1e-3)


def test_runs_that_diverged_or_did_not_finish_are_marked():
    figure = plots.optimizer_curves({
        "rmsprop": [result("rmsprop", n=4, state="diverged", diverge=4)],
        "adam": [result("adam", n=3, state="unfinished")]}, "")
    lines = figure.axes[0].get_lines()
    marks = [line for line in lines if line.get_marker() not in ("None", None)]
    assert [line.get_marker() for line in marks] == ["X", "o"]
    np.testing.assert_allclose(marks[0].get_xydata(), [[3, 0.1 / 3]])
    np.testing.assert_allclose(marks[1].get_xydata(), [[3, 0.1 / 3]])
    assert labels(figure) == ["rmsprop: diverged in epoch 4",
                              "adam: unfinished at epoch 3 of 500"]


def test_a_run_without_any_finite_loss(tmp_path):
    figure = plots.optimizer_curves({
        "rmsprop": [result("rmsprop", n=1, state="diverged", diverge=1)], "sgd": [result("sgd")],
        "adam": [result("adam", n=0, state="unfinished")]}, "")
    assert [len(line.get_xdata()) for line in figure.axes[0].get_lines()] == [0, 6, 0]
    plots.save(figure, tmp_path / "f.pdf")


def with_losses(train, valid):
    """A run that diverged, all its losses the ones given."""
    run = result("rmsprop", n=3, state="diverged")
    for column, loss in (("train_loss", train), ("valid_loss", valid), ("train_loss_clean", valid)):
        run.history[column][:] = loss
    return run


def learning_curves(groups, title):
    return plots.learning_curves({name: run.history for name, [run] in groups.items()}, title)


@pytest.mark.parametrize("loss", [np.nan, np.inf, 0.0])
@pytest.mark.parametrize("draw", [plots.optimizer_curves, plots.dropout_curves, learning_curves])
def test_axes_without_any_loss_have_a_range(draw, loss):
    figure = draw({"rmsprop": [with_losses(loss, loss)]}, "")
    assert {ax.get_ylim() for ax in figure.axes} == {(1e-4, 1)}
    figure.canvas.draw()  # with the ticks of both axes, the losses' and that in px
    np.testing.assert_allclose(figure.axes[0].child_axes[0].get_ylim(), (0.48, 48))


def test_only_the_validation_loss_is_no_number(tmp_path):
    figure = plots.optimizer_curves({"rmsprop": [with_losses(0.1, np.nan)]}, "")
    low, high = figure.axes[0].get_ylim()
    assert 1e-4 < low < 0.1 < high and figure.axes[1].get_ylim() == (1e-4, 1)
    figure.canvas.draw()
    plots.save(figure, tmp_path / "f.png")


def test_a_loss_beyond_the_image_is_cut_off():
    figure = plots.optimizer_curves({"sgd": [result("sgd", start=1e30, n=3)]}, "")
    assert figure.axes[0].get_ylim()[1] == pytest.approx(1.3)


def test_some_of_several_folds_ended_early():
    runs = [result(n=6), result(n=2, state="unfinished", fold=1, start=0.3),
            result(n=3, state="diverged", diverge=3, fold=2, start=0.2)]
    figure = plots.optimizer_curves({"adagrad": runs}, "")
    line = figure.axes[0].get_lines()[0]
    np.testing.assert_allclose(line.get_ydata(), np.array([0.2, 0.1, 0.1 / 3, 0.1 / 4, 0.1 / 5,
                                                           0.1 / 6]))
    assert labels(figure) == ["adagrad: 3 runs, 1 diverged, 1 unfinished"]


def test_dropout_both_ways_of_measuring():
    figure = plots.dropout_curves({"dropout": [result(start=0.2)], "none": [result()]}, "")
    [ax] = figure.axes
    lines = ax.get_lines()
    assert [line.get_linestyle() for line in lines] == ["-", "--", ":"] * 2
    for line, column in zip(lines, ("valid_loss", "train_loss")):
        np.testing.assert_allclose(line.get_ydata(), history(6, 0.2)[column])
    np.testing.assert_array_equal(lines[2].get_xdata(), [1, 3, 5])
    np.testing.assert_allclose(lines[2].get_ydata(), [0.1, 0.1 / 3, 0.1 / 5])
    assert labels(figure)[:2] == ["dropout: 1 run, 6 epochs", "none: 1 run, 6 epochs"]


@pytest.mark.parametrize("draw", [plots.dropout_curves, lambda groups, title: plots.learning_curves(
    {name: run.history for name, [run] in groups.items()}, title)])
def test_a_loss_that_was_not_measured_is_not_in_the_legend(draw):
    run = result()
    assert "training, dropout off" in labels(draw({"a": [run]}, ""))
    run.history["train_loss_clean"][:] = np.nan
    figure = draw({"a": [run]}, "")
    assert "training, dropout off" not in labels(figure)
    assert [line.get_linestyle() for line in figure.axes[0].get_lines()].count(":") == 0
