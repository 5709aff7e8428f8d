"""Names, columns, scaling to [-1, 1], and which columns change places in a mirror."""
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from facekp import keypoints

PIXELS = hnp.arrays(np.float32, (3, 30), elements=st.floats(-96, 192, width=32))

# Kaggle's training.csv, header row without its last column, Image.
HEADER = (
    "left_eye_center_x,left_eye_center_y,right_eye_center_x,right_eye_center_y,"
    "left_eye_inner_corner_x,left_eye_inner_corner_y,left_eye_outer_corner_x,"
    "left_eye_outer_corner_y,right_eye_inner_corner_x,right_eye_inner_corner_y,"
    "right_eye_outer_corner_x,right_eye_outer_corner_y,left_eyebrow_inner_end_x,"
    "left_eyebrow_inner_end_y,left_eyebrow_outer_end_x,left_eyebrow_outer_end_y,"
    "right_eyebrow_inner_end_x,right_eyebrow_inner_end_y,right_eyebrow_outer_end_x,"
    "right_eyebrow_outer_end_y,nose_tip_x,nose_tip_y,mouth_left_corner_x,mouth_left_corner_y,"
    "mouth_right_corner_x,mouth_right_corner_y,mouth_center_top_lip_x,mouth_center_top_lip_y,"
    "mouth_center_bottom_lip_x,mouth_center_bottom_lip_y")

# (0, 2), ..., (24, 26) of the nolearn tutorial for this contest, both coordinates, and the five
# columns' points in the middle of the face, which stay.
PAIRS = [(0, 2), (1, 3), (4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19),
         (22, 24), (23, 25)]


def test_columns_are_those_of_training_csv_in_its_order():
    assert ",".join(keypoints.COLUMNS) == HEADER
    assert len(keypoints.KEYPOINTS) == 15
    assert keypoints.SIZE == 96


def test_flip_swaps_exactly_the_left_right_pairs():
    expected = np.arange(30)
    for left, right in PAIRS:
        expected[left], expected[right] = right, left
    np.testing.assert_array_equal(keypoints.FLIP, expected)


def test_scale_by_hand():
    np.testing.assert_array_equal(keypoints.scale(np.array([0., 24., 48., 96.])), [-1, -.5, 0, 1])
    np.testing.assert_array_equal(keypoints.unscale(np.array([-1, -.5, 0, 1])), [0, 24, 48, 96])


@settings(derandomize=True, deadline=None)
@given(PIXELS)
def test_unscale_undoes_scale(y_px):
    scaled = keypoints.scale(y_px)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(keypoints.unscale(scaled), y_px, atol=2e-5)


def test_nan_stays_nan():
    assert np.isnan(keypoints.unscale(keypoints.scale(np.array([np.nan])))).all()
