"""Parse and check Kaggle's three tables: from rows of a CSV file to arrays."""
import itertools

import numpy as np

from facekp.data.csvfile import read_rows
from facekp.data.faults import DOWNLOAD_AGAIN, fault
from facekp.text import shown
from facekp.data.pixels import N_PIXELS, parse_pixels
from facekp.data.sources import TEST
from facekp.data.values import parse_coordinates, parse_id, refuse_repeats
from facekp.keypoints import COLUMNS
from facekp.mapped import Rows

BATCH = 64
"""Number of rows parsed at a time. Their text (about 2 MB) fits into the processor's cache."""


def _batches(rows):
    """(row numbers, fields) of `BATCH` rows at a time."""
    for batch in iter(lambda: list(itertools.islice(rows, BATCH)), []):
        yield zip(*batch)


def parse_training(stream, where):
    """The rows of training.csv: dict of "pixels", uint8 (n, 9216), and "y", float32 (n, 30) px."""
    pixels, y = Rows(N_PIXELS, np.uint8), []
    for rows, fields in _batches(read_rows(stream, where, COLUMNS + ("Image",))):
        y.append(parse_coordinates([f[:-1] for f in fields], rows, where))
        pixels.append(parse_pixels([f[-1] for f in fields], rows, where))
    return {"pixels": pixels.array(), "y": np.concatenate(y)}


def parse_test(stream, where):
    """The rows of test.csv: dict of "pixels", uint8 (n, 9216), and "image_ids", int64 (n, 1)."""
    pixels, image_ids, all_rows = Rows(N_PIXELS, np.uint8), [], []
    for rows, fields in _batches(read_rows(stream, where, ("ImageId", "Image"))):
        all_rows.extend(rows)
        image_ids.extend(parse_id(f[0], row, "ImageId", where) for row, f in zip(rows, fields))
        pixels.append(parse_pixels([f[1] for f in fields], rows, where))
    refuse_repeats(image_ids, all_rows, "ImageId", where)
    return {"pixels": pixels.array(),
            "image_ids": np.array(image_ids, np.int64)[:, np.newaxis]}


def parse_truth(stream, where, image_ids):
    """The labels of test images from TestTruth.csv: float32 (n, 30) px, in order of `image_ids`.

    It has a row for each of them, with ImageId and the 30 columns.
    """
    y, ids, all_rows = [], [], []
    for rows, fields in _batches(read_rows(stream, where, ("ImageId",) + COLUMNS)):
        all_rows.extend(rows)
        ids.extend(parse_id(f[0], row, "ImageId", where) for row, f in zip(rows, fields))
        y.append(parse_coordinates([f[1:] for f in fields], rows, where))
    refuse_repeats(ids, all_rows, "ImageId", where)
    place = {image_id: k for k, image_id in enumerate(ids)}
    missing = [image_id for image_id in image_ids.tolist() if image_id not in place]
    if missing:
        raise fault(where, f"no row for image {missing[0]}", f"one for each image of {TEST}",
                    f"take the file that belongs to this {TEST}, or remove it", column="ImageId")
    return np.concatenate(y)[[place[image_id] for image_id in image_ids.tolist()]]


def parse_lookup(stream, where):
    """The rows of IdLookupTable.csv: row_ids, image_ids, columns, a dict of int arrays (n, 1)."""
    index = {column.encode(): i for i, column in enumerate(COLUMNS)}
    rows, row_ids, image_ids, columns = [], [], [], []
    wanted = ("RowId", "ImageId", "FeatureName")
    for row, (row_id, image_id, name) in read_rows(stream, where, wanted, optional_last="Location"):
        rows.append(row)
        row_ids.append(parse_id(row_id, row, "RowId", where))
        image_ids.append(parse_id(image_id, row, "ImageId", where))
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
    found = {"row_ids": row_ids, "image_ids": image_ids, "columns": columns}
    return {name: np.array(values, np.int64).reshape(-1, 1) for name, values in found.items()}


def refuse_unknown_images(image_ids, known, where):
    """Raise DataError if a row of IdLookupTable.csv has an image that test.csv lacks.

    Parameters
    ----------
    image_ids : int array (n,), ImageId of each row
    known : int array, the images of test.csv
    where : str, the file, for messages
    """
    unknown = np.flatnonzero(~np.isin(image_ids, known))
    if len(unknown):
        raise fault(where, f"image {image_ids[unknown[0]]}, which {TEST} lacks",
                    f"one that {TEST} has", f"use the {TEST} that belongs to it, or "
                    f"{DOWNLOAD_AGAIN}", row=int(unknown[0]) + 2, column="ImageId")
