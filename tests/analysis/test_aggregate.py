"""Means and deviations over runs, against numbers worked out by hand."""
import numpy as np
import pytest
from run_tools import make_run

from facekp.analysis.aggregate import MeanSd, group_runs, mean_curve, mean_sd, reach
from facekp.runs.read import find_runs

NAN = float("nan")


def test_mean_and_sample_deviation():
    assert mean_sd([1, 2, 6]) == (3, pytest.approx(7 ** .5), 3)
    assert mean_sd([1, NAN, 3, None, float("inf")]) == (2, pytest.approx(2 ** .5), 2)
    mean, sd, n = mean_sd([5])
    assert (mean, n) == (5, 1) and np.isnan(sd)
    assert mean_sd([])[2] == 0 and np.isnan(mean_sd([NAN]).mean)


@pytest.mark.parametrize("value, text", [
    (MeanSd(1.53357, .0123, 3), "1.534 ± 0.012"), (MeanSd(1.53357, NAN, 1), "1.534"),
    (MeanSd(NAN, NAN, 0), "-"), (MeanSd(.0010208, .00002, 2), "0.001021 ± 0.000020"),
    (MeanSd(1234.2, 15.1, 2), "1234 ± 15"), (MeanSd(2e-5, 1e-6, 2), "2.000e-05 ± 1e-06")])
def test_as_text(value, text):
    assert value.format() == text


@pytest.mark.parametrize("mean, digits, text", [
    (999.7, 3, "1000"), (9999.6, 4, "10000"), (-999.7, 3, "-1000"), (999.4, 3, "999"),
    (99.97, 3, "100"), (1234.2, 3, "1234")])
def test_a_mean_that_is_rounded_up_to_one_more_digit(mean, digits, text):
    assert MeanSd(mean, NAN, 1).format(digits) == text
    assert MeanSd(mean, 1.2, 3).format(digits) == f"{text} ± 1"


def test_groups_differ_in_seed_and_fold_only(tmp_path):
    make_run(tmp_path / "s/cnn14/adam/fold0", [.04])
    make_run(tmp_path / "s/cnn14/adam/fold1", [.09], fold=1)
    make_run(tmp_path / "s/cnn14/adam/seed1/fold0", [.16], seed=1)
    make_run(tmp_path / "s/cnn14/sgd/fold0", [.04])
    adam, sgd = group_runs(find_runs(tmp_path))
    assert (adam.name, adam.seeds, adam.folds, len(adam.runs)) == ("adam", [0, 1], [0, 1], 3)
    assert sgd.name == "sgd"
    assert adam.mean("best_valid_rmse_px") == (pytest.approx(14.4), pytest.approx(4.8), 3)
    assert adam.mean(lambda run: run.final("valid_loss")).mean == pytest.approx(.29 / 3)


def test_groups_with_one_name_say_what_tells_them_apart(tmp_path):
    make_run(tmp_path / "s/cnn14/fold0", [.1], epochs=500)
    make_run(tmp_path / "s/cnn14/fold0-2", [.1], epochs=500)
    make_run(tmp_path / "s/cnn14/fold1", [.1], epochs=3, fold=1)
    make_run(tmp_path / "s/cnn14/fold2", [.1], epochs=500, fold=2, label="drawn",
             files={"training.csv": "other"})
    assert [group.name for group in group_runs(find_runs(tmp_path))] == [
        "s (epochs 500, a test's faces, run 1)", "s (epochs 500, a test's faces, run 2)",
        "s (epochs 3, a test's faces, run 1)", "s (epochs 500, drawn, run 1)"]


def test_curve_over_runs_of_different_length(tmp_path):
    make_run(tmp_path / "s/cnn14/fold0", [.4, .2, .1])
    make_run(tmp_path / "s/cnn14/fold1", [.2, NAN], fold=1, state="diverged")
    curve = mean_curve(find_runs(tmp_path), "valid_loss")
    np.testing.assert_array_equal(curve.epoch, [1, 2, 3])
    np.testing.assert_allclose(curve.mean, [.3, .2, .1])
    np.testing.assert_array_equal(curve.low, [.2, .2, .1])
    np.testing.assert_array_equal(curve.high, [.4, .2, .1])
    np.testing.assert_array_equal(curve.n, [2, 1, 1])
    assert len(mean_curve([], "valid_loss").mean) == 0


def test_the_curve_of_a_frozen_run_goes_on_beside_the_others(tmp_path):
    make_run(tmp_path / "s/cnn14/fold0", [.4, .4], epochs=5, summary={"stopped_by": "frozen"})
    make_run(tmp_path / "s/cnn14/fold1", [.4, .3, .2, .1, .1], epochs=5, fold=1)
    curve = mean_curve(find_runs(tmp_path), "valid_loss")
    np.testing.assert_allclose(curve.mean, [.4, .35, .3, .25, .25])
    np.testing.assert_array_equal(curve.n, [2] * 5)


def test_reach(tmp_path):
    make_run(tmp_path / "s/cnn14/fold0", [.4, .2, .3, .1], seconds=1.5)
    [run] = find_runs(tmp_path)
    assert reach(run, .2) == (2, 3.0) and reach(run, .15) == (4, 6.0)
    assert reach(run, .05) is None
    assert reach(run, .4, "train_loss") == (1, 1.5)
    run.history["seconds"][1] = 900  # the machine slept: that is nothing of the optimizer's
    assert reach(run, .2) == (2, 3.0)
