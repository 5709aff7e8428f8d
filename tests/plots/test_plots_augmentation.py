"""The figure of augmented faces: each as it is and in several epochs, its points on it."""
import numpy as np

from facekp import plots


def test_every_face_and_point_stands_where_it_was_told(random):
    X, y = random.rand(2, 3, 1, 96, 96), random.uniform(10, 86, (2, 3, 30))
    y[1, 2, 4:6] = np.nan
    figure = plots.augmented_faces(X, y, "a title")
    assert len(figure.axes) == 6 and figure._suptitle.get_text() == "a title"
    for k, ax in enumerate(figure.axes):
        np.testing.assert_array_equal(ax.images[0].get_array(), X[k // 3, k % 3, 0])
        [points] = ax.get_lines()
        np.testing.assert_array_equal(points.get_xydata(), y[k // 3, k % 3].reshape(15, 2))
