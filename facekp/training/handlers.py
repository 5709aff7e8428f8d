"""What happens while a net trains: callables ``(net, train_history)``, as nolearn has them.

nolearn calls the ``on_epoch_finished`` handlers in their order; the ones that stop the training
come last, after the checkpoint is on disk.
"""
import facekp.engine.ready  # noqa: F401  (readies Theano, Lasagne and nolearn)

import math
import re
import sys
import time

import numpy as np
from nolearn.lasagne import PrintLog

from facekp.errors import FolderError
from facekp.metrics import frozen_since, mse_to_px
from facekp.text import clock

FROZEN_EPOCHS = 20
"""A validation loss that stays the same to the last bit for so long comes from steps that change no
output any more, as those from gradients of 0. The epochs that are left would be hours that show a
straight line: figures and comparisons take them to be like the last one."""


class CleanLoss:
    """Adds the training loss without dropout noise, every few epochs, on a fixed part.

    nolearn's training loss is measured while the weights move, with dropout on; the validation
    loss is not. This one is comparable with it. Five epochs apart and on as many images as the
    validation set has, it costs less than 2 % of an epoch.

    Parameters
    ----------
    X : float32 array (n, 1, 96, 96)
    y : float32 array (n, 30), scaled
    every : int, epochs
    """

    def __init__(self, X, y, every=5):
        self.X, self.y, self.every = X, y, every

    def __call__(self, net, history):
        row = history[-1]
        row["train_loss_clean"] = float("nan")
        if row["epoch"] == 1 or row["epoch"] % self.every == 0:
            losses, sizes = [], []
            for Xb, yb in net.batch_iterator_test(self.X, self.y):
                losses.append(float(net.apply_batch_func(net.eval_iter_, Xb, yb)[0]))
                sizes.append(len(Xb))
            row["train_loss_clean"] = float(np.average(losses, weights=sizes))


class BestWeights:
    """Keeps the parameters of the epoch with the lowest validation loss.

    Attributes
    ----------
    epoch : int, 0 before the first
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


class Checkpoint:
    """Puts everything that is needed to go on in the run folder, after every epoch.

    The best weights are left out after an epoch that is itself the best: they are the parameters.

    Parameters
    ----------
    run : facekp.runs.folder.Run
    best : BestWeights

    Attributes
    ----------
    epochs : int, how many are on disk
    """

    def __init__(self, run, best):
        self.run, self.best = run, best
        self.epochs = 0

    def __call__(self, net, history):
        arrays = {f"state/{name}": variable.get_value(borrow=True)  # written, not kept
                  for name, variable in net.state().items()}
        if self.best.epoch != history[-1]["epoch"]:
            arrays.update({f"best/{name}": value for name, value in self.best.values.items()})
        self.run.save_checkpoint(arrays, {
            "history": [{key: value.item() if hasattr(value, "item") else value
                         for key, value in row.items()} for row in history],
            "batches_epoch": net.batch_iterator_train.epoch,
            "best_epoch": self.best.epoch, "best_loss": self.best.loss})
        self.epochs = len(history)
        self.run.write_history(history)

    def restore(self, net, warn):
        """Put the net and the handlers where the checkpoint left them.

        Parameters
        ----------
        net : KeypointNet
        warn : callable taking a str

        Returns
        -------
        bool, whether there was a checkpoint
        """
        found = self.run.load_checkpoint(warn)
        if found is None:
            return False
        arrays, meta = found
        state = net.state()
        self._check_fits(state, net.weights(), arrays, meta)
        for name, variable in state.items():
            variable.set_value(arrays[f"state/{name}"])
        net.train_history_ = meta["history"]
        self.epochs = len(net.train_history_)
        net.batch_iterator_train.epoch = meta["batches_epoch"]
        self.best.epoch, self.best.loss = meta["best_epoch"], meta["best_loss"]
        if self.best.epoch == net.train_history_[-1]["epoch"]:
            self.best.keep(net)
        else:
            self.best.values = {name[len("best/"):]: value for name, value in arrays.items()
                                if name.startswith("best/")}
        self.run.write_history(net.train_history_)  # a kill before it left the last row out
        return True

    def _check_fits(self, state, weights, arrays, meta):
        """Raise FolderError unless a checkpoint is whole and of this net.

        A checksum says nothing about that: the file may be another run's.
        """
        def form(values):
            return {name: (value.dtype, value.shape) for name, value in values.items()}

        variables = {f"state/{name}": variable for name, variable in state.items()}
        if any(name.startswith("best/") for name in arrays):  # no epoch is best of only NaN
            variables.update({f"best/{name}": weight for name, weight in weights.items()})
        expected = form({name: variable.get_value(borrow=True)
                         for name, variable in variables.items()})
        found = form(arrays)
        wrong = sorted(name for name in {**expected, **found}
                       if expected.get(name) != found.get(name))
        wrong += sorted({"history", "batches_epoch", "best_epoch", "best_loss"}.difference(meta))
        if wrong:
            raise FolderError(f"{self.run.checkpoint}: is another net's: {wrong[0]} does not fit "
                              f"(and {len(wrong) - 1} more); remove {self.run.folder}, or choose "
                              "another folder")


class EpochTable(PrintLog):
    """nolearn's table, a line an epoch; without colours where nobody would see them."""

    def table(self, nn, train_history):
        text = super().table(nn, train_history)
        return text if sys.stdout.isatty() else re.sub(r"\033\[\d+m", "", text)


class Stop:
    """Ends the training early: patience is over, the loss is no number any more, or the net has
    learned nothing, to the last bit, for :data:`FROZEN_EPOCHS`.

    Parameters
    ----------
    best : BestWeights
    patience : int or None
        Epochs without a better validation loss (paper, section 5.1: six); None never stops a net
        that still changes.

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
    """A bar inside the epoch with the time left, on a terminal; silent elsewhere.

    Used as both ``on_batch_finished`` and ``on_epoch_finished`` handler; before nolearn's table.

    Parameters
    ----------
    n_batches : int, batches an epoch
    epochs : int, the last epoch's number
    stream : text file
    """

    WIDTH = 20  # so that the line fits in 79 columns

    def __init__(self, n_batches, epochs, stream=sys.stderr):
        self.n_batches, self.epochs, self.stream = n_batches, epochs, stream
        self.batch, self.started, self.shown = 0, time.monotonic(), 0.0
        self.on_terminal = stream.isatty()

    def batch_finished(self, net, history):
        """Redraw the bar, ten times a second at most."""
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
        self.stream.write(text + "  ")
        self.stream.flush()

    def epoch_finished(self, net, history):
        """Wipe the bar, so that nolearn's table has the line."""
        if self.on_terminal:
            self.stream.write("\r" + " " * 79 + "\r")
            self.stream.flush()
        self.batch, self.started = 0, time.monotonic()
