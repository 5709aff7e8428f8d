"""Small files in Kaggle's format for tests."""
import functools
import zipfile

import numpy as np

from facekp.keypoints import COLUMNS

TRAINING_HEADER = ",".join(COLUMNS + ("Image",))
TEST_HEADER = "ImageId,Image"


def gray(n, seed=0):
    """uint8 images (n, 9216) with every value from 0 to 255."""
    images = np.random.RandomState(seed).randint(0, 256, (n, 9216)).astype(np.uint8)
    images[:, :256] = np.arange(256)
    return images


def pixels_text(image):
    return " ".join(map(str, image.tolist()))


@functools.lru_cache(maxsize=None)
def gray_lines(n, seed):
    """The same images as texts."""
    return [pixels_text(image) for image in gray(n, seed)]


def training_lines(n=3):
    """Header and n rows; row 3 (the second) lacks all but the first two keypoints."""
    lines = [TRAINING_HEADER]
    for i, pixels in enumerate(gray_lines(n, 0)):
        coordinates = [f"{j + i + 0.25}" for j in range(30)]
        if i == 1:
            coordinates[4:] = [""] * 26
        lines.append(",".join(coordinates + [pixels]))
    return lines


def test_lines(n=3):
    return [TEST_HEADER] + [f"{i},{pixels}" for i, pixels in enumerate(gray_lines(n, 1), 1)]


LOOKUP_LINES = ["RowId,ImageId,FeatureName,Location", "1,1,left_eye_center_x",
                "2,1,left_eye_center_y", "3,3,nose_tip_x", "4,3,mouth_center_bottom_lip_y"]


def as_bytes(lines):
    return ("\n".join(lines) + "\n").encode()


def write_folder(folder):
    """training.csv, test.csv and IdLookupTable.csv in `folder`."""
    (folder / "training.csv").write_bytes(as_bytes(training_lines()))
    (folder / "test.csv").write_bytes(as_bytes(test_lines()))
    (folder / "IdLookupTable.csv").write_bytes(as_bytes(LOOKUP_LINES))
    return folder


def write_zip(path, members, compression=zipfile.ZIP_DEFLATED):
    """A zip with `members`, a list of (name, bytes)."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


test_lines.__test__ = False


def read_submission(path):
    """Row ids, int array (n_rows,), and locations, float array (n_rows,), px, of submission.csv."""
    rows = np.loadtxt(path, {"names": ("id", "px"), "formats": (np.int64, np.float64)},
                      delimiter=",", skiprows=1, ndmin=1)
    return rows["id"], rows["px"]
