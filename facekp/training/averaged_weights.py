"""Averaged weights: the exponential moving average of a net's weights over its training steps.

The weights of single steps move around a minimum, as each batch pulls them elsewhere; their average
is nearer to it (Polyak & Juditsky 1992). The average is made beside the training, which it does not
change by a bit.
"""
import facekp.engine.ready  # noqa: F401  (readies Theano, Lasagne and nolearn)

import contextlib

import numpy as np

from facekp.metrics import rmse_px
from facekp.nets.weights import save_weights
from facekp.training.handlers import mean_loss

PREFIXES = "averaged", "best averaged"
"""The names of the two sets of weights in a checkpoint."""


class AveragedWeights:
    r"""Handlers that average the weights after each step, and measure the average after each epoch.

    After t steps with the weights :math:`w_1, \dots, w_t` the average is

    .. math:: \bar w_t = \frac{\sum_k d^{t-k} w_k}{\sum_k d^{t-k}}

    with the part `d` that a step keeps. So the initial weights have no part in it. The running
    averages of batch normalization are averaged like the weights.

    Parameters
    ----------
    part : float, 0 < part < 1
        `average` of :class:`facekp.settings.Settings`.
    X : float32 array (n_valid, 1, 96, 96)
    y : float32 array (n_valid, 30), scaled
        The validation images.

    Attributes
    ----------
    steps : int
    values : dict of str -> float32 array, the average after the last step
    epoch, loss, best : the epoch at whose end the average had the lowest validation loss (0 before
        the first epoch), this loss, and the average at that time
    """

    def __init__(self, part, X, y):
        self.part, self.X, self.y = part, X, y
        self.steps, self.values = 0, {}
        self.epoch, self.loss, self.best = 0, float("inf"), {}

    def batch_finished(self, net, history):
        """Add the weights after a step to the average: an ``on_batch_finished`` handler."""
        self.steps += 1
        share = (1 - self.part) / (1 - self.part ** self.steps)  # 1 after the first step
        for name, parameter in net.weights().items():
            value = parameter.get_value(borrow=True)
            if self.steps == 1:
                self.values[name] = np.array(value)
            else:
                average = self.values[name]
                average += value.dtype.type(share) * (value - average)

    def epoch_finished(self, net, history):
        """Measure the average: an ``on_epoch_finished`` handler."""
        with using(net, self.values):
            loss = history[-1]["averaged_loss"] = mean_loss(net, self.X, self.y)
        if loss < self.loss:
            self.epoch, self.loss = history[-1]["epoch"], loss
            self.best = {name: value.copy() for name, value in self.values.items()}

    def arrays(self):
        """What a checkpoint holds of it: dict of str -> array."""
        return {f"{prefix}/{name}": value for prefix, values in zip(PREFIXES, (
            self.values, self.best)) for name, value in values.items()}

    def restore(self, arrays, history, n_batches):
        """Go on after the last epoch of a history, with the arrays of its checkpoint."""
        self.steps = len(history) * n_batches
        self.values, self.best = ({name[len(prefix) + 1:]: value for name, value in arrays.items()
                                   if name.startswith(f"{prefix}/")} for prefix in PREFIXES)
        for row in history:
            if row["averaged_loss"] < self.loss:
                self.epoch, self.loss = row["epoch"], row["averaged_loss"]

    def finish(self, run, net, data):
        """Save the best average; what summary.json says of it.

        Parameters
        ----------
        run : facekp.runs.folder.Run
        net : facekp.nets.net.KeypointNet
        data : facekp.training.split.Split

        Returns
        -------
        dict; nothing if no average had a finite loss
        """
        if not self.best:
            return {}
        save_weights(run.averaged_weights, self.best)
        with using(net, self.best):
            y_pred = net.predict_px(data.X_valid)
        return {"averaged_best_epoch": self.epoch,
                "averaged_valid_rmse_px": rmse_px(data.y_valid, y_pred)}


@contextlib.contextmanager
def using(net, values):
    """Give a net other weights for a while.

    Parameters
    ----------
    net : facekp.nets.net.KeypointNet
    values : dict of str -> float32 array, as :meth:`facekp.nets.net.KeypointNet.weights` names them
    """
    own = {name: parameter.get_value() for name, parameter in net.weights().items()}
    try:
        for name, parameter in net.weights().items():
            parameter.set_value(values[name])
        yield
    finally:
        for name, parameter in net.weights().items():
            parameter.set_value(own[name])
