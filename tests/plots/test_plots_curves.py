"""Figures 5 and 6: means, ranges, and trainings that ended early."""
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest

from facekp import plots

EPOCHS = np.arange(1, 7)
LOSS = 0.1 / EPOCHS
BOTH = pytest.mark.parametrize("apart", [True, False])


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def losses(train, valid=None, clean=None, **more):
    """Curves of one training by loss."""
    found = {"train_loss": train, "valid_loss": train if valid is None else valid,
             "train_loss_clean": clean}
    return {name: {"epoch": np.arange(1, len(mean) + 1), "mean": mean, **more}
            for name, mean in found.items() if mean is not None}


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_one_training_is_drawn_as_it_is():
    figure = plots.loss_curves({"adagrad": losses(LOSS, 2 * LOSS)}, "whose faces", apart=True)
    for ax, expected in zip(figure.axes, (LOSS, 2 * LOSS)):
        [line] = ax.get_lines()
        np.testing.assert_array_equal(line.get_xdata(), EPOCHS)
        np.testing.assert_array_equal(line.get_ydata(), expected)
        assert ax.get_yscale() == "log" and not ax.collections
        assert [child.get_ylabel() for child in ax.child_axes] == ["RMSE, px"]
    assert legend(figure) == ["adagrad"] and figure._suptitle.get_text() == "whose faces"


def test_the_right_axis_reads_the_loss_in_pixels():
    figure = plots.loss_curves({"adagrad": losses(LOSS)}, "")
    figure.draw_without_rendering()
    low, high = figure.axes[0].get_ylim()
    np.testing.assert_allclose(figure.axes[0].child_axes[0].get_ylim(),
                               (48 * low ** 0.5, 48 * high ** 0.5))


@BOTH
def test_a_mean_and_its_range(apart):
    curves = losses(LOSS, low=LOSS / 2, high=3 * LOSS)
    figure = plots.loss_curves({"adagrad": curves}, "title", apart)
    np.testing.assert_array_equal(figure.axes[0].get_lines()[0].get_ydata(), LOSS)
    edge = figure.axes[0].collections[0].get_paths()[0].vertices
    assert edge[:, 1].max() == pytest.approx(0.3) and edge[:, 1].min() == pytest.approx(0.05 / 6)
    assert figure._suptitle.get_text() == (
        "title\nlines: mean of the runs that got so far\nbands: lowest to highest")


@pytest.mark.parametrize("last, leading", [(1e-4, set("125")), (1e-2, set("12357"))])
def test_the_axis_in_px_has_fewer_numbers_on_a_wide_range(last, leading):
    [ax] = plots.loss_curves({"a": losses(np.geomspace(0.1, last, 6))}, "").axes
    [pixels] = ax.child_axes
    assert {f"{px:e}"[0] for px in pixels.yaxis.get_major_locator()()} <= leading
    assert (1.5 in pixels.yaxis.get_major_locator().tick_values(1, 9)) == (last > 1e-3)


def test_trainings_that_diverged_or_did_not_finish_are_marked():
    figure = plots.loss_curves({
        "rmsprop": losses(LOSS[:3], ends=[(3, LOSS[2], "diverged")]),
        "adam": losses(LOSS[:3], ends=[(3, 5.0, "unfinished")])}, "", apart=True)
    marks = [line for line in figure.axes[0].get_lines() if line.get_marker() in ("X", "o")]
    assert [line.get_marker() for line in marks] == ["X", "o"]
    np.testing.assert_allclose(marks[0].get_xydata(), [[3, 0.1 / 3]])
    np.testing.assert_allclose(marks[1].get_xydata(), [[3, 1.0]])  # no higher than the axes


@BOTH
@pytest.mark.parametrize("loss", [np.nan, np.inf, 0.0])
def test_axes_without_any_loss_have_a_range(apart, loss):
    figure = plots.loss_curves({"rmsprop": losses(np.full(3, loss))}, "", apart)
    assert {ax.get_ylim() for ax in figure.axes} == {(1e-4, 1)}
    figure.set_layout_engine("none")  # which would draw the ticks several times
    figure.draw_without_rendering()  # with the ticks of both axes, the losses' and that in px
    np.testing.assert_allclose(figure.axes[0].child_axes[0].get_ylim(), (0.48, 48))


def test_only_the_validation_loss_is_no_number(tmp_path):
    figure = plots.loss_curves({"rmsprop": losses(np.full(3, 0.1), np.full(3, np.nan))}, "", True)
    low, high = figure.axes[0].get_ylim()
    assert 1e-4 < low < 0.1 < high and figure.axes[1].get_ylim() == (1e-4, 1)
    plots.save(figure, tmp_path / "f.png")


def test_a_training_without_an_epoch(tmp_path):
    figure = plots.loss_curves({"adam": losses(LOSS[:0]), "sgd": losses(LOSS)}, "", apart=True)
    assert [len(line.get_xdata()) for line in figure.axes[0].get_lines()] == [6]
    plots.save(figure, tmp_path / "f.pdf")


def test_a_loss_beyond_the_image_is_cut_off():
    figure = plots.loss_curves({"sgd": losses(1e30 * LOSS)}, "")
    assert figure.axes[0].get_ylim()[1] == pytest.approx(1.3)


def test_all_losses_in_the_same_axes():
    clean = np.where(EPOCHS % 2 == 1, LOSS / 2, np.nan)
    figure = plots.loss_curves({"dropout": losses(LOSS, 2 * LOSS, clean),
                                "none": losses(LOSS, 2 * LOSS, clean)}, "")
    [ax] = figure.axes
    lines = ax.get_lines()
    assert [line.get_linestyle() for line in lines] == ["-", "--", ":"] * 2
    assert len({line.get_color() for line in lines}) == 2
    for line, expected in zip(lines, (2 * LOSS, LOSS)):
        np.testing.assert_array_equal(line.get_ydata(), expected)
    np.testing.assert_array_equal(lines[2].get_xydata(), np.column_stack([EPOCHS, clean])[::2])
    assert legend(figure) == ["dropout", "none", "validation",
                              "training, as measured in the batches", "training, dropout off"]


def test_a_loss_that_was_not_measured_is_not_in_the_legend():
    figure = plots.loss_curves({"a": losses(LOSS, clean=np.full(6, np.nan))}, "")
    assert "training, dropout off" not in legend(figure)


def test_curves_are_drawn_in_given_axes():
    figure, axes = plt.subplots(2, 1)
    assert plots.loss_curves({"a": losses(LOSS)}, "", apart=True, ax=axes) is figure
    assert [len(ax.get_lines()) for ax in axes] == [1, 1]


def test_learning_rates():
    rates = {"cosine": [0.1, 0.05, 0.0], "step": [0.1, 0.01]}
    figure = plots.learning_rates({name: {"epoch": np.arange(1, len(some) + 1),
                                          "learning_rate": some}
                                   for name, some in rates.items()}, "title")
    lines = figure.axes[0].get_lines()
    for line, expected in zip(lines, rates.values()):
        np.testing.assert_array_equal(line.get_ydata(), expected)
        assert line.get_xdata()[0] == 1
    assert legend(figure) == list(rates) and len({line.get_color() for line in lines}) == 2


def test_the_averaged_weights_have_a_line_of_their_own():
    curves = {**losses(LOSS), "averaged_loss": {"epoch": EPOCHS, "mean": LOSS / 2}}
    figure = plots.loss_curves({"adam": curves}, "title")
    styles = {line.get_linestyle(): line.get_ydata() for line in figure.axes[0].get_lines()}
    np.testing.assert_array_equal(styles["-."], LOSS / 2)
    assert len(styles) == 3 == len(legend(figure)) - 1
