"""Convolutions with what follows them in one pass (conv_*.h, winograd*.h, pooled_*.h in csrc/).

All convolve with flipped filters, as Lasagne does, any number of filters, channels, rows and
columns, by one of the algorithms in conv_algorithms.py; with stride 1, or 2 where no pooling
follows. Nothing is unfolded into columns for a matrix product, and of the outputs that pooling
drops only the gradient's mask byte is kept.
"""
import numpy as np
import theano
import theano.tensor as T
from theano import scalar
from theano.gof.params_type import ParamsType
from theano.gradient import DisconnectedType

from facekp.fused.conv_algorithms import DIRECT
from facekp.fused.conv_gradient_ops import (ConvLinearGrad, ConvOp, ConvReluGrad,
                                            ConvReluPoolGrad)
from facekp.fused.cop import float32

NO_STATE = T.constant(np.zeros(0, dtype=np.int64), name="no dropout state")

_BIAS = """
In<float> b(%s, 1, "b");
if (b.dim(0) != s.f)
  throw Failure("b has shape " + b.shape() + ", W " + W.shape() +
                "; expected a number for each filter");
"""


class ConvReluPool(ConvOp):
    """y = dropout(max_pool_2x2(relu(conv(x, W) + b))), and in training the mask for the gradient.

    The mask is a byte for each pooled pixel that says which of its four outputs receive the
    gradient (see csrc/conv_epilogues.h); without `train` it is empty, so that training and
    evaluation share the compiled code. `state` is dropout's seed and step, or empty if p is 0.
    """

    __props__ = ("pad", "needs_input_grad", "algorithm", "p", "train")
    params_type = ParamsType(pad=scalar.int64, p=scalar.float64, train=scalar.int64)
    pool = 2

    def __init__(self, pad, needs_input_grad, algorithm, p, train):
        super(ConvReluPool, self).__init__(pad, needs_input_grad, algorithm)
        self.p = p
        self.train = int(train)

    def make_node(self, x, W, b, state):
        x, W, b = float32(x, 4, "x"), float32(W, 4, "W"), float32(b, 1, "b")
        y = self.output(x, W)
        mask = T.TensorType("uint8", y.broadcastable)()
        return theano.Apply(self, [x, W, b, state], [y, mask])

    def infer_shape(self, node, shapes):
        y = self.output_shape(*shapes[:2])
        return [y, y if self.train else y[:2] + (0,) + y[3:]]

    def connection_pattern(self, node):
        return [[connected, False] for connected in (self.needs_input_grad, True, True, False)]

    def L_op(self, inputs, outputs, output_gradients):
        if not self.train:
            raise NotImplementedError("conv_relu_pool(train=False) keeps nothing for a gradient; "
                                      "use train=True, with p=0 for none of dropout's noise")
        x, W = inputs[:2]
        gradient = ConvReluPoolGrad(self.pad, self.needs_input_grad, self.algorithm, self.p)
        return self.gradients(gradient, (x, W, outputs[1], output_gradients[0])) + [
            DisconnectedType()()]

    def body(self, node, inputs, outputs):
        x, W, b, state = inputs
        return self.shape(x, W) + _BIAS % b + """
        In<int64_t> state(%s, 1, "state");
        DropoutKey made, *key = nullptr;
        if (params->p > 0) {
          made = make_dropout_key(state.data[0], state.data[1], float(params->p));
          key = &made;
        }
        const int rows = params->train ? s.out_h() / 2 : 0;
        uint8_t* mask = out<uint8_t>(&%s, {s.n, s.f, rows, s.out_w() / 2});
        %s(s, x.data, W.data, b.data, key,
           out<float>(&%s, {s.n, s.f, s.out_h() / 2, s.out_w() / 2}), rows ? mask : nullptr);
        """ % (state, outputs[1], self.algorithm.function("conv_relu_pool"), outputs[0])


class ConvRelu(ConvOp):
    """y = relu(conv(x, W) + b). The sign of a zero in y keeps what the gradient needs to know."""

    def make_node(self, x, W, b):
        x, W, b = float32(x, 4, "x"), float32(W, 4, "W"), float32(b, 1, "b")
        return theano.Apply(self, [x, W, b], [self.output(x, W)])

    def infer_shape(self, node, shapes):
        return [self.output_shape(*shapes[:2])]

    def connection_pattern(self, node):
        return [[self.needs_input_grad], [True], [True]]

    def L_op(self, inputs, outputs, output_gradients):
        x, W = inputs[:2]
        return self.gradients(ConvReluGrad(self.pad, self.needs_input_grad, self.algorithm),
                              (x, W, outputs[0], output_gradients[0]))

    def body(self, node, inputs, outputs):
        x, W, b = inputs
        return self.shape(x, W) + _BIAS % b + """
        %s(s, x.data, W.data, b.data, out<float>(&%s, {s.n, s.f, %s, %s}));
        """ % (self.algorithm.function("conv_relu"), outputs[0], *self.output_sides())


class ConvLinear(ConvOp):
    """z = conv(x, W), and stats (2, filters): mean and biased variance of each filter's outputs."""

    def make_node(self, x, W):
        x, W = float32(x, 4, "x"), float32(W, 4, "W")
        stats = T.TensorType("float32", (False, W.broadcastable[0]))()
        return theano.Apply(self, [x, W], [self.output(x, W), stats])

    def infer_shape(self, node, shapes):
        return [self.output_shape(*shapes), (2, shapes[1][0])]

    def connection_pattern(self, node):
        return [[self.needs_input_grad, False], [True, False]]

    def L_op(self, inputs, outputs, output_gradients):
        return self.gradients(ConvLinearGrad(self.pad, self.needs_input_grad, self.algorithm),
                              tuple(inputs) + (output_gradients[0],))

    def body(self, node, inputs, outputs):
        return self.shape(*inputs) + """
        %s(s, x.data, W.data, out<float>(&%s, {s.n, s.f, %s, %s}),
           out<float>(&%s, {2, s.f}));
        """ % (self.algorithm.function("conv_linear"), outputs[0], *self.output_sides(),
               outputs[1])


def conv_relu_pool(x, W, b, dropout_state=None, p=0.0, train=True, needs_input_grad=True, pad=0,
                   algorithm=DIRECT):
    """``dropout(max_pool_2x2(relu(conv(x, W) + b)))`` in one Op.

    Parameters
    ----------
    x : float32 expression (n, channels, h, w)
    W : float32 expression (filters, channels, kh, kw)
    b : float32 expression (filters,)
    dropout_state : int64 expression (2,), optional
        The layer's seed and step (:func:`facekp.fused.dropout_ops.dropout_state`).
    p : float
        Probability of dropping a pooled pixel, 0 <= p < 1. Without `train` nothing is dropped.
    train : bool
        False for evaluation: nothing is kept for a gradient, and asking for one raises
        NotImplementedError.
    needs_input_grad : bool
        False where no one will ask for the gradient with respect to `x`; it is then not computed.
    pad : int
        Zeros on all four sides of the images.
    algorithm : facekp.fused.conv_algorithms.Algorithm

    Returns
    -------
    float32 expression (n, filters, (h + 2 pad - kh + 1) // 2, (w + 2 pad - kw + 1) // 2)
        Pooling drops an odd last row or column.

    Raises
    ------
    TypeError
        If `x`, `W` or `b` is not a float32 tensor of these dimensions.
    ValueError
        If `p` is positive without a `dropout_state`.

    Notes
    -----
    Winograd's transforms round differently from a direct sum: outputs are within about 3e-6 (root
    mean square) of a float64 reference, relative to its root mean square, where a direct sum, as
    the gradients are with `algorithm.sparse`, has about 3e-7. The gradient follows Theano's rules:
    half of it passes at a pre-activation of exactly 0, and each element of a pooling window that
    equals the largest receives all of it. Which pre-activations are exactly equal or 0 is a matter
    of rounding, except on data for which the transforms are exact (whole numbers, with W and the
    gradient multiples of 24 * 24, for 2x2 filters 6 * 6, for 5x5 filters 90 * 90 and few of them
    not 0): there all results have the bits of stock Theano. With Winograd's algorithm any number
    of threads gives the same bits.

    References
    ----------
    Lavin and Gray 2015, Fast Algorithms for Convolutional Neural Networks, arXiv 1509.09308.
    """
    if not train:
        p = 0.0
    if p > 0 and dropout_state is None:
        raise ValueError("p is %r and dropout_state None; expected the layer's dropout_state" % p)
    state = dropout_state if p > 0 else NO_STATE
    op = ConvReluPool(int(pad), bool(needs_input_grad), algorithm, float(p), train)
    outputs = op(x, W, b, state, return_list=True)
    return outputs[0]


def conv_relu(x, W, b, pad=0, needs_input_grad=True, algorithm=DIRECT):
    """``relu(conv(x, W) + b)`` in one Op; see :func:`conv_relu_pool` for the parameters.

    Returns
    -------
    float32 expression (n, filters, h + 2 pad - kh + 1, w + 2 pad - kw + 1)
        With a stride of 2 half of the rows and columns, rounded up. A zero is
        -0.0 where the ReLU's argument was negative: the gradient reads it.
    """
    return ConvRelu(int(pad), bool(needs_input_grad), algorithm)(x, W, b)


def conv_linear(x, W, pad=0, needs_input_grad=True, algorithm=DIRECT):
    """``conv(x, W)`` and the statistics for a batch normalization that follows.

    See :func:`conv_relu_pool` for the parameters.

    Returns
    -------
    z : float32 expression (n, filters, h + 2 pad - kh + 1, w + 2 pad - kw + 1)
        With a stride of 2 half of the rows and columns, rounded up.
    stats : float32 expression (2, filters)
        Mean and biased variance of each filter's outputs over images, rows and columns. No
        gradient flows through it.
    """
    return ConvLinear(int(pad), bool(needs_input_grad), algorithm)(x, W, return_list=True)
