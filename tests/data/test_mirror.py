"""Mirror images: the picture and its keypoints move together."""
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from facekp.data import mirror
from facekp.keypoints import COLUMNS

PIXELS = hnp.arrays(np.float32, (2, 30), elements=st.floats(0, 96, width=32))


def test_flip_keypoints_by_hand():
    y_px = np.arange(60, dtype=np.float32).reshape(2, 30)
    flipped = mirror.flip_keypoints(y_px)
    column = COLUMNS.index
    for i in (0, 1):
        face, mirrored = y_px[i], flipped[i]
        assert mirrored[column("left_eye_center_x")] == 95 - face[column("right_eye_center_x")]
        assert mirrored[column("left_eye_center_y")] == face[column("right_eye_center_y")]
        assert mirrored[column("mouth_right_corner_x")] == 95 - face[column("mouth_left_corner_x")]
        assert mirrored[column("nose_tip_x")] == 95 - face[column("nose_tip_x")]
        assert mirrored[column("nose_tip_y")] == face[column("nose_tip_y")]


def test_a_marked_pixel_and_its_keypoint_end_in_the_same_place():
    X = np.zeros((1, 1, 96, 96), np.float32)
    X[0, 0, 40, 7] = 1
    y_px = np.zeros((1, 30), np.float32)
    y_px[0, [COLUMNS.index("right_eye_center_x"), COLUMNS.index("right_eye_center_y")]] = 7, 40
    flipped, y_flipped = mirror.flip_images(X), mirror.flip_keypoints(y_px)
    row, column = np.argwhere(flipped[0, 0])[0]
    assert (column, row) == tuple(y_flipped[0, :2])  # now the left eye


@settings(derandomize=True, deadline=None)
@given(PIXELS)
def test_flip_twice_is_identity(y_px):
    twice = mirror.flip_keypoints(mirror.flip_keypoints(y_px))
    assert twice.dtype == y_px.dtype
    np.testing.assert_allclose(twice, y_px, atol=1e-5)


def test_flip_images_twice_is_identity():
    X = np.random.RandomState(0).rand(2, 1, 96, 96).astype(np.float32)
    once = mirror.flip_images(X)
    np.testing.assert_array_equal(once, X[:, :, :, ::-1])
    np.testing.assert_array_equal(mirror.flip_images(once), X)


def test_nan_moves_with_its_keypoint():
    y_px = np.ones((1, 30), np.float32)
    y_px[0, COLUMNS.index("left_eye_outer_corner_x")] = np.nan
    missing = np.flatnonzero(np.isnan(mirror.flip_keypoints(y_px)[0]))
    assert [COLUMNS[i] for i in missing] == ["right_eye_outer_corner_x"]


def test_the_callers_arrays_are_neither_changed_nor_shared():
    random = np.random.RandomState(0)
    X = random.rand(3, 1, 96, 96).astype(np.float32)
    y_px = random.rand(3, 30).astype(np.float32)
    X_before, y_before = X.copy(), y_px.copy()
    X2, y2_px = mirror.with_mirror_images(X, y_px)
    assert X2.shape == (6, 1, 96, 96) and y2_px.shape == (6, 30)
    assert X2.dtype == y2_px.dtype == np.float32
    for result, given_array in ((X2, X), (y2_px, y_px), (mirror.flip_images(X), X),
                                (mirror.flip_keypoints(y_px), y_px)):
        assert not np.shares_memory(result, given_array)
    X2[:] = y2_px[:] = -1
    np.testing.assert_array_equal(X, X_before)
    np.testing.assert_array_equal(y_px, y_before)


def test_row_n_plus_i_mirrors_row_i():
    random = np.random.RandomState(1)
    X, y_px = random.rand(2, 1, 96, 96), random.rand(2, 30)
    X2, y2_px = mirror.with_mirror_images(X, y_px)
    np.testing.assert_array_equal(X2[:2], X)
    np.testing.assert_array_equal(X2[3, 0], np.fliplr(X[1, 0]))
    np.testing.assert_array_equal(
        y2_px[3, 0::2], 95 - y_px[1, [2, 0, 8, 10, 4, 6, 16, 18, 12, 14, 20, 24, 22, 26, 28]])
