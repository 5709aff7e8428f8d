"""The measurement on drawn scenes counts what it says."""
import numpy as np
import pytest
from scenes.measure import KINDS, Kind, measure, picture, table

from facekp.predict.find import Face


class Known:
    """Finds of each picture the points that are given, one after the other."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def __call__(self, image):
        return [Face(np.zeros(4), 0.9, points, np.ones(15)) for points in self.answers.pop(0)]


def test_found_others_and_errors():
    kind = Kind("three", 3, 40.0, 30.0)
    first, second = (picture(kind, seed)[1] for seed in range(2))
    eyes = np.hypot(*(first[1, 0] - first[1, 1]))
    moved = first[1] + (0.1 * eyes, 0)  # 10 percent of the eye distance aside
    nowhere = np.zeros((15, 2))
    found = measure(Known([moved, first[2]], [second[0], second[0], nowhere]), kind, 2)
    assert (found.people, found.found, found.others) == (6, 3, 2)
    assert found.errors == pytest.approx([10, 0, 0])
    assert table([found]).splitlines()[2] == "| three | 6 | 3 (50 %) | 2 | 0.0 % | 8.0 % |"
    assert "| 0 (0 %) | 0 | – | – |" in table([measure(Known([]), kind, 1)])


def test_the_people_are_in_the_picture():
    for kind in (KINDS[0], KINDS[-2]):  # drawing takes its time
        image, points = picture(kind, 0)
        assert image.shape == (800, 1200, 3) and points.shape == (kind.people, 15, 2)
        assert (points > 0).all() and (points < (1200, 800)).all(), kind.name
        eyes = np.hypot(*(points[:, 0] - points[:, 1]).T)
        assert 0.7 < eyes.mean() / kind.eyes < 1.3, kind.name
