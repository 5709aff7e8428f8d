"""Scores against numbers worked out by hand."""
import math

import numpy as np
import pytest

from facekp import metrics


def test_rmse_by_hand():
    assert metrics.rmse_px([[1., 2.], [3., 4.]], [[1., 4.], [3., 0.]]) == pytest.approx(
        math.sqrt((4 + 16) / 4))


def test_unlabelled_coordinates_do_not_count():
    assert metrics.rmse_px([[1., np.nan]], [[4., 50.]]) == 3


def test_nothing_labelled_is_nan():
    assert math.isnan(metrics.rmse_px([[np.nan]], [[1.]]))


def test_a_prediction_that_is_nan_is_not_left_out():
    assert math.isnan(metrics.rmse_px([[1., 2.]], [[1., np.nan]]))


def test_float32_predictions_are_summed_in_float64():
    truth = np.zeros((2000, 30), np.float32)
    assert metrics.rmse_px(truth, truth + np.float32(0.1)) == pytest.approx(
        float(np.float32(0.1)), rel=1e-12)


def test_mse_to_px_is_the_papers_number():
    assert metrics.mse_to_px(0.0010208) == pytest.approx(1.5336, abs=1e-4)  # 48 sqrt(.0010208)


def test_mean_face_by_hand():
    train = np.array([[0., 10.], [2., np.nan]])            # mean face: 1, 10
    valid = np.array([[4., 10.], [1., 14.]])               # errors: 3, 0, 0, 4
    assert metrics.mean_face_rmse_px(train, valid) == 2.5  # sqrt(25 / 4)


def test_keypoint_errors_by_hand():
    """Two images; the first keypoint is off by (3, 4) px, then exact; the second is unlabelled
    once; the others are exact."""
    y_true = np.full((2, 30), 40.)
    y_true[0, 2] = np.nan
    y_pred = y_true.copy()
    y_pred[0, :2] += (3, 4)
    y_pred[:, 2:4] = 40, 39
    errors = metrics.keypoint_errors(y_true, y_pred)
    by_name = errors["keypoint_rmse_px"]
    assert by_name["left_eye_center"] == 2.5 and by_name["nose_tip"] == 0  # sqrt(25 / 4)
    assert by_name["right_eye_center"] == pytest.approx(math.sqrt(.5))
    assert errors["mean_face_px"]["nose_tip"] == [40, 40] and errors["n_images"] == 2
    within = dict(zip(errors["thresholds_px"], errors["within"]))
    assert within[0] == 27 / 29 and within[1] == 28 / 29 and within[4.75] == 28 / 29
    assert within[5] == 1 and errors["rmse_px"] == pytest.approx(math.sqrt(27 / 59))


def test_keypoint_errors_of_nan_predictions_and_of_unlabelled_keypoints():
    errors = metrics.keypoint_errors(np.full((1, 30), 4.), np.full((1, 30), np.nan))
    assert set(errors["within"]) == {0} and math.isnan(errors["keypoint_rmse_px"]["nose_tip"])
    y_true = np.full((1, 30), np.nan)
    assert metrics.keypoint_errors(y_true, y_true)["keypoint_rmse_px"] == {}


@pytest.mark.parametrize("losses, epoch", [
    ([3, 2, 2, 2, 2, 2], 2), ([2, 2, 2, 2, 2], 1), ([2, 2, 2, 2], None), ([2] * 9 + [1], None)])
def test_frozen_since(losses, epoch):
    history = [{"epoch": k, "valid_loss": loss} for k, loss in enumerate(losses, 1)]
    assert metrics.frozen_since(history) == epoch
