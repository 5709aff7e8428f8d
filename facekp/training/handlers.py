"""Handlers: callables ``(net, train_history)`` that nolearn calls while a net trains.

nolearn calls the ``on_epoch_finished`` handlers in the order of their list. Those that stop the
training come last, when the checkpoint is on disk.
"""
import facekp.engine.ready  # noqa: F401  (readies Theano, Lasagne and nolearn)

import math
import re
import sys
import time

import numpy as np
from nolearn.lasagne import PrintLog

from facekp.metrics import frozen_since, mse_to_px
from facekp.text import clock, is_terminal, say

FROZEN_EPOCHS = 20
"""A training stops when the validation loss is the same, to the last bit, for this many epochs.

Then the steps no longer change any output, for example because all gradients are 0. The remaining
epochs would only take time: figures and comparisons assume that they are like the last one."""


class CleanLoss:
    """Adds the training loss without dropout, every few epochs, measured on fixed images.

    nolearn's training loss is measured with dropout, while the weights change during the epoch. So
    it cannot be compared with the validation loss; this one can. Measured every five epochs on as
    many images as there are validation images, it costs less than 2 % of an epoch.

    Parameters
    ----------
    X : float32 array (n, 1, 96, 96)
    y : float32 array (n, 30), scaled
    every : int
        Number of epochs between two measurements. The first epoch is always measured.
    """

    def __init__(self, X, y, every=5):
        self.X, self.y, self.every = X, y, every

    def __call__(self, net, history):
        row = history[-1]
        row["train_loss_clean"] = float("nan")
        if row["epoch"] == 1 or row["epoch"] % self.every == 0:
            row["train_loss_clean"] = mean_loss(net, self.X, self.y)


def mean_loss(net, X, y):
    """The loss of a net on images, dropout off.

    Parameters
    ----------
    net : facekp.nets.net.KeypointNet
    X : float32 array (n, 1, 96, 96)
    y : float32 array (n, 30), scaled

    Returns
    -------
    float
    """
    losses, sizes = [], []
    for Xb, yb in net.batch_iterator_test(X, y):
        losses.append(float(net.apply_batch_func(net.eval_iter_, Xb, yb)[0]))
        sizes.append(len(Xb))
    return float(np.average(losses, weights=sizes))


class BestWeights:
    """Keeps the parameters of the epoch with the lowest validation loss.

    Attributes
    ----------
    epoch : int, the best epoch; 0 before the first one
    loss : float, MSE of scaled targets
    values : dict of str -> float32 array
    """

    def __init__(self):
        self.epoch, self.loss, self.values = 0, float("inf"), {}

    def __call__(self, net, history):
        row = history[-1]
        row["best"] = int(row["valid_loss"] < self.loss)
        row["valid_rmse_px"] = mse_to_px(row["valid_loss"])
        row["seconds"] = row["dur"]
        if row["best"]:
            self.epoch, self.loss = row["epoch"], row["valid_loss"]
            self.keep(net)

    def keep(self, net):
        """Copy the net's parameters into `values`."""
        self.values = {name: parameter.get_value() for name, parameter in net.weights().items()}


class EpochTable(PrintLog):
    """nolearn's table, one line for each epoch; with colours on a terminal only."""

    def __call__(self, nn, train_history):
        say(self.table(nn, train_history))

    def table(self, nn, train_history):
        text = super().table(nn, train_history)
        return text if is_terminal(sys.stdout) else re.sub(r"\033\[\d+m", "", text)


class Stop:
    """Stops the training early, for one of these reasons:

    * ``"patience"``: there was no better validation loss for `patience` epochs;
    * ``"diverged"``: the loss is NaN or infinite;
    * ``"frozen"``: the validation loss is the same for :data:`FROZEN_EPOCHS` epochs.

    Parameters
    ----------
    best : BestWeights
    patience : int or None
        Number of epochs without a better validation loss (paper, section 5.1: six). With None,
        only the other two reasons stop the training.

    Attributes
    ----------
    reason : None, "patience", "diverged" or "frozen"
    """

    def __init__(self, best, patience):
        self.best, self.patience, self.reason = best, patience, None

    def check(self, history):
        """Set and return `reason` from a history of at least one epoch."""
        row = history[-1]
        if not (math.isfinite(row["train_loss"]) and math.isfinite(row["valid_loss"])):
            self.reason = "diverged"
        elif self.patience is not None and row["epoch"] - self.best.epoch >= self.patience:
            self.reason = "patience"
        elif frozen_since(history, FROZEN_EPOCHS):
            self.reason = "frozen"
        return self.reason

    def __call__(self, net, history):
        if self.check(history):
            raise StopIteration(self.reason)


class Progress:
    """Shows a progress bar for the epoch, and the time left; only on a terminal.

    Its methods are an ``on_batch_finished`` and an ``on_epoch_finished`` handler. The latter comes
    before nolearn's table.

    Parameters
    ----------
    n_batches : int, of each epoch
    epochs : int, the last epoch's number
    stream : text file or None
        None for ``sys.stderr`` as it is when the training begins.
    """

    WIDTH = 20  # so that the line fits in 79 columns

    def __init__(self, n_batches, epochs, stream=None):
        self.n_batches, self.epochs = n_batches, epochs
        self.stream = sys.stderr if stream is None else stream
        self.batch, self.started, self.shown = 0, time.monotonic(), 0.0
        self.on_terminal = is_terminal(self.stream)

    def batch_finished(self, net, history):
        """Redraw the bar, at most ten times per second."""
        now = time.monotonic()
        self.batch += 1
        if not self.on_terminal or (now - self.shown < 0.1 and self.batch < self.n_batches):
            return
        self.shown = now
        done = min(self.batch / self.n_batches, 1.0)
        left = (now - self.started) / done - (now - self.started)
        bar = "#" * round(done * self.WIDTH)
        text = f"\repoch {len(history) + 1} [{bar:<{self.WIDTH}}] {clock(left)} left"
        seconds = [row["dur"] for row in history[-5:]]
        if seconds:
            rest = left + (self.epochs - len(history) - 1) * sum(seconds) / len(seconds)
            text += f", {clock(rest)} for all at most"
        self._write(text + "  ")

    def epoch_finished(self, net, history):
        """Erase the bar, so that nolearn's table can use the line."""
        if self.on_terminal:
            self._write("\r" + " " * 79 + "\r")
        self.batch, self.started = 0, time.monotonic()

    def _write(self, text):
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):  # closed, or the terminal is gone: train on without a bar
            self.on_terminal = False
