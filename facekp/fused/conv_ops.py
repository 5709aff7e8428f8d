"""Direct convolutions with what follows them in one pass (csrc/conv_forward.h, conv_backward.h).

All convolve with stride 1 and flipped filters, as Lasagne does, any number of filters, channels,
rows and columns. Nothing is unfolded into columns for a matrix product, and of the outputs that
pooling drops only the gradient's mask byte is kept.
"""
import numpy as np
import theano
import theano.tensor as T
from theano import scalar
from theano.gof.params_type import ParamsType
from theano.gradient import DisconnectedType

from facekp.fused.cop import FusedOp, float32

NO_STATE = T.constant(np.zeros(0, dtype=np.int64), name="no dropout state")

# C++: the inputs x and W, and the sizes of the convolution
_SHAPE = """
In<float> x(%s, 4, "x"), W(%s, 4, "W");
const ConvShape s{int(x.dim(0)), int(x.dim(1)), int(x.dim(2)), int(x.dim(3)),
                  int(W.dim(0)), int(W.dim(2)), int(W.dim(3)), int(params->pad)};
if (W.dim(1) != s.c || !x.size() || !W.size() || s.out_h() < 1 || s.out_w() < 1)
  throw Failure("x has shape " + x.shape() + ", W " + W.shape() + ", pad is " +
                std::to_string(s.pad) + "; expected the same number of channels and a padded x " +
                "that is no smaller than W");
"""
_BIAS = """
In<float> b(%s, 1, "b");
if (b.dim(0) != s.f)
  throw Failure("b has shape " + b.shape() + ", W " + W.shape() +
                "; expected a number for each filter");
"""


class _ConvOp(FusedOp):
    """What the Ops share; the parameters are arguments of the compiled code, not part of it."""

    __props__ = ("pad", "needs_input_grad")
    params_type = ParamsType(pad=scalar.int64)
    headers = ("conv_forward.h",)
    pool = 1

    def __init__(self, pad, needs_input_grad):
        self.pad = pad
        self.needs_input_grad = needs_input_grad

    def output(self, x, W):
        return T.TensorType("float32", (x.broadcastable[0], W.broadcastable[0], False, False))()

    def output_shape(self, x, W):
        """Of the pooled output, from the shapes of x and W."""
        rows, columns = (x[i] + 2 * self.pad - W[i] + 1 for i in (2, 3))
        return x[0], W[0], rows // self.pool, columns // self.pool

    def gradients(self, gradient_op, inputs):
        """Its outputs, completed by the gradient towards x if that is not computed."""
        found = gradient_op(*inputs, return_list=True)
        return found if self.needs_input_grad else [DisconnectedType()()] + found


class ConvReluPool(_ConvOp):
    """y = dropout(max_pool_2x2(relu(conv(x, W) + b))), and in training the mask for the gradient.

    The mask is a byte for each pooled pixel that says which of its four outputs receive the
    gradient (see csrc/conv_forward.h). `state` is dropout's seed and step, or empty if p is 0.
    """

    __props__ = ("pad", "needs_input_grad", "p", "train")
    params_type = ParamsType(pad=scalar.int64, p=scalar.float64)
    pool = 2

    def __init__(self, pad, needs_input_grad, p, train):
        super(ConvReluPool, self).__init__(pad, needs_input_grad)
        self.p = p
        self.train = train

    def make_node(self, x, W, b, state):
        x, W, b = float32(x, 4, "x"), float32(W, 4, "W"), float32(b, 1, "b")
        y = self.output(x, W)
        mask = T.TensorType("uint8", y.broadcastable)()
        return theano.Apply(self, [x, W, b, state], [y, mask] if self.train else [y])

    def infer_shape(self, node, shapes):
        return [self.output_shape(*shapes[:2])] * len(node.outputs)

    def connection_pattern(self, node):
        return [[connected] + [False] * self.train
                for connected in (self.needs_input_grad, True, True, False)]

    def L_op(self, inputs, outputs, output_gradients):
        if not self.train:
            raise NotImplementedError("conv_relu_pool(train=False) keeps nothing for a gradient; "
                                      "use train=True, with p=0 for none of dropout's noise")
        x, W = inputs[:2]
        gradient = ConvReluPoolGrad(self.pad, self.needs_input_grad, self.p)
        return self.gradients(gradient, (x, W, outputs[1], output_gradients[0])) + [
            DisconnectedType()()]

    def body(self, node, inputs, outputs):
        x, W, b, state = inputs
        mask = "out<uint8_t>(&%s, {s.n, s.f, s.out_h() / 2, s.out_w() / 2})" % outputs[-1]
        return _SHAPE % (x, W) + _BIAS % b + """
        In<int64_t> state(%s, 1, "state");
        DropoutKey made, *key = nullptr;
        if (params->p > 0) {
          made = make_dropout_key(state.data[0], state.data[1], float(params->p));
          key = &made;
        }
        conv_relu_pool(s, x.data, W.data, b.data, key,
                       out<float>(&%s, {s.n, s.f, s.out_h() / 2, s.out_w() / 2}), %s);
        """ % (state, outputs[0], mask if self.train else "nullptr")


class ConvRelu(_ConvOp):
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
        return self.gradients(ConvReluGrad(self.pad, self.needs_input_grad),
                              (x, W, outputs[0], output_gradients[0]))

    def body(self, node, inputs, outputs):
        x, W, b = inputs
        return _SHAPE % (x, W) + _BIAS % b + """
        conv_relu(s, x.data, W.data, b.data,
                  out<float>(&%s, {s.n, s.f, s.out_h(), s.out_w()}));
        """ % outputs[0]


class ConvLinear(_ConvOp):
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
        return self.gradients(ConvLinearGrad(self.pad, self.needs_input_grad),
                              tuple(inputs) + (output_gradients[0],))

    def body(self, node, inputs, outputs):
        return _SHAPE % tuple(inputs) + """
        conv_linear(s, x.data, W.data, out<float>(&%s, {s.n, s.f, s.out_h(), s.out_w()}),
                    out<float>(&%s, {2, s.f}));
        """ % tuple(outputs)


class _ConvGrad(_ConvOp):
    """[gx], gW[, gb] from x, W, what the forward pass kept (`kept_types`), and gy."""

    headers = ("conv_backward.h",)
    kept_types = ()
    source = None  # C++ for the pre-activation's gradient, in terms of gy and kept
    has_bias = True

    def make_node(self, x, W, *kept_and_gy):
        x, W = float32(x, 4, "x"), float32(W, 4, "W")
        gy = float32(kept_and_gy[-1], 4, "gy")
        outputs = [x.type()] * self.needs_input_grad + [W.type()]
        if self.has_bias:
            outputs.append(T.TensorType("float32", W.broadcastable[:1])())
        return theano.Apply(self, [x, W] + list(kept_and_gy[:-1]) + [gy], outputs)

    def infer_shape(self, node, shapes):
        x, W = shapes[:2]
        return [x] * self.needs_input_grad + [W] + [(W[0],)] * self.has_bias

    def body(self, node, inputs, outputs):
        x, W, gy = inputs[0], inputs[1], inputs[-1]
        outputs = list(outputs)
        gx = gb = "nullptr"
        if self.needs_input_grad:
            gx = "out_like<float>(&%s, %s)" % (outputs.pop(0), x)
        if self.has_bias:
            gb = "out<float>(&%s, {s.f})" % outputs.pop()
        kept = "".join('In<%s> kept(%s, 4, "what the forward pass kept");' % pair
                       for pair in zip(self.kept_types, inputs[2:]))
        return _SHAPE % (x, W) + kept + """
        In<float> gy(%s, 4, "gy");
        if (gy.dim(0) != s.n || gy.dim(1) != s.f || gy.dim(2) != s.out_h() / %d ||
            gy.dim(3) != s.out_w() / %d%s)
          throw Failure("gy has shape " + gy.shape() + ", x " + x.shape() + ", W " + W.shape() +
                        "; they do not belong together");
        conv_backward(s, x.data, W.data, %s, %s, out_like<float>(&%s, %s), %s);
        """ % (gy, self.pool, self.pool, " || kept.size() != gy.size()" if kept else "",
               self.source, gx, outputs[0], W, gb)


class ConvReluPoolGrad(_ConvGrad):
    __props__ = ("pad", "needs_input_grad", "p")
    params_type = ParamsType(pad=scalar.int64, p=scalar.float64)
    pool = 2
    kept_types = ("uint8_t",)
    source = "PooledGradient{gy.data, kept.data, size_t(gy.size()), float(1 / (1 - params->p))}"

    def __init__(self, pad, needs_input_grad, p):
        super(ConvReluPoolGrad, self).__init__(pad, needs_input_grad)
        self.p = p


class ConvReluGrad(_ConvGrad):
    kept_types = ("float",)
    source = "ReluGradient{gy.data, kept.data, size_t(gy.size())}"


class ConvLinearGrad(_ConvGrad):
    source = "LinearGradient{gy.data, size_t(gy.size())}"
    has_bias = False


def conv_relu_pool(x, W, b, dropout_state=None, p=0.0, train=True, needs_input_grad=True, pad=0):
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
    """
    if not train:
        p = 0.0
    if p > 0 and dropout_state is None:
        raise ValueError("p is %r and dropout_state None; expected the layer's dropout_state" % p)
    state = dropout_state if p > 0 else NO_STATE
    outputs = ConvReluPool(int(pad), bool(needs_input_grad), float(p), bool(train))(
        x, W, b, state, return_list=True)
    return outputs[0]


def conv_relu(x, W, b, pad=0, needs_input_grad=True):
    """``relu(conv(x, W) + b)`` in one Op; see :func:`conv_relu_pool` for the parameters.

    Returns
    -------
    float32 expression (n, filters, h + 2 pad - kh + 1, w + 2 pad - kw + 1)
        A zero is -0.0 where the ReLU's argument was negative: the gradient reads it.
    """
    return ConvRelu(int(pad), bool(needs_input_grad))(x, W, b)


def conv_linear(x, W, pad=0, needs_input_grad=True):
    """``conv(x, W)`` and the statistics for a batch normalization that follows.

    See :func:`conv_relu_pool` for the parameters.

    Returns
    -------
    z : float32 expression (n, filters, h + 2 pad - kh + 1, w + 2 pad - kw + 1)
    stats : float32 expression (2, filters)
        Mean and biased variance of each filter's outputs over images, rows and columns. No
        gradient flows through it.
    """
    return ConvLinear(int(pad), bool(needs_input_grad))(x, W, return_list=True)
