"""The last files of a run: weights, predictions, errors, figures, the submission."""
import math

import numpy as np

from facekp import files, machine, metrics, plots
from facekp.data import schemes, splits
from facekp.nets import weights
from facekp.runs import submission
from facekp.runs.checks import SIDES


def finish(run, settings, net, data, best, averaged, stop, training, test, lookup):
    """Write the last files of a complete run; summary.json comes last.

    Parameters
    ----------
    run : facekp.runs.folder.Run
    settings : facekp.settings.Settings
    net : facekp.nets.net.KeypointNet, with the weights of its best epoch
    data : facekp.training.split.Split
    best : facekp.training.handlers.BestWeights
    averaged : facekp.training.averaged_weights.AveragedWeights or None
    stop : facekp.training.handlers.Stop
    training, test, lookup : as for :func:`facekp.training.train`

    Returns
    -------
    dict, the contents of summary.json
    """
    y_pred = schemes.only(net.predict_px(data.X_valid), settings.points)
    arrays = {"y_valid": data.y_valid, "y_pred_valid": y_pred}
    if best.values:
        weights.save_weights(run.weights, best.values)
    if test is not None:
        second = None
        if lookup is not None:
            asked = schemes.asked_of(lookup, test.image_ids)
            second = schemes.is_second(asked)
            arrays["asked"] = asked.astype(np.uint8)
        arrays.update(image_ids=test.image_ids, y_pred_test=schemes.only(
            net.predict_px(test.X, second), settings.points))
    files.write_npz(run.predictions, arrays)
    summary = summarize(settings, net, data, best, stop, training, y_pred)
    if averaged:
        summary.update(averaged.finish(run, net, data))
    title = f"{settings.model}, {training.provenance['label']}"
    history = {settings.model: run.read_history()}
    plots.save(plots.learning_curves(history, title), run.curves)
    if settings.schedule:
        plots.save(plots.learning_rates(history, title), run.rates)
    if test is not None and summary["state"] == "complete":
        summary.update(write_test(run, test, lookup, arrays["y_pred_test"], title))
    files.write_json(run.summary, summary)
    run.drop_checkpoints()
    return summary


def write_test(run, test, lookup, y_pred, title):
    """Write the submission, and a picture of the first test faces; measure the error on them.

    Where some keypoints are not predicted at all, there is no submission.

    Parameters
    ----------
    run : facekp.runs.folder.Run
    test : facekp.data.Test
    lookup : facekp.data.Lookup, or None for no submission
    y_pred : float32 array (n_test, 30), px; NaN for keypoints that are not predicted
    title : str, of the picture

    Returns
    -------
    dict, what summary.json says of it
    """
    said = {}
    if lookup is not None:
        said.update(submission.test_errors(test.y, y_pred,
                                           schemes.asked_of(lookup, test.image_ids)))
        if not np.isnan(y_pred).all(axis=0).any():
            said["submission_rows"] = submission.write_submission(
                run.submission, y_pred, test.image_ids, lookup)
    plots.save(plots.predicted_faces(test.X[:16], y_pred[:16], title), run.faces)
    return said


def summarize(settings, net, data, best, stop, training, y_pred):
    """The contents of summary.json.

    Parameters
    ----------
    settings, net, data, best, stop, training : as for :func:`finish`
    y_pred : float32 array (n_valid, 30), px
        The predictions for the validation images.

    Returns
    -------
    dict
    """
    history = net.train_history_
    summary = {
        "state": "diverged" if stop.reason == "diverged" else "complete",
        "stopped_by": stop.reason or "epochs",
        "data": training.provenance["label"],
        "n_train": len(data.X_train), "n_valid": len(data.X_valid),
        "epochs": len(history), "best_epoch": best.epoch,
        "train_loss": history[-1]["train_loss"], "valid_loss": history[-1]["valid_loss"],
        "best_valid_loss": best.loss,
        "valid_rmse_px": metrics.rmse_px(data.y_valid, y_pred),
        "train_rmse_px": metrics.rmse_px(
            data.y_train, net.predict_px(data.X_train, data.second_train)),
        "mean_face_rmse_px": metrics.mean_face_rmse_px(data.y_train[~data.second_train],
                                                       data.y_valid),
        "seconds": sum(row["seconds"] for row in history),
        "seconds_per_epoch": float(np.median([row["seconds"] for row in history])),
        "peak_memory_mb": machine.peak_memory_mb(),
        "n_params": n_params(net),
    }
    frozen = metrics.frozen_since(history)
    if frozen:
        summary["frozen_since"] = frozen
    twin = data.twin_in_train
    if twin.any() and not twin.all():
        summary["valid_rmse_px_twin_in_train"] = metrics.rmse_px(data.y_valid[twin], y_pred[twin])
        summary["valid_rmse_px_no_twin"] = metrics.rmse_px(data.y_valid[~twin], y_pred[~twin])
    if settings.split != "after-mirroring":  # there, most images have a mirror image in training
        summary["near_duplicates"] = near_duplicates(data, splits.groups_of(training.X), y_pred)
    return summary


def n_params(net):
    """How many parameters of a net are trained (int)."""
    return int(sum(np.prod(parameter.get_value(borrow=True).shape)
                   for parameter in net.get_all_params(trainable=True)))


def near_duplicates(data, groups, y_pred):
    """Errors on validation images that have a near-duplicate in training, and on the others.

    Some of Kaggle's images are frames of one recording. A random split, as in the paper, puts such
    frames on both sides, and the net only needs to remember them.

    Parameters
    ----------
    data : facekp.training.split.Split
    groups : int array (n_images,) of :func:`facekp.data.near_duplicate_groups`
    y_pred : float32 array (n_valid, 30), px

    Returns
    -------
    dict
        ``near_duplicates`` and ``others``, each a dict with ``n``, the number of validation images;
        ``rmse_px``; and ``mean_face_rmse_px``, the error of the training images' mean face. An
        error is None if there is no image, or if a prediction is not a finite number.
    """
    near = np.isin(groups[data.valid_idx % data.n_images], groups[data.train_idx % data.n_images])
    face = metrics.mean_face(data.y_train[~data.second_train])
    return errors_apart(near, data.y_valid, y_pred, np.broadcast_to(face, y_pred.shape))


def errors_apart(near, y_valid, y_pred, y_face):
    """Errors on images that have a near-duplicate in training, and on the others.

    Parameters
    ----------
    near : bool array (n_valid,)
    y_valid, y_pred : float arrays (n_valid, 30), px
    y_face : float array (n_valid, 30), px, the mean face of the training images

    Returns
    -------
    dict, as of :func:`near_duplicates`
    """
    parts = {}
    for side, chosen in zip(SIDES, (near, ~near)):
        errors = {"rmse_px": metrics.rmse_px(y_valid[chosen], y_pred[chosen]),
                  "mean_face_rmse_px": metrics.rmse_px(y_valid[chosen], y_face[chosen])}
        parts[side] = {"n": int(chosen.sum()), **{name: value if math.isfinite(value) else None
                                                  for name, value in errors.items()}}
    return parts
