"""The outputs of nets that keep the contest's two labelling schemes apart (38 columns)."""
import facekp.engine.ready  # noqa: F401  (readies Theano and Lasagne)

import theano.tensor as T
from lasagne import init
from lasagne.layers import DenseLayer, Layer
from lasagne.nonlinearities import identity

from facekp.data.schemes import FOUR_COLUMNS
from facekp.errors import ConfigError
from facekp.keypoints import COLUMNS

WIDTH = len(COLUMNS) + len(FOUR_COLUMNS)
"""Columns of the targets: :func:`facekp.data.schemes.apart`."""


class SchemeInputLayer(Layer):
    r"""The output for both values of an input that says which scheme an image belongs to.

    With the scheme :math:`s` (0 or 1) as an input of the output layer, beside its features
    :math:`x`, the layer computes :math:`f(W x + b + v s)`. This layer takes :math:`W x + b`, and
    gives the 30 columns for :math:`s = 0`, then the 8 columns of the second scheme's keypoints for
    :math:`s = 1`.

    Parameters
    ----------
    incoming : Layer with output (n, 30)
    nonlinearity : callable, f
    v : the first values of v, as Lasagne takes them, shape (8,)
    """

    def __init__(self, incoming, nonlinearity, v=init.Constant(0.0), **kwargs):
        super().__init__(incoming, **kwargs)
        self.nonlinearity = nonlinearity
        self.v = self.add_param(v, (len(FOUR_COLUMNS),), name="v")

    def get_output_shape_for(self, input_shape):
        return input_shape[0], WIDTH

    def get_output_for(self, input, **kwargs):
        second = input[:, FOUR_COLUMNS] + self.v                          # (n, 8)
        return self.nonlinearity(T.concatenate([input, second], axis=1))  # (n, 38)


def use(net, heads):
    """Give a net the output that the setting `heads` names.

    Parameters
    ----------
    net : facekp.nets.net.KeypointNet, not initialized; its last layer is a DenseLayer
    heads : str, one of :data:`facekp.settings.HEADS`; ``"one"`` leaves the net as it is

    Raises
    ------
    ConfigError
        If the net has no dense output layer.
    """
    kind, options = net.layers[-1]
    if heads != "one" and not issubclass(kind, DenseLayer):
        raise ConfigError(f"heads: found {heads!r} for a net whose output is no dense layer, "
                          "expected 'one'; take another net to learn both schemes")
    if heads == "each":
        net.layers[-1] = kind, {**options, "num_units": WIDTH}
    elif heads == "input":
        net.layers[-1:] = [
            (kind, {**options, "nonlinearity": identity}),
            (SchemeInputLayer, {"name": "scheme", "nonlinearity": options["nonlinearity"]})]
