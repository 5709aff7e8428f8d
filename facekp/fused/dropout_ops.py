"""Dropout whose mask is computed from (seed, step, element) and never stored."""
import numpy as np
import theano
from theano import scalar
from theano.gof.params_type import ParamsType
from theano.gradient import DisconnectedType

from facekp.fused.cop import FusedOp, float32


class Dropout(FusedOp):
    """x * factor, with factor = 1 / (1 - p) for kept elements and 0 for dropped ones.

    The gradient is the same Op applied to the output's gradient: it finds the same mask again,
    since it reads the same state.
    """

    __props__ = ("p",)
    params_type = ParamsType(p=scalar.float64)
    headers = ("dropout.h",)

    def __init__(self, p):
        self.p = p

    def make_node(self, x, state):
        x = theano.tensor.as_tensor_variable(x)
        x = float32(x, x.ndim, "x")
        return theano.Apply(self, [x, state], [x.type()])

    def infer_shape(self, node, shapes):
        return [shapes[0]]

    def connection_pattern(self, node):
        return [[True], [False]]

    def grad(self, inputs, output_gradients):
        return [self(output_gradients[0], inputs[1]), DisconnectedType()()]

    def body(self, node, inputs, outputs):
        return """
        In<float> x(%(x)s, ANY_NDIM, "x");
        In<int64_t> state(%(state)s, 1, "state");
        float* y = out_like<float>(&%(y)s, %(x)s);
        const DropoutKey key = make_dropout_key(state.data[0], state.data[1], params->p);
        apply_dropout(key, x.data, y, x.size());
        """ % {"x": inputs[0], "state": inputs[1], "y": outputs[0]}


def dropout(x, state, p):
    """Drop elements of ``x``.

    Parameters
    ----------
    x : float32 expression of any shape
    state : int64 expression (2,)
        Seed and step (see `dropout_state`).
    p : float
        Probability of dropping an element, 0 <= p < 1.

    Returns
    -------
    expression like `x`
        ``x / (1 - p)`` where kept, 0 where dropped. Elements are kept according to their flat
        index in `x`, so that the mask is the same for any number of threads.
    """
    return Dropout(float(p))(x, state)


def dropout_state(layer):
    """The random state of a DropoutLayer: a shared variable that each training step advances.

    It is made once for a layer, from the seed that the layer's own generator drew from Lasagne's
    at construction: it is determined by ``lasagne.random.set_rng`` and the order of the layers.

    Parameters
    ----------
    layer : lasagne.layers.DropoutLayer

    Returns
    -------
    int64 shared variable (2,)
        Seed and step; its ``default_update`` adds 1 to the step in every function whose outputs
        depend on it. A checkpoint that saves it goes on with the masks that would have come.
    """
    if not hasattr(layer, "fused_state"):
        seed = int(layer._srng.rstate[0])
        state = theano.shared(np.array([seed, 0], dtype=np.int64),
                              name="%s.state" % (layer.name or "dropout"))
        state.default_update = state + np.array([0, 1], dtype=np.int64)
        layer.fused_state = state
    return layer.fused_state
