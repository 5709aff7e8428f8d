"""Figures 4, 9, 10 and the extremes: every mark stands where it was told."""
import matplotlib.pyplot as plt
import numpy as np
import pytest

from facekp import plots
from facekp.data import mirror as augment
from facekp.keypoints import KEYPOINTS


@pytest.fixture
def faces(random):
    return random.rand(12, 1, 96, 96), random.uniform(10, 86, (12, 30))


def test_a_sample_face_has_stars_and_names(faces):
    X, y = faces
    figure = plots.sample_face(X[0], y[0], "whose face")
    face, names = figure.axes
    np.testing.assert_array_equal(face.images[0].get_array(), X[0, 0])
    [stars] = face.get_lines()
    assert stars.get_marker() == "*"
    np.testing.assert_array_equal(stars.get_xydata(), y[0].reshape(15, 2))
    assert [text.get_text() for text in face.texts] == [str(i) for i in range(1, 16)]
    np.testing.assert_array_equal([text.xy for text in face.texts], y[0].reshape(15, 2))
    lines = names.texts[0].get_text().split("\n")
    assert [line.strip() for line in lines[:15]] == [
        f"{k} {name.replace('_', ' ')}" for k, name in enumerate(KEYPOINTS, 1)]
    assert figure._suptitle.get_text() == "whose face"


def test_a_keypoint_without_a_label_has_no_number(faces):
    X, y = faces
    y[0, 4] = np.nan
    numbers = [text.get_text() for text in plots.sample_face(X[0], y[0], "").axes[0].texts]
    assert numbers == [str(i) for i in range(1, 16) if i != 3]


def test_the_mirror_image_beside_the_image(faces):
    X, y = faces
    both = np.concatenate([X[:1], augment.flip_images(X[:1])])
    left, right = plots.mirror_pair(both, np.concatenate([y[:1], augment.flip_keypoints(y[:1])]),
                                    "").axes
    np.testing.assert_array_equal(right.images[0].get_array(), X[0, 0, :, ::-1])
    points = {ax: {line.get_label(): line.get_xydata() for line in ax.get_lines()}
              for ax in (left, right)}
    assert [len(points[left][side]) for side in ("left", "right", "middle")] == [6, 6, 3]
    assert [line.get_color() for line in left.get_lines()] == ["#D55E00", "#E69F00", "white"]
    eye = KEYPOINTS.index("left_eye_center")
    np.testing.assert_array_equal(points[left]["left"][0], y[0, 2 * eye:2 * eye + 2])
    flipped = augment.flip_keypoints(y[:1])[0].reshape(15, 2)
    drawn = np.concatenate([points[right][side] for side in ("left", "right", "middle")])
    np.testing.assert_array_equal(sorted(map(tuple, drawn)), sorted(map(tuple, flipped)))
    # the left eye of the mirror image is the mirrored right eye
    np.testing.assert_array_equal(points[right]["left"][0], [95 - y[0, 2], y[0, 3]])


def test_best_and_worst_faces_in_order(faces):
    X, y = faces
    errors = np.array([3, 1, 7, 5, 2, 9, 4, 8, 6, 10, 12, 11], float)
    figure = plots.extreme_faces(X, y, y + errors[:, np.newaxis], "", n=3)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["best: 1.00 px", "2.00 px", "3.00 px", "worst: 12.00 px", "11.00 px",
                      "10.00 px"]
    np.testing.assert_array_equal(figure.axes[3].images[0].get_array(), X[10, 0])
    true, predicted = figure.axes[3].get_lines()
    np.testing.assert_array_equal(true.get_xydata(), y[10].reshape(15, 2))
    np.testing.assert_array_equal(predicted.get_xydata(), y[10].reshape(15, 2) + 12)


def test_extremes_of_few_faces_and_of_missing_labels(faces):
    X, y = faces
    y[1, 2:] = np.nan
    figure = plots.extreme_faces(X[:2], y[:2], np.nan_to_num(y[:2]) + 1, "")
    assert [ax.get_title() for ax in figure.axes] == ["best: 1.00 px", "worst: 1.00 px"]


def test_given_axes_are_drawn_in(faces):
    X, y = faces
    figure, axes = plt.subplots(1, 2)
    assert plots.sample_face(X[0], y[0], "", ax=axes) is figure
    with pytest.raises(ValueError, match="found 1 axes, expected 2"):
        plots.mirror_pair(X[:2], y[:2], "", ax=axes[0])


def test_grids_of_faces_are_drawn_in_given_axes(faces):
    X, y = faces
    figure, axes = plt.subplots(2, 3)
    assert plots.predicted_faces(X[:6], y[:6], "six", ax=axes) is figure
    assert [len(ax.images) for ax in axes.flat] == [1] * 6
    np.testing.assert_array_equal(axes[1, 2].images[0].get_array(), X[5, 0])
    figure, axes = plt.subplots(2, 2)
    assert plots.extreme_faces(X, y, y + np.arange(12)[:, np.newaxis], "", n=2, ax=axes) is figure
    assert [ax.get_title() for ax in axes.flat] == ["best: 0.00 px", "1.00 px", "worst: 11.00 px",
                                                    "10.00 px"]
    with pytest.raises(ValueError, match="found 4 axes, expected 3"):
        plots.predicted_faces(X[:3], y[:3], "", ax=axes)
