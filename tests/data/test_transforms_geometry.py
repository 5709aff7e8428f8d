"""Maps of the plane and keypoints: each map where its name says, and compositions of maps."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facekp.data import mirror as mirror_images
from facekp.data.transforms import geometry, move_keypoints
from facekp.data.transforms.geometry import compose, crop, inverse, mirror, rotate_and_scale, shift
from facekp.keypoints import COLUMNS, FLIP

PROPERTY = settings(derandomize=True, deadline=None)
COORDINATE = st.floats(-200, 200)


@st.composite
def maps(draw):
    """A map that the transforms can make, (1, 2, 3)."""
    number, part = st.floats(-1, 1).map, st.floats(0, 1)
    right, down = draw(number(lambda x: 48 * x)), draw(number(lambda x: 48 * x))
    return compose(mirror(np.array([draw(st.booleans())])),
                   crop(1 - 0.5 * draw(part), draw(part), np.array([draw(part)])),
                   rotate_and_scale(draw(number(lambda x: 180 * x)),
                                    np.exp(np.array([draw(number(float))]))),
                   shift(right, np.array([down])))


def point(map_, x, y):
    return map_[0] @ (x, y, 1)


@PROPERTY
@given(maps(), maps(), COORDINATE, COORDINATE)
def test_a_composed_map_is_one_after_the_other(first, second, x, y):
    np.testing.assert_allclose(point(compose(first, second), x, y),
                               point(second, *point(first, x, y)), rtol=1e-9, atol=1e-6)


@PROPERTY
@given(maps(), COORDINATE, COORDINATE)
def test_the_inverse_leads_back(map_, x, y):
    np.testing.assert_allclose(point(inverse(map_), *point(map_, x, y)), (x, y), atol=1e-6)
    np.testing.assert_allclose(compose(map_, inverse(map_))[0], np.eye(2, 3), atol=1e-6)


def test_mirror_of_mirror_is_the_identity_exactly():
    once = mirror(np.array([True]))
    assert point(once, 0, 3).tolist() == [95, 3]
    np.testing.assert_array_equal(compose(once, once)[0], np.eye(2, 3))
    np.testing.assert_array_equal(mirror(np.array([False]))[0], np.eye(2, 3))


def test_rotation_is_clockwise_about_the_centre():
    quarter = rotate_and_scale(np.array([90.0]), np.ones(1))
    np.testing.assert_allclose(point(quarter, 47.5, 47.5), (47.5, 47.5))
    np.testing.assert_allclose(point(quarter, 95, 47.5), (47.5, 95))   # from the right to below
    np.testing.assert_allclose(point(quarter, 0, 0), (95, 0), atol=1e-12)


def test_scale_is_about_the_centre():
    half = rotate_and_scale(np.zeros(1), np.array([0.5]))
    np.testing.assert_allclose([point(half, 47.5, 47.5), point(half, -0.5, 95.5)],
                               [(47.5, 47.5), (23.5, 71.5)])


@pytest.mark.parametrize("left, top, corner", [(0, 0, (-0.5, -0.5)), (1, 1, (47.5, 47.5)),
                                               (0.5, 1, (23.5, 47.5))])
def test_a_cropped_square_becomes_the_whole_image(left, top, corner):
    half = crop(np.array([0.5]), np.array([left]), np.array([top]))
    np.testing.assert_allclose(point(half, *corner), (-0.5, -0.5))
    np.testing.assert_allclose(point(half, *np.add(corner, 48)), (95.5, 95.5))


def test_a_whole_crop_is_the_identity_exactly():
    np.testing.assert_array_equal(crop(np.ones(1), np.array([0.3]), np.array([0.8]))[0],
                                  np.eye(2, 3))


# ---- keypoints -------------------------------------------------------------------------------


@pytest.fixture
def y_px(random):
    return random.uniform(5, 90, (3, 30)).astype(np.float32)


def test_mirrored_keypoints_are_those_of_mirror_images(y_px):
    found = move_keypoints(y_px, mirror(np.array([True, False, True])))
    expected = np.where([[True], [False], [True]], mirror_images.flip_keypoints(y_px), y_px)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_left_and_right_swap_names_whenever_a_map_mirrors(y_px):
    turn = compose(mirror(np.array([True])), rotate_and_scale(np.array([30.0]), np.array([0.4])))
    found = move_keypoints(y_px[:1], turn)
    left, right = COLUMNS.index("left_eye_center_x"), COLUMNS.index("right_eye_center_x")
    np.testing.assert_allclose(found[0, left:left + 2],
                               point(turn, *y_px[0, right:right + 2]), atol=1e-4)
    np.testing.assert_allclose(found[0, right:right + 2],
                               point(turn, *y_px[0, left:left + 2]), atol=1e-4)
    assert (FLIP[[left, right]] == [right, left]).all()


@pytest.mark.parametrize("right, down", [(60, 0), (-60, 0), (0, 60), (0, -60)])
def test_a_keypoint_that_leaves_the_image_is_nan_in_both_coordinates(y_px, right, down):
    x, y = y_px[:, 0::2] + right, y_px[:, 1::2] + down
    inside = (x >= -0.5) & (x <= 95.5) & (y >= -0.5) & (y <= 95.5)
    found = move_keypoints(y_px, shift(np.full(3, right), np.full(3, down)))
    np.testing.assert_array_equal(~np.isnan(found[:, 0::2]), inside)
    np.testing.assert_array_equal(~np.isnan(found[:, 1::2]), inside)
    assert 0 < inside.sum() < inside.size
    np.testing.assert_allclose(found[:, 0::2][inside], x[inside], atol=1e-4)


def test_the_picture_ends_half_a_pixel_beyond_its_pixel_centres():
    y_px = np.full((1, 30), 47.5)
    y_px[0, :6] = 94.4, 10, 94.6, 10, 0.6, 10
    found = move_keypoints(y_px, shift(np.array([1.0]), np.zeros(1)))
    assert np.isnan(found[0, :6]).tolist() == [False, False, True, True, False, False]


def test_nan_stays_nan(y_px):
    y_px[0, 4], y_px[1, 10:12] = np.nan, np.nan
    found = move_keypoints(y_px, np.tile(rotate_and_scale(np.array([5.0]), np.ones(1)), (3, 1, 1)))
    assert np.isnan(found[0, 4:6]).all() and np.isnan(found[1, 10:12]).all()
    assert np.isfinite(found).sum() == 90 - 4


def test_an_image_that_is_not_moved_keeps_its_keypoints(y_px):
    y_px[0, 4], y_px[1, 7] = np.nan, 95.9  # one coordinate is missing, one lies on the edge
    still = np.tile(geometry.IDENTITY, (3, 1, 1))
    np.testing.assert_array_equal(move_keypoints(y_px, still), y_px)
