"""The gradients of the convolutions in conv_ops.py, and what both share."""
import theano
import theano.tensor as T
from theano import scalar
from theano.gof.params_type import ParamsType
from theano.gradient import DisconnectedType

from facekp.fused.cop import FusedOp, float32

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
_KERNEL = """
if (s.kh != %(kernel)d || s.kw != %(kernel)d || s.pad >= %(kernel)d)
  throw Failure("W has shape " + W.shape() + ", pad is " + std::to_string(s.pad) +
                "; expected filters of %(kernel)dx%(kernel)d and less padding");
"""


class ConvOp(FusedOp):
    """What all share; the parameters are arguments of the compiled code, not part of it."""

    __props__ = ("pad", "needs_input_grad", "algorithm")
    params_type = ParamsType(pad=scalar.int64)
    pool = 1

    def __init__(self, pad, needs_input_grad, algorithm):
        self.pad = pad
        self.needs_input_grad = needs_input_grad
        self.algorithm = algorithm

    def __str__(self):
        return "%s{%s}" % (type(self).__name__, self.algorithm)

    @property
    def headers(self):
        return self.algorithm.headers[0]

    def shape(self, x, W):
        """C++ for x, W and the sizes, checked."""
        kernel = self.algorithm.kernel
        return _SHAPE % (x, W) + (_KERNEL % {"kernel": kernel} if kernel else "")

    def output(self, x, W):
        return T.TensorType("float32", (x.broadcastable[0], W.broadcastable[0], False, False))()

    def output_shape(self, x, W):
        """Of the pooled output, from the shapes of x and W."""
        rest, step = self.algorithm.stride - 1, self.algorithm.stride * self.pool
        rows, columns = ((x[i] + 2 * self.pad - W[i] + 1 + rest) // step for i in (2, 3))
        return x[0], W[0], rows, columns

    def output_sides(self):
        """The same rows and columns in C++."""
        rest, step = self.algorithm.stride - 1, self.algorithm.stride * self.pool
        return tuple("(s.out_%s() + %d) / %d" % (side, rest, step) for side in "hw")

    def gradients(self, gradient_op, inputs):
        """Its outputs, completed by the gradient towards x if that is not computed."""
        found = gradient_op(*inputs, return_list=True)
        return found if self.needs_input_grad else [DisconnectedType()()] + found


class _ConvGrad(ConvOp):
    """[gx], gW[, gb] from x, W, what the forward pass kept (`kept_types`), and gy."""

    kept_types = ()
    source = None  # C++ for the pre-activation's gradient, in terms of gy and kept
    has_bias = True

    @property
    def headers(self):
        return self.algorithm.headers[1]

    def make_node(self, x, W, *kept_and_gy):
        x, W = float32(x, 4, "x"), float32(W, 4, "W")
        gy = float32(kept_and_gy[-1], 4, "gy")
        outputs = [x.type()] * self.needs_input_grad + [W.type()]
        if self.has_bias:
            outputs.append(T.TensorType("float32", W.broadcastable[:1])())
        return theano.Apply(self, [x, W] + list(kept_and_gy[:-1]) + [gy], outputs)

    def function(self):
        """C++ for the function that computes it."""
        return self.algorithm.function("conv_backward")

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
        return self.shape(x, W) + kept + """
        In<float> gy(%s, 4, "gy");
        if (gy.dim(0) != s.n || gy.dim(1) != s.f || gy.dim(2) != %s ||
            gy.dim(3) != %s%s)
          throw Failure("gy has shape " + gy.shape() + ", x " + x.shape() + ", W " + W.shape() +
                        "; they do not belong together");
        %s(s, x.data, W.data, %s, %s, out_like<float>(&%s, %s), %s);
        """ % (gy, *self.output_sides(), " || kept.size() != gy.size()" if kept else "",
               self.function(), self.source, gx, outputs[0], W, gb)


class ConvReluPoolGrad(_ConvGrad):
    __props__ = ("pad", "needs_input_grad", "algorithm", "p")
    params_type = ParamsType(pad=scalar.int64, p=scalar.float64)
    pool = 2
    kept_types = ("uint8_t",)
    source = "PooledGradient{gy.data, kept.data, size_t(gy.size()), float(1 / (1 - params->p))}"

    def __init__(self, pad, needs_input_grad, algorithm, p):
        super(ConvReluPoolGrad, self).__init__(pad, needs_input_grad, algorithm)
        self.p = p

    @property
    def headers(self):
        return self.algorithm.pooled_backward[0]

    def function(self):
        return self.algorithm.pooled_backward[1]


class ConvReluGrad(_ConvGrad):
    kept_types = ("float",)
    source = "ReluGradient{gy.data, kept.data, size_t(gy.size())}"


class ConvLinearGrad(_ConvGrad):
    source = "LinearGradient{gy.data, size_t(gy.size())}"
    has_bias = False
