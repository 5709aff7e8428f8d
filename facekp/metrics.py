"""How good predictions are: root mean squared error in pixels, as Kaggle scores it."""
import numpy as np

from facekp.keypoints import KEYPOINTS, SIZE


def rmse_px(y_true_px, y_pred_px):
    """Root mean squared error over all labelled coordinates (Kaggle's score).

    Parameters
    ----------
    y_true_px, y_pred_px : float arrays (n_samples, 30), px; NaN in `y_true_px` is left out

    Returns
    -------
    float, px; NaN when nothing is labelled, or a prediction that counts is NaN
    """
    y_true_px = np.asarray(y_true_px, np.float64)
    error = np.asarray(y_pred_px, np.float64) - y_true_px
    labelled = ~np.isnan(y_true_px)
    if not labelled.any():
        return float("nan")
    return float(np.sqrt(np.mean(error[labelled] ** 2)))


def mse_to_px(mse):
    """Mean squared error of scaled targets to RMSE in px: ``48 * sqrt(mse)``.

    Parameters
    ----------
    mse : float, mean squared error of ``(y - 48) / 48``

    Returns
    -------
    float, px
    """
    return float(np.sqrt(mse) * SIZE / 2)


def mean_face_rmse_px(y_train_px, y_valid_px):
    """RMSE of the simplest predictor: every face has the training set's mean keypoints.

    Parameters
    ----------
    y_train_px, y_valid_px : float arrays (n_samples, 30), px; NaN where unlabelled

    Returns
    -------
    float, px
    """
    mean_face = np.nanmean(np.asarray(y_train_px, np.float64), axis=0)
    return rmse_px(y_valid_px, np.broadcast_to(mean_face, np.shape(y_valid_px)))


THRESHOLDS_PX = tuple(k / 4 for k in range(41))
"""Where the cumulative error curve is taken: 0, 0.25, ... 10 px."""


def keypoint_errors(y_true_px, y_pred_px):
    """Errors by keypoint, and the cumulative error curve; small enough to keep in a JSON file.

    Parameters
    ----------
    y_true_px, y_pred_px : float arrays (n_samples, 30), px; NaN in `y_true_px` is left out

    Returns
    -------
    dict
        ``n_images``; ``rmse_px``, of all coordinates; by keypoint name ``keypoint_rmse_px`` (over
        x and y, so that the mean of their squares is the square of ``rmse_px`` where all are
        labelled) and ``mean_face_px`` ([x, y], the mean of the labels); ``thresholds_px`` and
        ``within``, the share of keypoints that are at most so far (in a straight line) from
        their labels. A prediction that is no number is far away.
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
    """The epoch from which on a net has learned nothing more, to the last bit.

    Its outputs all sit at the ends of tanh, or its ReLUs are all off: the gradients are 0 and stay
    0. The loss is a number like any other; only its standing still tells.

    Parameters
    ----------
    history : list of dict
    epochs : int, how many at the least

    Returns
    -------
    int or None
    """
    last = history[-1]["valid_loss"]
    still = 0
    for row in reversed(history):
        if row["valid_loss"] != last:
            break
        still += 1
    return history[-still]["epoch"] if still >= epochs else None
