"""The detector's output as boxes and points, by hand; and its file."""
import time

import numpy as np
import pytest
from PIL import Image

from facekp.predict import detector
from facekp.predict.detector import Detection, overlap


def outputs(cells, rows=8, columns=10):
    """The net's four outputs with a face at each (row, column, score)."""
    heat, scale = np.zeros((1, rows, columns), np.float32), np.zeros((2, rows, columns), np.float32)
    offset, points = np.zeros_like(scale), np.zeros((10, rows, columns), np.float32)
    for row, column, score in cells:
        heat[0, row, column] = score
        scale[:, row, column] = np.log([5, 3])       # height 20, width 12 px
        offset[:, row, column] = 0.25, -0.5          # y, x
        points[:, row, column] = [0.2, 0.3, 0.2, 0.7, 0.5, 0.5, 0.8, 0.35, 0.8, 0.65]  # y, x
    return heat, scale, offset, points


def test_a_detection_by_hand():
    [found] = detector._decoded(*outputs([(4, 6, 0.9)]), 0.5, np.array([2.0, 1.0]))
    # middle: x (6 - 0.5 + 0.5) * 4 = 24, y (4 + 0.25 + 0.5) * 4 = 19; then twice as wide
    np.testing.assert_allclose(found.box, [2 * (24 - 6), 19 - 10, 24, 20], rtol=1e-6)
    assert found.score == pytest.approx(0.9)
    np.testing.assert_allclose(found.five, [(2 * (18 + 3.6), 13), (2 * (18 + 8.4), 13),
                                            (2 * 24, 19), (2 * (18 + 4.2), 25),
                                            (2 * (18 + 7.8), 25)], rtol=1e-6)
    assert detector._decoded(*outputs([(4, 6, 0.4)]), 0.5, np.ones(2)) == []


def test_the_best_of_those_that_overlap_stays():
    found = detector._decoded(*outputs([(4, 6, 0.7), (4, 7, 0.9), (0, 1, 0.6)]), 0.5, np.ones(2))
    assert [one.score for one in detector._distinct(found)] == pytest.approx([0.9, 0.6])


def test_a_thousand_faces_are_told_apart_at_once():
    boxes = [np.array([20.0 * (n % 80), 20.0 * (n // 80), 15.0, 15.0]) for n in range(1000)]
    twice = [Detection(box + aside, score, None) for box in boxes
             for aside, score in ((0, 0.9), ([1, 2, 0, 0], 0.5))]
    begun = time.process_time()
    assert [one.score for one in detector._distinct(twice)] == [0.9] * 1000
    assert time.process_time() - begun < 3  # pair by pair it takes ten times as long


def test_overlap_by_hand():
    a, b = np.array([0.0, 0, 4, 4]), np.array([2.0, 2, 4, 4])
    assert overlap(a, b) == pytest.approx(4 / 28) and overlap(a, a) == 1
    assert overlap(a, np.array([10.0, 0, 1, 1])) == 0


@pytest.mark.parametrize("quarter", [Image.ROTATE_90, Image.ROTATE_180, Image.ROTATE_270])
def test_a_place_in_the_turned_photo_is_turned_back(quarter):
    image = np.zeros((40, 60), np.uint8)
    image[10:14, 20:28] = 255
    turned = np.asarray(Image.fromarray(image).transpose(quarter))
    rows, columns = np.nonzero(turned)
    box = np.array([columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1], float)
    five = np.tile([columns.mean() + 0.5, rows.mean() + 0.5], (5, 1))
    back = detector._turned_back(Detection(box, 0.9, five), quarter, (60, 40))
    assert back.box.tolist() == [20, 10, 8, 4]
    np.testing.assert_allclose(back.five, np.tile([24.0, 12.0], (5, 1)))


def test_the_file_takes_pictures_of_any_size_and_says_whose_it_is():
    session = detector.open_session(detector.FILE)
    [given] = session.get_inputs()
    assert given.shape == ["n", 3, "height", "width"]
    for size in ((32, 32), (96, 160)):
        heat = session.run(None, {given.name: np.zeros((2, 3, *size), np.float32)})[0]
        assert heat.shape == (2, 1, size[0] // 4, size[1] // 4)
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["licence"] == "MIT" and "CenterFace" in metadata["net"]
