"""The two labelling schemes: which image is of which, and targets that keep them apart."""
import numpy as np
import pytest

from facekp.data import Lookup, schemes
from facekp.data.synthetic import labels
from facekp.keypoints import COLUMNS, FLIP, KEYPOINTS

FOUR = [COLUMNS.index(f"{name}_{axis}") for name in (
    "left_eye_center", "right_eye_center", "nose_tip", "mouth_center_bottom_lip") for axis in "xy"]


def known(*names):
    return np.repeat(np.isin(KEYPOINTS, names), 2)


@pytest.mark.parametrize("names, second", [
    (KEYPOINTS, False), (schemes.FOUR, True), (schemes.FOUR[:3], True), (["nose_tip"], True),
    ([*schemes.FOUR, "mouth_left_corner"], False), (["left_eye_inner_corner"], False), ([], False)])
def test_an_image_with_some_of_the_four_points_alone_is_of_the_second_scheme(names, second):
    assert schemes.is_second(known(*names)[np.newaxis]).tolist() == [second]


def test_it_is_the_scheme_that_synthetic_images_are_drawn_with():
    for rows, n in ((labels.TRAINING_ROWS, 7049), (labels.TEST_ROWS, 1783)):
        n_first, labelled = labels.missing_pattern(np.random.default_rng(3), rows, n)
        np.testing.assert_array_equal(schemes.is_second(labelled), np.arange(n) >= n_first)


def test_the_four_points_mirrored_are_the_four_points():
    assert sorted(FLIP[schemes.FOUR_COLUMNS]) == sorted(FOUR) == sorted(schemes.FOUR_COLUMNS)


def test_what_a_lookup_table_asks_for():
    lookup = Lookup(np.arange(1, 6), np.array([7, 7, 3, 99, 3]), np.array([0, 29, 20, 4, 21]), {})
    asked = schemes.asked_of(lookup, np.array([3, 5, 7]))
    assert [np.flatnonzero(row).tolist() for row in asked] == [[20, 21], [], [0, 29]]
    assert schemes.is_second(asked).tolist() == [True, False, True]


def faces(random, n=6):
    """y (n, 30) of the first scheme, every third one of the second, some points unlabelled."""
    y = random.uniform(0, 96, (n, 30)).astype(np.float32)
    y[::3] = np.where(known(*schemes.FOUR), y[::3], np.nan)
    y[1, 8:12] = np.nan
    y[3, 28:] = np.nan
    return y


def test_targets_against_plain_loops(random):
    y = faces(random)
    expected = np.full((6, 38), np.nan, np.float32)
    for i in range(6):
        if i % 3 == 0:
            expected[i, 30:] = y[i, FOUR]
        else:
            expected[i, :30] = y[i]
    targets = schemes.apart(y, np.arange(6) % 3 == 0)
    np.testing.assert_array_equal(targets, expected)
    assert targets.dtype == np.float32


def test_joined_undoes_apart(random):
    y = faces(random)
    back, second = schemes.joined(schemes.apart(y, np.arange(6) % 3 == 0))
    np.testing.assert_array_equal(back, y)
    assert second.tolist() == [True, False, False] * 2


def test_an_image_may_lose_points_and_keep_its_scheme(random):
    """As one whose other points have moved out of it, by a transform."""
    y = np.where(known("nose_tip"), random.uniform(0, 96, (1, 30)), np.nan)
    assert np.isfinite(schemes.apart(y, np.array([False]))[0, [20, 21]]).all()
    assert np.isfinite(schemes.apart(y, np.array([True]))[0, [34, 35]]).all()


def test_predictions_by_each_image_s_own_scheme(random):
    outputs = random.uniform(0, 96, (3, 38))
    second = np.array([False, True, False])
    y = schemes.pick(outputs, second)
    np.testing.assert_array_equal(y[[0, 2]], outputs[[0, 2], :30])
    np.testing.assert_array_equal(y[1, FOUR], outputs[1, 30:])
    others = np.setdiff1d(range(30), FOUR)
    np.testing.assert_array_equal(y[1, others], outputs[1, others])
    np.testing.assert_array_equal(schemes.pick(outputs), outputs[:, :30])
    np.testing.assert_array_equal(schemes.pick(outputs[:, :30], second), outputs[:, :30])


def test_some_keypoints_alone(random):
    y = faces(random)
    assert schemes.only(y, ()) is y
    some = schemes.only(y, ("nose_tip", "mouth_left_corner"))
    np.testing.assert_array_equal(some[:, [20, 21, 22, 23]], y[:, [20, 21, 22, 23]])
    assert np.isnan(np.delete(some, [20, 21, 22, 23], axis=1)).all() and some.dtype == np.float32
