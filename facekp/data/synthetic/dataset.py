"""Write the synthetic data set: Kaggle's four files, the truth of the test images, and a label."""
import contextlib
import os
import shutil
import sys
import time
import uuid
from itertools import chain
from pathlib import Path

import numpy as np

from facekp.data.folder import SYNTHETIC_LABEL
from facekp.errors import DataError
from facekp.keypoints import COLUMNS
from facekp.text import Progress

from .generator import faces
from .labels import TEST_ROWS, TRAINING_ROWS, missing_pattern

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

VERSION = 1  # of the drawing: increase it when the same seed gives other faces

_DIGITS = np.array([list((b"%d " % gray).ljust(4, b"\0")) for gray in range(256)], np.uint8)


def write(folder, seed=0, n_train=7049, n_test=1783, complete=False):
    """Write a synthetic data set into a new folder.

    The folder appears only when it is complete. It has

    * training.csv, test.csv, IdLookupTable.csv and SampleSubmission.csv in Kaggle's format;
    * TestTruth.csv: ImageId and all 30 columns, px, which Kaggle does not publish. Images of the
      second labelling scheme have that scheme's labels, so that a score computed from this file
      and the lookup table has the meaning of Kaggle's score;
    * label.txt: the words "synthetic faces", and what was drawn.

    Parameters
    ----------
    folder : path; it must be empty or not exist
    seed : int, not negative
    n_train, n_test : int, number of images
    complete : bool
        All training images are of the first scheme and have all 15 keypoints. Otherwise as many as
        of Kaggle's: three of ten.

    Returns
    -------
    pathlib.Path, the folder

    Raises
    ------
    DataError
        If the folder is not empty.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     sorted(path.name for path in write(place + "/faces", n_train=4, n_test=2).iterdir())[:3]
    ['IdLookupTable.csv', 'SampleSubmission.csv', 'TestTruth.csv']
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.parent / ".{}-{}".format(folder.name, uuid.uuid4().hex[:12])
    _check_free(folder)
    _remove_stale(folder)
    unfinished.mkdir()
    lock = _locked(unfinished)
    print("drawing {} {} into {}, once".format(n_train + n_test, SYNTHETIC_LABEL, folder),
          file=sys.stderr, flush=True)
    progress = Progress(SYNTHETIC_LABEL, n_train + n_test)
    try:
        _write_training(unfinished, seed, n_train, progress, complete)
        _write_test(unfinished, seed, n_test, progress)
        (unfinished / "label.txt").write_text(_description(seed, n_train, n_test, complete))
        try:
            os.replace(unfinished, folder)
        except OSError:
            _check_free(folder)
            raise
    finally:
        progress.clear()
        shutil.rmtree(unfinished, ignore_errors=True)
        if lock is not None:
            os.close(lock)
    return folder


def _locked(folder):
    """A descriptor that holds a folder's lock until it is closed or the process dies, or None."""
    if fcntl is None:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_stale(folder, seconds=60):
    """Remove what killed processes left; very new folders stay, as they may not be locked yet."""
    for stale in folder.parent.glob(f".{folder.name}-" + 12 * "[0-9a-f]"):
        with contextlib.suppress(OSError):  # another process removes it, too
            if time.time() - stale.stat().st_mtime < seconds:
                continue
            lock = _locked(stale)
            if lock is not None:
                shutil.rmtree(stale, ignore_errors=True)
                os.close(lock)


def ensure(folder, seed=0, n_train=7049, n_test=1783, complete=False):
    """The folder of the synthetic data set; it is written now if it is not there yet.

    Two processes may call this at the same time. Both draw, and the first to finish puts its folder
    in place.

    Parameters
    ----------
    folder, seed, n_train, n_test, complete : see :func:`write`

    Returns
    -------
    pathlib.Path, the folder

    Raises
    ------
    DataError
        If the folder holds something else, such as a set of another seed.

    Examples
    --------
    >>> ensure("data/synthetic")    # a minute, the first time    # doctest: +SKIP
    PosixPath('data/synthetic')
    """
    folder = Path(folder)
    expected = _description(seed, n_train, n_test, complete)
    if not _holds(folder, expected):
        try:
            write(folder, seed, n_train, n_test, complete)
        except DataError:
            if not _holds(folder, expected):
                raise
    return folder


def _description(seed, n_train, n_test, complete):
    drawn = "seed {}, {}{} training images, {} test images, version {}"
    return SYNTHETIC_LABEL + "\n" + drawn.format(
        seed, n_train, " complete" * complete, n_test, VERSION) + "\n"


def _holds(folder, expected):
    label = folder / "label.txt"
    return label.is_file() and label.read_text() == expected


def _check_free(folder):
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            "{}: already holds something that is not this synthetic set, expected an empty or no "
            "folder; remove it or name another".format(folder))


def _drawn(seed, n, n_first, stream, progress):
    """Pairs (image, labels): n_first of the first labelling scheme, then of the second."""
    both = chain(faces(n_first, seed, 1, stream), faces(n - n_first, seed, 2, stream))
    for image, y in both:
        progress.step()
        yield image, y


def _pixels(image):
    """The 9216 integers of an image as text, separated by spaces."""
    text = _DIGITS[image.ravel()].ravel()
    return text[text > 0].tobytes()[:-1]


def _numbers(y, labelled):
    return ",".join("%.3f" % v if known else "" for v, known in zip(y.tolist(), labelled)).encode()


def _write_training(folder, seed, n, progress, complete):
    if complete:
        n_first, labelled = n, np.ones((n, len(COLUMNS)), bool)
    else:
        n_first, labelled = missing_pattern(np.random.default_rng((seed, 0)), TRAINING_ROWS, n)
    with open(folder / "training.csv", "wb") as out:
        out.write(",".join(COLUMNS + ("Image\n",)).encode())
        for known, (image, y) in zip(labelled, _drawn(seed, n, n_first, 0, progress)):
            out.write(_numbers(y, known) + b"," + _pixels(image) + b"\n")


def _write_test(folder, seed, n, progress):
    n_first, asked = missing_pattern(np.random.default_rng((seed, 1)), TEST_ROWS, n)
    with open(folder / "test.csv", "wb") as images, open(folder / "TestTruth.csv", "wb") as truth:
        images.write(b"ImageId,Image\n")
        truth.write(",".join(("ImageId",) + COLUMNS).encode() + b"\n")
        for i, (image, y) in enumerate(_drawn(seed, n, n_first, 1, progress), 1):
            images.write(b"%d,%s\n" % (i, _pixels(image)))
            truth.write(b"%d,%s\n" % (i, _numbers(y, [True] * len(COLUMNS))))
    where = np.argwhere(asked)
    with open(folder / "IdLookupTable.csv", "w", newline="\r\n") as out:
        out.write("RowId,ImageId,FeatureName,Location\n")
        out.writelines("{},{},{}\n".format(row, image + 1, COLUMNS[column])
                       for row, (image, column) in enumerate(where.tolist(), 1))
    with open(folder / "SampleSubmission.csv", "w", newline="\n") as out:
        out.write("RowId,Location\n")
        out.writelines("{},0\n".format(row) for row in range(1, len(where) + 1))
