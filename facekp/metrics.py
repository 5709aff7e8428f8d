"""How good predictions are: root mean squared error in pixels, as Kaggle scores it."""
import numpy as np

from facekp.keypoints import SIZE


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
