"""Train for all epochs of a run: nolearn's training loop with our handlers."""
import numpy as np

from facekp import keypoints, mapped
from facekp.data import schemes
from facekp.nets.net import GivenSplit
from facekp.training import handlers, rates
from facekp.training.averaged_weights import AveragedWeights
from facekp.training.checkpoint import Checkpoint
from facekp.training.interruption import stopping_cleanly


def fit(net, data, run, settings, say):
    """Run nolearn's training loop with our handlers, from the last checkpoint if there is one.

    Parameters
    ----------
    net : facekp.nets.net.KeypointNet, compiled
    data : facekp.training.split.Split
    run : facekp.runs.folder.Run
    settings : facekp.settings.Settings
    say : callable taking a str

    Returns
    -------
    best : handlers.BestWeights
    averaged : facekp.training.averaged_weights.AveragedWeights, or None where nothing is averaged
    stop : handlers.Stop
    """
    y_train, y_valid = keypoints.scale(data.y_train), keypoints.scale(data.y_valid)
    if settings.heads != "one":
        y_train = schemes.apart(y_train, data.second_train)
        y_valid = schemes.apart(y_valid, np.zeros(len(y_valid), bool))
    net.train_split = GivenSplit(data.X_valid, y_valid)
    best = handlers.BestWeights()
    stop = handlers.Stop(best, settings.patience)
    averaged = None
    if settings.average:
        averaged = AveragedWeights(settings.average, data.X_valid, y_valid)
    n_batches = -(-len(y_train) // settings.batch_size)
    checkpoint = Checkpoint(run, best, averaged, n_batches)
    progress = handlers.Progress(n_batches, settings.epochs)
    # Images from the whole training set: the first of Kaggle's faces are easier than the others.
    part = np.linspace(0, len(y_train) - 1, min(len(y_train), len(y_valid))).astype(int)
    net.on_batch_finished = [progress.batch_finished]
    set_rate = rates.SetRate(settings)
    clean_loss = handlers.CleanLoss(mapped.take(data.X_train, part), y_train[part])
    net.on_epoch_finished = [set_rate, clean_loss, best, checkpoint, progress.epoch_finished,
                             handlers.EpochTable(), stop]
    if averaged:
        net.on_batch_finished.insert(0, averaged.batch_finished)
        net.on_epoch_finished.insert(0, averaged.epoch_finished)
    if checkpoint.restore(net, say):
        say(f"{run.folder}: going on after epoch {checkpoint.epochs}")
    set_rate(net, net.train_history_)
    left = settings.epochs - len(net.train_history_)
    stopped = net.train_history_ and stop.check(net.train_history_)
    if left > 0 and not stopped:
        with stopping_cleanly(net, checkpoint):
            net.train_loop(data.X_train, y_train, epochs=left)
    return best, averaged, stop
