"""The preview of augmentation: what training sees of some faces, drawn."""
import numpy as np
import pytest
from kaggle_csv import write_folder
from PIL import Image

from facekp import plots
from facekp.augmentation import Augmentation
from facekp.data import load_training, synthetic
from facekp.data.transforms import draw, transform
from facekp.report import augmentation_preview


@pytest.fixture
def shown(monkeypatch):
    """What is given to the figure."""
    found = []
    drawn = plots.augmented_faces
    monkeypatch.setattr(plots, "augmented_faces",
                        lambda *given: found.append(given) or drawn(*given))
    return found


def test_the_preview_shows_what_training_sees(tmp_path, shown):
    augmentation = Augmentation.parse("rotate=30,blur=1")
    path = tmp_path / "preview.png"
    augmentation_preview.preview(augmentation, path, seed=3, n_faces=2, n_epochs=2)
    [(X, y_px, title)] = shown
    images, y = synthetic.generate(2, 3)
    as_it_is = images[:, np.newaxis].astype(np.float32) / 255
    np.testing.assert_array_equal(X[:, 0], as_it_is)
    for epoch in (1, 2):
        expected = transform(as_it_is, y, draw(augmentation, 3, epoch, np.arange(2)))
        np.testing.assert_array_equal(X[:, epoch], expected[0])
        np.testing.assert_array_equal(y_px[:, epoch], expected[1])
    assert "rotate=30" in title and "synthetic" in title
    with Image.open(path) as picture:
        assert picture.width == 1000


def test_mirror_images_have_rows_of_their_own(tmp_path, shown):
    augmentation_preview.preview(Augmentation.parse("mirror"), tmp_path / "a.png", n_faces=1,
                                 n_epochs=1)
    X = shown[0][0]
    assert X.shape == (2, 2, 1, 96, 96)
    np.testing.assert_array_equal(X[1], X[0][..., ::-1])


def test_of_a_folder_the_first_complete_images_are_taken(tmp_path, shown):
    folder = write_folder(tmp_path)  # the second of three lacks keypoints
    augmentation_preview.preview(Augmentation(), tmp_path / "a.png", folder, n_faces=2, n_epochs=1)
    [(X, y_px, _)] = shown
    np.testing.assert_array_equal(X[:, 0], load_training(folder).X[[0, 2]])
    assert not np.isnan(y_px).any()
