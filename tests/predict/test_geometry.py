"""Crops: where they lie, what they show, and back to the photo, against numbers by hand."""
import tracemalloc

import numpy as np
import pytest
from PIL import Image
from predict_tools import mean_face

from facekp.keypoints import flip_keypoints
from facekp.predict import geometry
from facekp.predict.geometry import FIVE, MEANS, Crop


def turned(points, degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return points @ np.array([[c, s], [-s, c]])


def test_a_point_by_hand():
    # side 192: 2 px of the photo for a px of the crop; (47.5, 47.5) is the middle
    crop = Crop(300.0, 200.0, 192.0)
    np.testing.assert_allclose(crop.to_photo([(47.5, 47.5), (0, 0), (95, 0)]),
                               [(300, 200), (205, 105), (395, 105)])
    # photo_x = x - side / 2 + (crop_x + 0.5) side / 96
    assert crop.to_photo((10, 20))[0] == pytest.approx(300 - 96 + 10.5 * 2)
    # turned by 90 degrees clockwise, what lies to the right of the middle lies below it
    np.testing.assert_allclose(Crop(300.0, 200.0, 192.0, 90.0).to_photo([(57.5, 47.5)]),
                               [(300, 220)])


@pytest.mark.parametrize("roll", [0, 5, -12, 45, 100, 180])
@pytest.mark.parametrize("scale", [0.25, 1, 7.3])
def test_the_mean_face_anywhere_gives_its_own_crop(roll, scale):
    five = turned((MEANS - 47.5) * scale, roll) + (400, 300)
    crop = geometry.crop_of(five)
    measured = geometry.roll_of(five)
    assert (measured - roll + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)
    if abs(roll) <= geometry.UPRIGHT_DEGREES:
        assert crop.roll == 0
        assert crop.side == pytest.approx(96 * scale * np.cos(np.radians(roll)))
        return
    assert (crop.x, crop.y, crop.side) == pytest.approx((400, 300, 96 * scale))
    np.testing.assert_allclose(crop.to_photo(MEANS), five)


def test_pixels_of_the_whole_picture_are_the_picture(random):
    gray = random.randint(0, 256, (96, 96)).astype(np.uint8)
    np.testing.assert_array_equal(geometry.cut(gray, Crop(48, 48, 96.0)), gray)


def test_beyond_the_edge_the_outermost_pixels_go_on():
    gray = np.tile(np.arange(96, dtype=np.uint8) * 2, (96, 1))
    found = geometry.cut(gray, Crop(48 - 30, 48, 96.0))
    assert (found[:, :28] == 0).all()
    np.testing.assert_array_equal(found[:, 30:], gray[:, :66])
    assert (geometry.cut(gray, Crop(5000, 48, 96.0)) == 190).all()


def test_within_the_photo_it_is_pillows_own_resize(random):
    gray = random.randint(0, 256, (300, 400)).astype(np.uint8)
    for x, y, side in ((200.3, 150.8, 40.2), (180.5, 155.25, 260.5)):
        box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
        expected = Image.fromarray(gray).resize((96, 96), Image.BICUBIC, box=box)
        apart = geometry.cut(gray, Crop(x, y, side)).astype(int) - np.asarray(expected)
        assert np.abs(apart).max() <= 1


def test_a_square_around_a_narrow_strip_needs_little_memory():
    strip = np.tile((np.arange(20000) // 80).astype(np.uint8), (10, 1))
    tracemalloc.start()
    try:
        wide, high = (geometry.cut(gray, Crop(gray.shape[1] / 2, gray.shape[0] / 2, 20000.0))
                      for gray in (strip, strip.T))
        assert tracemalloc.get_traced_memory()[1] < 20e6  # the square has 400e6 pixels
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(wide, high.T)
    assert (wide == wide[0]).all() and (np.abs(wide[0] - np.linspace(1, 248, 96)) < 2).all()


@pytest.mark.parametrize("roll", [0.0, 20.0, -75.0, 180.0])
@pytest.mark.parametrize("side", [40.0, 96.0, 333.3])
def test_a_spot_of_the_photo_is_where_the_crop_says(roll, side):
    crop = Crop(301.3, 248.8, side, roll)
    spot = np.array([30.0, 62.0])  # px of the crop
    x, y = crop.to_photo(spot)
    rows, columns = np.mgrid[:500, :600] + 0.5
    width = max(3, side / 20)
    gray = (250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * width ** 2)))
    seen = geometry.cut(gray.astype(np.uint8), crop).astype(float)
    rows, columns = np.mgrid[:96, :96]
    found = np.array([(seen * columns).sum(), (seen * rows).sum()]) / seen.sum()
    np.testing.assert_allclose(found, spot, atol=0.15)


def test_a_large_crop_is_smoothed_not_picked():
    gray = (np.indices((960, 960)).sum(0) % 2 * 255).astype(np.uint8)  # a chessboard of pixels
    for roll in (0.0, 30.0):
        seen = geometry.cut(gray, Crop(480, 480, 600.0, roll))
        assert seen[5:-5, 5:-5].std() < 6


def test_when_a_crop_has_moved():
    crop = Crop(100, 100, 96.0)
    assert not crop.moved(Crop(104, 104, 96.0)) and crop.moved(Crop(105, 104, 96.0))
    assert not crop.moved(Crop(100, 100, 106.0)) and crop.moved(Crop(100, 100, 108.0))
    large = Crop(1000, 1000, 960.0)
    assert not large.moved(Crop(1040, 1040, 960.0)) and large.moved(Crop(1050, 1040, 960.0))


def test_only_dark_or_flat_crops_get_another_contrast(random):
    usual = random.randint(60, 200, (96, 96)).astype(np.uint8)
    assert geometry.with_contrast(usual) is usual
    dark = geometry.with_contrast((usual // 8).astype(np.uint8))
    assert dark.mean() == pytest.approx(121, abs=2) and dark.std() == pytest.approx(48.4, abs=2)
    assert (geometry.with_contrast(np.zeros((96, 96), np.uint8)) == 121).all()


def test_the_tests_own_face_is_its_mirror_image():
    face = mean_face()
    np.testing.assert_allclose(flip_keypoints(face.ravel()), face.ravel())
    assert list(FIVE) == [1, 0, 10, 12, 11]
