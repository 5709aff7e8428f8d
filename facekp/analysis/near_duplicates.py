"""What near-duplicates of training images do to the validation error of a run.

Kaggle's images hold frames of one recording. A random split, as the paper's, puts some of them on
both sides, where a net need only remember. So each run's error is taken apart: on the validation
images that have a near-duplicate in training, and on the others.
"""
import math

import numpy as np

from facekp import files, metrics
from facekp.data import near_duplicate_groups
from facekp.errors import RunError
from facekp.runs.read import read_run, warning
from facekp.runs.checks import SIDES, read_predictions


def record(plan, faces, warn=warning):
    """Write near_duplicates.json of each run that is complete, where it is not right already.

    Not of runs that mirror first and then split: almost all their validation images have their
    mirror image in training, which summary.json tells apart.

    Parameters
    ----------
    plan : list of (facekp.runs.folder.Run, facekp.settings.Settings)
    faces : facekp.data.Training, the complete images that the runs were trained on
    warn : callable taking a str
        Told about runs and predictions that cannot be used, and files that cannot be written.
    """
    groups = None
    for run, settings in plan:
        if settings.split == "after-mirroring" or not (run.complete and run.predictions.exists()):
            continue
        try:
            if agrees(read_run(run.folder, warn=lambda text: None)):
                continue
            groups = near_duplicate_groups(faces.X) if groups is None else groups
            with run.locked():
                files.write_json(run.near_duplicates, errors(run, settings, faces.y, groups))
        except (RunError, OSError) as error:
            warn(f"{run.near_duplicates}: not written: {error}")


def agrees(result):
    """Whether a run's errors apart make up the error on all of its validation images.

    Parameters
    ----------
    result : facekp.runs.read.RunResult, complete

    Returns
    -------
    bool, False where there are none
    """
    if result.near_duplicates is None:
        return False
    parts = [part for part in result.near_duplicates.values() if part["n"]]
    n = sum(part["n"] for part in parts)
    total = result.summary.get("valid_rmse_px")
    if None in [total, *(part["rmse_px"] for part in parts)]:
        return False
    squares = sum(part["n"] * part["rmse_px"] ** 2 for part in parts)
    return n == result.summary.get("n_valid") and math.isclose(math.sqrt(squares / n), total,
                                                               rel_tol=1e-6)


def errors(run, settings, y, groups):
    """Errors on validation images with a near-duplicate in training, and on the others.

    Parameters
    ----------
    run : facekp.runs.folder.Run, with predictions
    settings : facekp.settings.Settings
    y : float32 array (n, 30), px, of all complete images
    groups : int array (n,) of :func:`facekp.data.near_duplicate_groups`

    Returns
    -------
    dict
        ``near_duplicates`` and ``others``, each a dict of ``n``, how many validation images,
        ``rmse_px`` and ``mean_face_rmse_px``, of the mean face of the training images; None
        where there is no image, or the prediction is no number.

    Raises
    ------
    RunError
        If the predictions are damaged, or those of other images.
    """
    from facekp.training.train import split  # slow: it brings Theano
    # The images' numbers in place of the images: split in the same way, mirrored to themselves.
    parts = split(np.arange(len(y)).reshape(-1, 1, 1, 1), y, settings)
    y_valid, y_pred = read_predictions(run.predictions, "y_valid", "y_pred_valid")
    if y_valid is None or y_pred is None or not np.array_equal(y_valid, parts.y_valid) \
            or y_pred.shape != y_valid.shape:
        raise RunError(f"{run.predictions}: holds predictions for other images than this run's "
                       f"validation images; remove {run.folder} and run the experiment again")
    near = np.isin(groups[parts.X_valid.ravel()], groups[parts.X_train.ravel()])
    return {side: {"n": int(chosen.sum()),
                   "rmse_px": _number(metrics.rmse_px(y_valid[chosen], y_pred[chosen])),
                   "mean_face_rmse_px": _number(metrics.mean_face_rmse_px(
                       parts.y_train, y_valid[chosen]))}
            for side, chosen in zip(SIDES, (near, ~near))}


def _number(value):
    return value if math.isfinite(value) else None
