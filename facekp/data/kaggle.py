"""Kaggle's files to arrays: ``load_training``, ``load_test`` and ``load_lookup`` (paper, section 3).

A folder without any of Kaggle's files stands for the embedded default, the synthetic faces. No
fault in a file passes: each is a one-line `DataError`.
"""
import functools
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facekp.data.cache import VERSION, Cache
from facekp.data.csvfile import read_rows
from facekp.data.faults import DOWNLOAD_AGAIN, fault, shown, shown_path
from facekp.data.pixels import N_PIXELS, parse_pixels
from facekp.data.sources import LOOKUP, TEST, TRAINING, find, holds_kaggle_files, open_csv
from facekp.data.values import parse_coordinates, parse_id, refuse_repeats
from facekp.errors import DataError
from facekp.keypoints import COLUMNS, SIZE

DEFAULT_FOLDER = "data/kaggle"
SYNTHETIC_FOLDER = "data/synthetic"
SYNTHETIC_LABEL = "synthetic faces"
BATCH = 64
"""Rows parsed at once: their text (about 2 MB) stays in the processor's cache."""

log = logging.getLogger("facekp.data")


class Training(NamedTuple):
    """The training set.

    Attributes
    ----------
    X : float32 array (n, 1, 96, 96), gray levels in [0, 1]
    y : float32 array (n, 30), px, columns as `facekp.keypoints.COLUMNS`, NaN where unlabelled
    rows : int array (n,), row in training.csv; the header is row 1, the first image row 2
    out_of_face : int, number of coordinates outside [0, 96] px; they are kept
    provenance : dict: "kind" is "kaggle" or "synthetic", "label" says whose files these are,
        "files" maps the CSV's name to its sha256 (of the unpacked CSV, if zipped)
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
    provenance : dict, see `Training`
    """

    X: np.ndarray
    image_ids: np.ndarray
    provenance: dict


class Lookup(NamedTuple):
    """What a submission must hold, row by row of IdLookupTable.csv.

    Attributes
    ----------
    row_ids : int array (n,), Kaggle's RowId
    image_ids : int array (n,), ImageId
    columns : int array (n,), index into `facekp.keypoints.COLUMNS`
    provenance : dict, see `Training`
    """

    row_ids: np.ndarray
    image_ids: np.ndarray
    columns: np.ndarray
    provenance: dict


def resolve(folder=DEFAULT_FOLDER, synthetic_folder=SYNTHETIC_FOLDER):
    """The folder to read: `folder` if it has any of Kaggle's files, else the synthetic default.

    Parameters
    ----------
    folder : path
    synthetic_folder : path, where the synthetic faces are, or are made if they are not there yet

    Returns
    -------
    Path

    Raises
    ------
    DataError : `folder` is no readable folder; only the default may be absent
    """
    folder = Path(folder)
    try:
        os.listdir(folder)
    except (OSError, ValueError) as error:
        if not (isinstance(error, FileNotFoundError) and folder == Path(DEFAULT_FOLDER)):
            reason = getattr(error, "strerror", None) or error
            raise fault(shown_path(folder), f"no folder that can be read ({reason})",
                        "the folder of Kaggle's files",
                        f"correct DATA, or leave it out for {DEFAULT_FOLDER}")
    if holds_kaggle_files(folder):
        return folder
    return Path(_synthetic(folder, Path(synthetic_folder)))


@functools.lru_cache(maxsize=None)
def _synthetic(folder, synthetic_folder):
    """Make the synthetic faces once, and say once that they stand in."""
    from facekp.data import synthetic

    log.warning("%s has none of Kaggle's files: using %s (%s)", shown_path(folder), SYNTHETIC_LABEL,
                shown_path(synthetic_folder))
    return synthetic.ensure(synthetic_folder)


def load_training(folder=DEFAULT_FOLDER, complete_only=False, cache_dir=None):
    """Load training.csv.

    Parameters
    ----------
    folder : path of Kaggle's files, plain or zipped; see `resolve`
    complete_only : bool, keep only rows with all 15 keypoints (2140 of Kaggle's 7049)
    cache_dir : path or None, see `facekp.data.cache.Cache`

    Returns
    -------
    Training

    Raises
    ------
    DataError : the file is missing or faulty
    """
    folder = resolve(folder)
    columns = {"pixels": (np.uint8, N_PIXELS), "y": (np.float32, len(COLUMNS))}
    arrays, provenance = _load(folder, TRAINING, _parse_training, columns, cache_dir)
    pixels, y = arrays["pixels"], arrays["y"].copy()
    rows = np.arange(2, len(y) + 2)
    if complete_only:
        complete = ~np.isnan(y).any(axis=1)
        if not complete.any():
            raise fault(shown_path(folder), f"no row of {TRAINING} with all 15 keypoints",
                        "at least one", DOWNLOAD_AGAIN)
        pixels, y, rows = pixels[complete], y[complete], rows[complete]
    out_of_face = int(((y < 0) | (y > SIZE)).sum())
    return Training(_to_images(pixels), y, rows, out_of_face, provenance)


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
    DataError : the file is missing or faulty, or an ImageId stands in two rows
    """
    columns = {"pixels": (np.uint8, N_PIXELS), "image_ids": (np.int64, 1)}
    arrays, provenance = _load(resolve(folder), TEST, _parse_test, columns, cache_dir)
    return Test(_to_images(arrays["pixels"]), arrays["image_ids"][:, 0].copy(), provenance)


def load_lookup(folder=DEFAULT_FOLDER, image_ids=None):
    """Load IdLookupTable.csv.

    Parameters
    ----------
    folder : see `load_training`
    image_ids : int array or None, the images of test.csv; a row that names another is a fault

    Returns
    -------
    Lookup

    Raises
    ------
    DataError : the file is missing or faulty; RowIds are not 1 to n; a coordinate is asked for
        twice; a FeatureName is none of the 30 columns
    """
    folder = resolve(folder)
    source = find(folder, LOOKUP)
    with open_csv(source) as (stream, sha256):
        lookup = _parse_lookup(stream, source.label, image_ids)
    return Lookup(*lookup, _provenance(folder, LOOKUP, sha256.hexdigest()))


def _load(folder, name, parse, columns, cache_dir):
    source = find(folder, name)
    cache = Cache(folder, cache_dir)
    file_sha256 = cache.sha256(source.path)
    entry = f"{Path(name).stem}-v{VERSION}-{file_sha256}.npz"
    cached = cache.read(entry, columns)
    if cached is None:
        with open_csv(source) as (stream, sha256):
            arrays = parse(stream, source.label)
        cached = arrays, sha256.hexdigest()
        if not source.members and cached[1] != file_sha256:
            raise fault(source.label, "a file that changed while it was read", "a finished file",
                        "start again when it is complete")
        cache.write(entry, *cached)
    arrays, csv_sha256 = cached
    return arrays, _provenance(folder, name, csv_sha256)


def _provenance(folder, name, sha256):
    label = "Kaggle's files"
    try:
        with open(folder / "label.txt", "rb") as file:
            label = shown(file.readline(400).strip(), 200) or label
    except FileNotFoundError:
        pass
    except OSError as error:
        raise fault(shown_path(folder / "label.txt"), f"a file that cannot be read ({error.strerror})",
                    "one line that says whose files these are", "mend or delete it")
    kind = "synthetic" if label.startswith(SYNTHETIC_LABEL) else "kaggle"
    return {"kind": kind, "label": label, "files": {name: sha256}}


def _to_images(pixels):
    """uint8 (n, 9216) to float32 (n, 1, 96, 96), each value divided by 255.

    Most of the time is the system's, which hands out 260 MB of memory page by page: hence threads.
    """
    X = np.empty((len(pixels), 1, SIZE, SIZE), np.float32)
    pixels = pixels.reshape(X.shape)

    def convert(rows):
        np.divide(pixels[rows], np.float32(255), out=X[rows])

    n_threads = min(os.cpu_count() or 1, 4)
    step = max(1, -(-len(X) // n_threads))
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(convert, [slice(i, i + step) for i in range(0, len(X), step)]))
    return X


def _batches(rows):
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield zip(*batch)
            batch = []
    if batch:
        yield zip(*batch)


def _parse_training(stream, where):
    pixels, y = [], []
    for rows, fields in _batches(read_rows(stream, where, COLUMNS + ("Image",))):
        y.append(parse_coordinates([f[:-1] for f in fields], rows, where))
        pixels.append(parse_pixels([f[-1] for f in fields], rows, where))
    return {"pixels": np.concatenate(pixels), "y": np.concatenate(y)}


def _parse_test(stream, where):
    pixels, image_ids, all_rows = [], [], []
    for rows, fields in _batches(read_rows(stream, where, ("ImageId", "Image"))):
        all_rows.extend(rows)
        image_ids.extend(parse_id(f[0], row, "ImageId", where) for row, f in zip(rows, fields))
        pixels.append(parse_pixels([f[1] for f in fields], rows, where))
    refuse_repeats(image_ids, all_rows, "ImageId", where)
    return {"pixels": np.concatenate(pixels), "image_ids": np.array(image_ids, np.int64)[:, np.newaxis]}


def _parse_lookup(stream, where, known_images):
    known = None if known_images is None else set(np.asarray(known_images).tolist())
    index = {column.encode(): i for i, column in enumerate(COLUMNS)}
    rows, row_ids, image_ids, columns = [], [], [], []
    wanted = ("RowId", "ImageId", "FeatureName")
    for row, (row_id, image_id, name) in read_rows(stream, where, wanted, optional_last="Location"):
        rows.append(row)
        row_ids.append(parse_id(row_id, row, "RowId", where))
        image_ids.append(parse_id(image_id, row, "ImageId", where))
        if known is not None and image_ids[-1] not in known:
            raise fault(where, f"image {image_ids[-1]}, which {TEST} lacks",
                        f"an ImageId of {TEST}", f"use the {TEST} that belongs to it, or "
                        + DOWNLOAD_AGAIN, row=row, column="ImageId")
        if name.strip(b" ") not in index:
            raise fault(where, f"'{shown(name)}'", "one of the 30 coordinates, such as "
                        f"{COLUMNS[0]}", row=row, column="FeatureName")
        columns.append(index[name.strip(b" ")])
    refuse_repeats(row_ids, rows, "RowId", where)
    asked = [f"{COLUMNS[column]} of image {i}" for i, column in zip(image_ids, columns)]
    refuse_repeats(asked, rows, "FeatureName", where)
    missing = set(range(1, len(rows) + 1)).difference(row_ids)
    if missing:
        raise fault(where, f"no RowId {min(missing)}", f"all of 1 to {max(row_ids)}, since Kaggle "
                    "scores complete submissions only", column="RowId")
    return np.array(row_ids), np.array(image_ids), np.array(columns)
