"""Read Kaggle's files: training.csv, test.csv and IdLookupTable.csv (paper, section 3).

If a folder has none of Kaggle's files, synthetic faces are made and used. Every fault in a file
raises a `DataError` with a message of one line.
"""
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from facekp import mapped
from facekp.data.cache import VERSION, Cache
from facekp.data.faults import DOWNLOAD_AGAIN, fault
from facekp.text import shown_path
from facekp.data.folder import DEFAULT_FOLDER, provenance, resolve
from facekp.data.pixels import N_PIXELS
from facekp.data.sources import LOOKUP, TEST, TRAINING, TRUTH, find, holds, open_csv
from facekp.data.tables import (parse_lookup, parse_test, parse_training, parse_truth,
                                refuse_unknown_images)
from facekp.keypoints import COLUMNS, SIZE


class Training(NamedTuple):
    """The training set.

    Attributes
    ----------
    X : float32 array (n, 1, 96, 96), gray levels in [0, 1]
    y : float32 array (n, 30), px, columns as `facekp.keypoints.COLUMNS`, NaN where unlabelled
    rows : int array (n,), row in training.csv; the header is row 1, the first image row 2
    out_of_face : int, number of coordinates outside [0, 96] px; they are kept
    provenance : dict, see `facekp.data.folder.provenance`
    """

    X: np.ndarray
    y: np.ndarray
    rows: np.ndarray
    out_of_face: int
    provenance: dict


class Test(NamedTuple):
    """The test set.

    Attributes
    ----------
    X : float32 array (n, 1, 96, 96), gray levels in [0, 1]
    image_ids : int array (n,), Kaggle's ImageId of each image
    provenance : dict, see `facekp.data.folder.provenance`
    y : float32 array (n, 30), px, or None
        The labels, where the folder holds them: that of synthetic faces does, Kaggle's does not.
    """

    X: np.ndarray
    image_ids: np.ndarray
    provenance: dict
    y: Optional[np.ndarray] = None


class Lookup(NamedTuple):
    """What a submission must contain: the rows of IdLookupTable.csv.

    Attributes
    ----------
    row_ids : int array (n,), Kaggle's RowId
    image_ids : int array (n,), ImageId
    columns : int array (n,), index into `facekp.keypoints.COLUMNS`
    provenance : dict, see `facekp.data.folder.provenance`
    """

    row_ids: np.ndarray
    image_ids: np.ndarray
    columns: np.ndarray
    provenance: dict


def load_training(folder=DEFAULT_FOLDER, complete_only=False, cache_dir=None):
    """Load training.csv.

    Parameters
    ----------
    folder : path of Kaggle's files, plain or zipped; see `facekp.data.folder.resolve`
    complete_only : bool, keep only rows with all 15 keypoints (2140 of Kaggle's 7049)
    cache_dir : path or None, see `facekp.data.cache.Cache`

    Returns
    -------
    Training

    Raises
    ------
    DataError : the file is missing or faulty

    Examples
    --------
    >>> import tempfile
    >>> from facekp.data import synthetic
    >>> with tempfile.TemporaryDirectory() as place:
    ...     training = load_training(synthetic.write(place + "/faces", n_train=8, n_test=4))
    >>> training.X.shape, training.y.shape
    ((8, 1, 96, 96), (8, 30))
    """
    folder = resolve(folder)
    columns = {"pixels": (np.uint8, N_PIXELS), "y": (np.float32, len(COLUMNS))}
    arrays, whence = _load(folder, TRAINING, parse_training, columns, cache_dir)
    pixels, y = arrays["pixels"], arrays["y"].copy()
    rows = np.arange(2, len(y) + 2)
    if complete_only:
        complete = ~np.isnan(y).any(axis=1)
        if not complete.any():
            raise fault(shown_path(folder), f"no row of {TRAINING} with all 15 keypoints",
                        "at least one", DOWNLOAD_AGAIN)
        y, rows = y[complete], rows[complete]
        if not complete.all():
            pixels = mapped.take(pixels, np.flatnonzero(complete))
    return Training(_to_images(pixels), y, rows, _out_of_face(y), whence)


def _out_of_face(y):
    return int(((y < 0) | (y > SIZE)).sum())


def only_complete(training):
    """The images with all 15 keypoints; `training` itself if these are all.

    Parameters
    ----------
    training : Training

    Returns
    -------
    Training

    Raises
    ------
    DataError : there is none
    """
    complete = ~np.isnan(training.y).any(axis=1)
    if complete.all():
        return training
    if not complete.any():
        raise fault(TRAINING, "no row with all 15 keypoints", "at least one", DOWNLOAD_AGAIN)
    y = training.y[complete]
    return Training(mapped.take(training.X, np.flatnonzero(complete)), y, training.rows[complete],
                    _out_of_face(y), training.provenance)


def load_test(folder=DEFAULT_FOLDER, cache_dir=None):
    """Load test.csv.

    Parameters
    ----------
    folder, cache_dir : see `load_training`

    Returns
    -------
    Test

    Raises
    ------
    DataError : the file is missing or faulty, or an ImageId is in two rows

    Examples
    --------
    >>> import tempfile
    >>> from facekp.data import synthetic
    >>> with tempfile.TemporaryDirectory() as place:
    ...     test = load_test(synthetic.write(place + "/faces", n_train=8, n_test=4))
    >>> test.X.shape, test.image_ids
    ((4, 1, 96, 96), array([1, 2, 3, 4]))
    """
    columns = {"pixels": (np.uint8, N_PIXELS), "image_ids": (np.int64, 1)}
    folder = resolve(folder)
    arrays, whence = _load(folder, TEST, parse_test, columns, cache_dir)
    image_ids = arrays["image_ids"][:, 0].copy()
    return Test(_to_images(arrays["pixels"]), image_ids, whence, _load_truth(folder, image_ids))


def _load_truth(folder, image_ids):
    """The labels of test images, float32 (n, 30) px, or None where the folder has none."""
    if not os.path.lexists(Path(folder, TRUTH)):
        return None
    source = find(folder, TRUTH)
    with open_csv(source) as (stream, _):
        return parse_truth(stream, source.label, image_ids)


def load_lookup(folder=DEFAULT_FOLDER, image_ids=None, cache_dir=None):
    """Load IdLookupTable.csv.

    Parameters
    ----------
    folder, cache_dir : see `load_training`
    image_ids : int array or None
        The images of test.csv. A row with another image is a fault.

    Returns
    -------
    Lookup

    Raises
    ------
    DataError : the file is missing or faulty; the RowIds are not 1 to n; a coordinate is asked for
        twice; a FeatureName is none of the 30 columns

    Examples
    --------
    >>> import tempfile
    >>> from facekp.data import synthetic
    >>> with tempfile.TemporaryDirectory() as place:
    ...     lookup = load_lookup(synthetic.write(place + "/faces", n_train=8, n_test=4))
    >>> lookup.row_ids[0], lookup.image_ids[0], COLUMNS[lookup.columns[0]]
    (1, 1, 'left_eye_center_x')
    """
    folder = resolve(folder)
    columns = {name: (np.int64, 1) for name in ("row_ids", "image_ids", "columns")}
    arrays, whence = _load(folder, LOOKUP, parse_lookup, columns, cache_dir)
    lookup = Lookup(*(arrays[name][:, 0].copy() for name in columns), whence)
    if image_ids is not None:
        refuse_unknown_images(lookup.image_ids, image_ids, find(folder, LOOKUP).label)
    return lookup


def load_unlabelled(folder=DEFAULT_FOLDER, cache_dir=None):
    """Load test.csv and IdLookupTable.csv as far as they are there; a training needs neither.

    Parameters
    ----------
    folder, cache_dir : see `load_training`

    Returns
    -------
    test : Test or None
    lookup : Lookup or None

    Raises
    ------
    DataError : as `load_test` and `load_lookup`, for a file that is there

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     Path(place, "training.csv").touch()
    ...     load_unlabelled(place)
    (None, None)
    """
    folder = resolve(folder)
    test = load_test(folder, cache_dir) if holds(folder, TEST) else None
    lookup = (load_lookup(folder, test.image_ids, cache_dir)
              if test is not None and holds(folder, LOOKUP) else None)
    return test, lookup


def _load(folder, name, parse, columns, cache_dir):
    source = find(folder, name)
    cache = Cache(folder, cache_dir)
    file_sha256 = cache.sha256(source.path)
    entry = f"{Path(name).stem}-v{VERSION}-{file_sha256}.npz"
    cached = cache.read(entry, columns)
    provenance(folder, name, file_sha256)  # refuses a faulty label before anything is written
    if cached is None:
        with open_csv(source) as (stream, sha256):
            arrays = parse(stream, source.label)
        cached = arrays, sha256.hexdigest()
        if not source.members and cached[1] != file_sha256:
            raise fault(source.label, "a file that changed while it was read", "a finished file",
                        "start again when it is complete")
        cache.write(entry, *cached)
    arrays, csv_sha256 = cached
    return arrays, provenance(folder, name, csv_sha256, len(next(iter(arrays.values()))))


def _to_images(pixels):
    """Convert uint8 (n, 9216) to float32 (n, 1, 96, 96), each value divided by 255.

    Most of the time is spent in the system, which provides 260 MB of memory page by page. Several
    threads make this faster.
    """
    X = mapped.empty((len(pixels), 1, SIZE, SIZE), np.float32)
    pixels = pixels.reshape(X.shape)

    def convert(rows):
        np.divide(pixels[rows], np.float32(255), out=X[rows])

    n_threads = min(os.cpu_count() or 1, 4)
    step = max(1, -(-len(X) // n_threads))
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(convert, [slice(i, i + step) for i in range(0, len(X), step)]))
    return X
