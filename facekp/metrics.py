"""The error of predictions: root mean squared error in pixels, as Kaggle scores it."""
import warnings

import numpy as np

from facekp.keypoints import KEYPOINTS, SIZE


def rmse_px(y_true_px, y_pred_px):
    """Root mean squared error over all labelled coordinates (Kaggle's score).

    Parameters
    ----------
    y_true_px, y_pred_px : float arrays (n_samples, 30), px
        Coordinates that are NaN in `y_true_px` are left out.

    Returns
    -------
    float, px
        NaN if nothing is labelled, or if the prediction for a labelled coordinate is NaN.

    Examples
    --------
    >>> rmse_px([[40., 50., np.nan]], [[43., 46., 99.]])  # sqrt((3**2 + 4**2) / 2)
    3.5355339059327378
    """
    y_true_px = np.asarray(y_true_px, np.float64)
    error = np.asarray(y_pred_px, np.float64) - y_true_px
    labelled = ~np.isnan(y_true_px)
    if not labelled.any():
        return float("nan")
    return float(np.sqrt(np.mean(error[labelled] ** 2)))


def mse_to_px(mse):
    """Convert the mean squared error of scaled targets to RMSE in px: ``48 * sqrt(mse)``.

    Parameters
    ----------
    mse : float, mean squared error of ``(y - 48) / 48``

    Returns
    -------
    float, px

    Examples
    --------
    >>> mse_to_px(0.0625)
    12.0
    """
    return float(np.sqrt(mse) * SIZE / 2)


def mean_face(y_px):
    """The mean keypoints of faces.

    Parameters
    ----------
    y_px : float array (n_samples, 30), px; NaN where unlabelled

    Returns
    -------
    float array (30,), px; NaN where no face is labelled
    """
    with warnings.catch_warnings():  # of columns in which nothing is labelled
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(np.asarray(y_px, np.float64), axis=0)


def mean_face_rmse_px(y_train_px, y_valid_px):
    """RMSE of the simplest predictor: it gives every face the mean keypoints of the training set.

    Parameters
    ----------
    y_train_px, y_valid_px : float arrays (n_samples, 30), px; NaN where unlabelled

    Returns
    -------
    float, px
        NaN if a column has labels in `y_valid_px` only.

    Examples
    --------
    >>> mean_face_rmse_px([[40., 50.], [44., 50.]], [[45., 53.]])  # the mean face is (42, 50)
    3.0
    """
    return rmse_px(y_valid_px, np.broadcast_to(mean_face(y_train_px), np.shape(y_valid_px)))


THRESHOLDS_PX = tuple(k / 4 for k in range(41))
"""The distances at which the cumulative error curve is computed: 0, 0.25, ... 10 px."""


def keypoint_errors(y_true_px, y_pred_px):
    """Error of each keypoint, and the cumulative error curve; small enough for a JSON file.

    Parameters
    ----------
    y_true_px, y_pred_px : float arrays (n_samples, 30), px
        Coordinates that are NaN in `y_true_px` are left out.

    Returns
    -------
    dict
        * ``n_images``: the number of images;
        * ``rmse_px``: the error of all coordinates;
        * ``keypoint_rmse_px``: for each keypoint name, the error of its x and y together. If all
          keypoints are labelled, the mean of the squares is the square of ``rmse_px``;
        * ``mean_face_px``: for each keypoint name, the mean of its labels, [x, y];
        * ``thresholds_px``: the distances :data:`THRESHOLDS_PX`;
        * ``within``: for each of these distances, the share of keypoints whose prediction is at
          most that far (in a straight line) from the label. A prediction that is NaN is never
          near enough.

    Examples
    --------
    >>> y_true = np.full((1, 30), 40.)
    >>> y_pred = y_true.copy()
    >>> y_pred[0, :2] += 3, 4
    >>> keypoint_errors(y_true, y_pred)["keypoint_rmse_px"]["left_eye_center"]  # sqrt(25 / 2)
    3.5355339059327378
    """
    points = np.asarray(y_true_px, np.float64).reshape(-1, len(KEYPOINTS), 2)
    errors = np.asarray(y_pred_px, np.float64).reshape(points.shape) - points
    labelled = ~np.isnan(points).any(axis=2)
    distances = np.sqrt((errors[labelled] ** 2).sum(axis=1))
    known = [(k, name) for k, name in enumerate(KEYPOINTS) if labelled[:, k].any()]
    return {
        "n_images": len(points),
        "rmse_px": rmse_px(y_true_px, y_pred_px),
        "keypoint_rmse_px": {name: float(np.sqrt(np.mean(errors[labelled[:, k], k] ** 2)))
                             for k, name in known},
        "mean_face_px": {name: points[labelled[:, k], k].mean(axis=0).tolist()
                         for k, name in known},
        "thresholds_px": list(THRESHOLDS_PX),
        "within": [float(np.mean(distances <= limit)) if len(distances) else float("nan")
                   for limit in THRESHOLDS_PX],
    }


def frozen_since(history, epochs=5):
    """The epoch from which on the validation loss has stayed the same to the last bit.

    Such a net learns nothing more: all its outputs are at the ends of tanh, or all its ReLUs give
    0, so that all gradients are 0 and stay 0. Its loss is still a finite number. Only the fact
    that it does not change shows the problem.

    Parameters
    ----------
    history : list of dict
        One row per epoch, with ``epoch`` and ``valid_loss``; at least one row.
    epochs : int
        At least this many epochs must have the same loss.

    Returns
    -------
    int or None
        None if the last epochs do not have the same loss.

    Examples
    --------
    >>> losses = [3.0, 2.0, 2.0, 2.0]
    >>> history = [{"epoch": i, "valid_loss": loss} for i, loss in enumerate(losses, 1)]
    >>> frozen_since(history, epochs=3)
    2
    """
    last = history[-1]["valid_loss"]
    still = 0
    for row in reversed(history):
        if row["valid_loss"] != last:
            break
        still += 1
    return history[-still]["epoch"] if still >= epochs else None
