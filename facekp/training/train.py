"""The one training: data and settings in, a complete run folder out."""
import facekp.engine.ready  # noqa: F401  (readies Theano, Lasagne and nolearn)

import functools
import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import theano

from facekp import fused, keypoints, metrics, plots
from facekp.data import mirror as augment
from facekp.engine import allocator
from facekp.training import handlers
from facekp import files
from facekp.nets import weights
from facekp import machine
from facekp.runs import provenance, submission
from facekp.data import splits
from facekp.errors import ConfigError
from facekp.nets.models import build
from facekp.nets.net import GivenSplit
from facekp.training.predict import predict_px
from facekp.runs.folder import differing


class Split(NamedTuple):
    """Training and validation images.

    Attributes
    ----------
    X_train, X_valid : float32 arrays (n, 1, 96, 96) in [0, 1]
    y_train, y_valid : float32 arrays (n, 30), px
    twin_in_train : bool array (n_valid,)
        Whether the mirror image of a validation image is among the training images.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_valid: np.ndarray
    y_valid: np.ndarray
    twin_in_train: np.ndarray


class Interrupted(KeyboardInterrupt):
    """The run was told to stop, by Ctrl-C or SIGTERM; it can go on."""


def split(X, y, settings):
    """Training and validation images as the settings say.

    Parameters
    ----------
    X : float32 array (n, 1, 96, 96)
    y : float32 array (n, 30), px
    settings : Settings

    Returns
    -------
    Split
    """
    if len(X) < settings.folds:
        raise ConfigError(f"folds: found {settings.folds} for {len(X)} images, expected at most "
                          "one fold an image")
    n = len(X)
    if settings.split == "after-mirroring":
        X, y = augment.with_mirror_images(X, y)
    groups = splits.near_duplicate_groups(X) if settings.split == "grouped" else None
    train, valid = splits.kfold(len(X), settings.folds, settings.seed, groups)[settings.fold]
    twins = np.isin(valid % n, train % n) & (len(X) > n)
    X_train, y_train = X[train], y[train]
    if "mirror" in settings.augment and settings.split != "after-mirroring":
        X_train, y_train = augment.with_mirror_images(X_train, y_train)
    return Split(X_train, y_train, X[valid], y[valid], twins)


def train(run, settings, training, test=None, lookup=None,
          say=functools.partial(print, flush=True)):
    """Train a net and write its run folder; go on where it stopped, do nothing when complete.

    Parameters
    ----------
    run : facekp.runs.folder.Run
    settings : facekp.settings.Settings
    training : facekp.data.Training, complete images
    test : facekp.data.Test or None
    lookup : facekp.data.Lookup or None
        With both, submission.csv is written.
    say : callable taking a str

    Returns
    -------
    dict, the contents of summary.json

    Raises
    ------
    RunError
        If the folder is in use or was begun with other settings, data, versions or code.
    Interrupted
        If Ctrl-C or SIGTERM stopped it; every finished epoch is on disk.
    """
    allocator.tune()
    net = build(settings)  # before the folder is touched: it refuses options that do not fit
    with run.locked():
        config = describe(settings, training, test, lookup)
        begun = run.begin(config)
        if run.complete:
            say(f"{run.folder}: complete")
            run.drop_checkpoints()  # a kill behind summary.json leaves them
            return files.read_json(run.summary)
        changed = differing(provenance.rounding(begun), provenance.rounding(config))
        if changed:
            say(f"{run.folder}: {'; '.join(changed)}: the last bits may differ from an "
                "undisturbed run's")
        data = split(training.X, training.y, settings)
        say(f"{run.folder}: compiling {settings.model}")
        net.compile()
        best, stop = fit(net, data, run, settings, say)
        for name, parameter in net.weights().items():
            if best.values:
                parameter.set_value(best.values[name])
        return finish(run, settings, net, data, best, stop, training.provenance, test, lookup)


def describe(settings, training, test=None, lookup=None):
    """The contents of config.json, from what :func:`train` takes."""
    predicted = [table.provenance["files"] for table in (test, lookup) if table is not None]
    return {
        "settings": settings.as_dict(),
        "data": training.provenance,
        "test_data": {name: sha256 for table in predicted for name, sha256 in table.items()},
        "versions": provenance.versions(),
        "code": provenance.code_digest(),
        "engine": {"device": theano.config.device, "floatX": theano.config.floatX,
                   "fused": fused.enabled() and settings.options.get("fused", True)},
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
        "theano_flags": os.environ.get("THEANO_FLAGS", ""),
        "git": provenance.git_state(),
        "host": machine.host(),
        "begun": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def fit(net, data, run, settings, say):
    """Run nolearn's training loop with our handlers, from the last checkpoint if there is one.

    Returns
    -------
    best : handlers.BestWeights
    stop : handlers.Stop
    """
    y_train, y_valid = keypoints.scale(data.y_train), keypoints.scale(data.y_valid)
    net.train_split = GivenSplit(data.X_valid, y_valid)
    best = handlers.BestWeights()
    stop = handlers.Stop(best, settings.patience)
    checkpoint = handlers.Checkpoint(run, best)
    n_batches = -(-len(y_train) // settings.batch_size)
    progress = handlers.Progress(n_batches, settings.epochs)
    # Spread over all of them: the first of Kaggle's faces are easier than the others.
    part = np.linspace(0, len(y_train) - 1, min(len(y_train), len(y_valid))).astype(int)
    net.on_batch_finished = [progress.batch_finished]
    net.on_epoch_finished = [handlers.CleanLoss(data.X_train[part], y_train[part]), best,
                             checkpoint, progress.epoch_finished, handlers.EpochTable(), stop]
    if checkpoint.restore(net, say):
        say(f"{run.folder}: going on after epoch {len(net.train_history_)}")
    left = settings.epochs - len(net.train_history_)
    stopped = net.train_history_ and stop.check(net.train_history_)
    if left > 0 and not stopped:
        with stopping_cleanly(net, checkpoint):
            net.train_loop(data.X_train, y_train, epochs=left)
    return best, stop


@contextmanager
def stopping_cleanly(net, checkpoint):
    """Let Ctrl-C and SIGTERM end the training before its next batch, with word of how to go on.

    An epoch that is under way is given up: it is repeated, bit for bit, when the run goes on.
    Python has signals in its main thread alone; in another one nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = []

    def ask(number, frame):
        if asked:  # twice: at once
            raise KeyboardInterrupt(f"{signal.Signals(number).name}: stopped at once")
        asked.append(signal.Signals(number).name)

    def obey():
        if asked:
            raise Interrupted(f"{asked[0]}: stopped; {checkpoint.epochs} epochs are on disk in "
                              f"{checkpoint.run.folder}; the same command goes on from there")

    def apply_batch_func(*args):  # of training and of evaluation: that of VGGNet takes long, too
        obey()
        return type(net).apply_batch_func(*args)

    net.apply_batch_func = apply_batch_func
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
        obey()  # asked after the last batch
    finally:
        del net.apply_batch_func
        for number, handler in before.items():
            signal.signal(number, handler)


def finish(run, settings, net, data, best, stop, data_provenance, test, lookup):
    """Write what a complete run has beyond its history; summary.json last.

    Returns
    -------
    dict, the contents of summary.json
    """
    history = net.train_history_
    y_pred = predict_px(net, data.X_valid)
    arrays = {"y_valid": data.y_valid, "y_pred_valid": y_pred}
    if best.values:
        weights.save_weights(run.weights, best.values)
    if test is not None:
        arrays.update(image_ids=test.image_ids, y_pred_test=predict_px(net, test.X))
    files.write_npz(run.predictions, arrays)
    summary = {
        "state": "diverged" if stop.reason == "diverged" else "complete",
        "stopped_by": stop.reason or "epochs",
        "data": data_provenance["label"],
        "n_train": len(data.X_train), "n_valid": len(data.X_valid),
        "epochs": len(history), "best_epoch": best.epoch,
        "train_loss": history[-1]["train_loss"], "valid_loss": history[-1]["valid_loss"],
        "best_valid_loss": best.loss,
        "valid_rmse_px": metrics.rmse_px(data.y_valid, y_pred),
        "train_rmse_px": metrics.rmse_px(data.y_train, predict_px(net, data.X_train)),
        "mean_face_rmse_px": metrics.mean_face_rmse_px(data.y_train, data.y_valid),
        "seconds": sum(row["seconds"] for row in history),
        "seconds_per_epoch": float(np.median([row["seconds"] for row in history])),
        "n_params": int(sum(np.prod(p.get_value(borrow=True).shape)
                            for p in net.get_all_params(trainable=True))),
    }
    frozen = metrics.frozen_since(history)
    if frozen:
        summary["frozen_since"] = frozen
    twin = data.twin_in_train
    if twin.any() and not twin.all():
        summary["valid_rmse_px_twin_in_train"] = metrics.rmse_px(data.y_valid[twin], y_pred[twin])
        summary["valid_rmse_px_no_twin"] = metrics.rmse_px(data.y_valid[~twin], y_pred[~twin])
    title = f"{settings.model}, {data_provenance['label']}"
    plots.save(plots.learning_curves({settings.model: run.read_history()}, title), run.curves)
    if test is not None and summary["state"] == "complete":
        if lookup is not None:
            summary["submission_rows"] = submission.write_submission(
                run.submission, arrays["y_pred_test"], test.image_ids, lookup)
        plots.save(plots.predicted_faces(test.X[:16], arrays["y_pred_test"][:16], title),
                   run.faces)
    files.write_json(run.summary, summary)
    run.drop_checkpoints()
    return summary
