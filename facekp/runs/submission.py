"""Predictions to Kaggle's submission.csv: one row for each row of IdLookupTable.csv.

Published results keep a twentieth of a submission: its sha256 in submission.sha256, which
``sha256sum --check`` reads, and the predictions in test_predictions.npz, from which a submission
is written anew (:func:`restore`).
"""
import hashlib
import math
from pathlib import Path

import numpy as np

from facekp import files, metrics
from facekp.data import schemes
from facekp.errors import DataError, RunError
from facekp.keypoints import SIZE
from facekp.runs.checks import read_predictions

PREDICTIONS, SHA256 = "test_predictions.npz", "submission.sha256"
"""Of a published run: its predictions of Kaggle's test images, and its submission's sha256."""

ROUNDING_PX = 1 / 32
"""The most that a number in PREDICTIONS is off, px: half a step of float16 from 64 to 128."""


def locations(y_pred_px, image_ids, lookup):
    """The values that Kaggle asks for, clipped to the image.

    Parameters
    ----------
    y_pred_px : float array (n_images, 30), px
    image_ids : int array (n_images,), of the rows of `y_pred_px`
    lookup : facekp.data.Lookup, of n_rows

    Returns
    -------
    float array (n_rows,), px in [0, 96]

    Raises
    ------
    DataError
        If a looked-up image has no prediction, or a prediction is not a finite number.
    """
    row_of = {int(image_id): row for row, image_id in enumerate(image_ids)}
    missing = sorted(set(lookup.image_ids.tolist()) - row_of.keys())
    if missing:
        raise DataError(f"IdLookupTable.csv asks for ImageId {missing[0]} (and {len(missing) - 1} "
                        "more) that test.csv does not have; get both files from Kaggle again")
    rows = np.array([row_of[image_id] for image_id in lookup.image_ids.tolist()], np.intp)
    values = np.asarray(y_pred_px, np.float64)[rows, lookup.columns]
    if not np.isfinite(values).all():
        bad = int(np.flatnonzero(~np.isfinite(values))[0])
        raise DataError(f"the prediction for RowId {lookup.row_ids[bad]} is {values[bad]}, not a "
                        "finite number; the net has diverged: train it again with a lower "
                        "learning rate")
    return np.clip(values, 0, SIZE)


def test_errors(y_true, y_pred, asked):
    """Errors on the coordinates that the lookup table asks for, where the truth is known.

    Parameters
    ----------
    y_true : float array (n, 30), px, or None if it is not known
    y_pred : float array (n, 30), px
    asked : bool array (n, 30)

    Returns
    -------
    dict of str -> float, px
        ``test_rmse_px``, Kaggle's score; ``test_rmse_px_first`` and ``test_rmse_px_second``, its
        parts on the images of the two labelling schemes. Coordinates without a prediction, and
        parts without any coordinate, are left out. Nothing where the truth is not known.
    """
    if y_true is None:
        return {}
    y_true = np.where(asked & ~np.isnan(y_pred), y_true, np.nan)
    second = schemes.is_second(asked)
    errors = {"": metrics.rmse_px(y_true, y_pred),
              "_first": metrics.rmse_px(y_true[~second], y_pred[~second]),
              "_second": metrics.rmse_px(y_true[second], y_pred[second])}
    return {f"test_rmse_px{part}": error for part, error in errors.items() if math.isfinite(error)}


def write_submission(path, y_pred_px, image_ids, lookup):
    """Write submission.csv, atomically, and return the number of rows; the other parameters are
    those of :func:`locations`."""
    values = locations(y_pred_px, image_ids, lookup)
    with files.replacing(path, "w", encoding="ascii", newline="") as file:
        file.write("RowId,Location\n")
        file.writelines(f"{row_id},{value:.6f}\n" for row_id, value in
                        zip(lookup.row_ids.tolist(), values.tolist()))
    return len(values)


def keep(folder, y_pred_px, sha256):
    """Write what published results keep of a submission.

    Row k of `y_pred_px` (n_images, 30) is ImageId k + 1, NaN where a value is not known, as where
    Kaggle does not ask for it; `sha256` (str) is that of submission.csv.
    """
    # by columns, whose numbers are alike, the file is a tenth smaller
    small = np.asarray(np.clip(y_pred_px, 0, SIZE), np.float16, order="F")
    files.write_npz(Path(folder, PREDICTIONS), {"y_pred_test": small}, compress=True)
    files.write_text(Path(folder, SHA256), f"{sha256}  submission.csv\n")


def kept(run):
    """What :func:`keep` writes of a run, whole or published: (y_pred_px, sha256), or None where it
    left no submission. Raises RunError if its files cannot be read."""
    small, written = run.folder / PREDICTIONS, run.folder / SHA256
    if run.submission.exists() and run.predictions.exists():
        small, sha256 = run.predictions, hashlib.sha256(run.submission.read_bytes()).hexdigest()
    elif small.exists() and written.exists():
        try:
            sha256 = written.read_text("ascii").split()[0]
        except (OSError, ValueError, IndexError) as error:
            raise RunError(f"{written}: cannot be read ({error}); take the file from the results "
                           "again") from None
    else:
        return None
    y_pred, asked, ids = read_predictions(small, "y_pred_test", "asked", "image_ids")
    if ids is not None and not np.array_equal(ids, np.arange(1, len(ids) + 1)):
        raise RunError(f"{small}: its images are not numbered 1, 2, 3, ... in test.csv, as those "
                       "of published predictions are")
    if y_pred is not None and asked is not None and asked.shape == y_pred.shape:
        y_pred = np.where(asked, y_pred, np.nan)  # half as large
    return None if y_pred is None else (y_pred, sha256)


def predictions_of(run, test):
    """A run's predictions of the test images, as an ensemble leaves them, which has no weights.

    Parameters
    ----------
    run : facekp.runs.folder.Run
    test : facekp.data.Test

    Returns
    -------
    float32 array (n_test, 30), px

    Raises
    ------
    RunError
        If there are none, or they are of other images.
    """
    [y_pred] = read_predictions(run.predictions, "y_pred_test")
    known = files.read_json(run.config).get("test_data") or {}
    if y_pred is None or len(y_pred) != len(test.image_ids) or (
            not test.provenance["files"].items() <= known.items()):
        raise RunError(f"{run.predictions}: holds no predictions of these test images; name the "
                       "data that the run was made with", remedies=("data",))
    return y_pred


def restore(folder, path, lookup):
    """Write submission.csv from what :func:`keep` left in the folder of a published run, each
    number within :data:`ROUNDING_PX`; returns the number of rows. Raises RunError or DataError if
    the predictions cannot be read, or lack a row that is asked for."""
    predictions = Path(folder, PREDICTIONS)
    [y_pred] = read_predictions(predictions, "y_pred_test")
    if y_pred is None:
        raise DataError(f"{predictions}: lacks y_pred_test; take the file from the results again")
    known = np.isfinite(y_pred)
    there = lookup.image_ids <= len(y_pred)
    if not (there.all() and known[lookup.image_ids - 1, lookup.columns].all()):
        raise DataError(f"{predictions}: lacks values that this IdLookupTable.csv asks for; take "
                        "the contest's own table", remedies=("data",))
    return write_submission(path, y_pred, np.arange(1, len(y_pred) + 1), lookup)
