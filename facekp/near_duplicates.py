"""What near-duplicates of training images do to the validation error of a run.

Kaggle's images hold frames of one recording. A random split, as the paper's, puts some of them on
both sides, where a net need only remember. So each run's error is taken apart: on the validation
images that have a near-duplicate in training, and on the others.
"""
import math

import numpy as np

from facekp import metrics, storage
from facekp.data import near_duplicate_groups
from facekp.errors import RunError
from facekp.results import warning
from facekp.run_checks import SIDES, read_predictions


def record(plan, faces, warn=warning):
    """Write near_duplicates.json of each complete run that has predictions, unless it is there.

    Parameters
    ----------
    plan : list of (facekp.runs.Run, facekp.settings.Settings)
    faces : facekp.data.Training, the complete images that the runs were trained on
    warn : callable taking a str
        Told about predictions that cannot be used.
    """
    plan = [(run, settings) for run, settings in plan
            if run.complete and run.predictions.exists()]
    groups = near_duplicate_groups(faces.X) if plan else None
    for run, settings in plan:
        try:
            found = errors(run, settings, faces.y, groups)
        except RunError as error:
            warn(str(error))
            continue
        if found != _written(run):
            storage.write_json(run.near_duplicates, found)


def errors(run, settings, y, groups):
    """Errors on validation images with a near-duplicate in training, and on the others.

    Parameters
    ----------
    run : facekp.runs.Run, with predictions
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
    from facekp.training import split  # slow: it brings Theano
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


def _written(run):
    """What the file holds; None if it is missing or damaged."""
    try:
        return storage.read_json(run.near_duplicates)
    except RunError:
        return None


def _number(value):
    return value if math.isfinite(value) else None
