"""3x3 convolution, padded to keep the size, with bias, ReLU and max pooling: VGG's layers.

Computed by Winograd's F(4x4, 3x3) (csrc/winograd.h), with a quarter of the multiplications.
"""
import theano
import theano.tensor as T
from theano.gradient import DisconnectedType

from facekp.fused.cop import FusedOp, float32


class _WinogradOp(FusedOp):
    """What the two Ops share: whether a 2x2 max pool follows, and the shapes in C++."""

    __props__ = ("pool", "needs_input_grad")
    headers = ("winograd.h", "winograd_weights.h")

    def __init__(self, pool, needs_input_grad):
        self.pool = pool
        self.needs_input_grad = needs_input_grad

    def pooled(self, size):
        return size // 2 if self.pool else size

    def shapes(self, x, W):
        """C++ for the inputs x and W, checked, and the shapes `in` and `conv` (before a pool)."""
        return """
        using namespace facekp::winograd;
        In<float> x(%s, 4, "x"), W(%s, 4, "W");
        if (W.dim(1) != x.dim(1) || W.dim(2) != 3 || W.dim(3) != 3 || !x.size() || !W.size())
          throw Failure("x has shape " + x.shape() + ", W " + W.shape() + "; expected x (n, c, " +
                        "h, w) and W (filters, c, 3, 3), both not empty");
        const Images in{int(x.dim(0)), int(x.dim(1)), int(x.dim(2)), int(x.dim(3))};
        const Images conv = in.with_channels(int(W.dim(0))), y_shape = %s;
        const int threads = omp_get_max_threads();
        """ % (x, W, "conv.halved()" if self.pool else "conv")


class Conv3x3Relu(_WinogradOp):
    """y = relu(conv(x, W) + b); with `pool` max pooled, and the bytes that the gradient needs.

    The bytes (see Unpooled in csrc/winograd_pixels.h) have shape (n, tile rows, tile columns, 4,
    filters), a tile being 4x4 pixels.
    """

    def make_node(self, x, W, b):
        x, W, b = float32(x, 4, "x"), float32(W, 4, "W"), float32(b, 1, "b")
        outputs = [T.TensorType("float32", (x.broadcastable[0], False, False, False))()]
        if self.pool:
            outputs.append(T.TensorType("uint8", (False,) * 5)())
        return theano.Apply(self, [x, W, b], outputs)

    def infer_shape(self, node, shapes):
        (n, _, height, width), (filters, _, _, _), _ = shapes
        y = (n, filters, self.pooled(height), self.pooled(width))
        mask = (n, (height + 3) // 4, (width + 3) // 4, 4, filters)
        return [y, mask] if self.pool else [y]

    def connection_pattern(self, node):
        return [[needed] + [False] * self.pool for needed in (self.needs_input_grad, True, True)]

    def L_op(self, inputs, outputs, output_gradients):
        x, W, _ = inputs
        gradients = Conv3x3ReluGrad(self.pool, self.needs_input_grad)(
            x, W, outputs[-1], output_gradients[0], return_list=True)
        return gradients if self.needs_input_grad else [DisconnectedType()()] + gradients

    def body(self, node, inputs, outputs):
        return self.shapes(*inputs[:2]) + """
        In<float> b(%(b)s, 1, "b");
        if (b.dim(0) != W.dim(0))
          throw Failure("b has shape " + b.shape() + ", W " + W.shape() +
                        "; expected a number for each filter");
        float* y = out<float>(&%(y)s, {y_shape.images, y_shape.channels, y_shape.height,
                                       y_shape.width});
        const ForwardFilters filters{W.data, conv.channels, in.channels};
        %(convolve)s
        """ % {"b": inputs[2], "y": outputs[0], "convolve": self._convolve(outputs)}

    def _convolve(self, outputs):
        if not self.pool:
            return "convolve(Values{x.data, in}, filters, BiasRectify{b.data, y, conv}, threads);"
        return """
        uint8_t* mask = out<uint8_t>(&%s, {conv.images, conv.tile_rows(), conv.tile_columns(), 4,
                                           conv.channels});
        convolve(Values{x.data, in}, filters, BiasRectifyPool{b.data, y, mask, conv}, threads);
        """ % outputs[1]


class Conv3x3ReluGrad(_WinogradOp):
    """[gx], gW, gb from x, W, what the forward kept (y, or the pool's bytes) and gy."""

    def make_node(self, x, W, kept, gy):
        x, W, gy = float32(x, 4, "x"), float32(W, 4, "W"), float32(gy, 4, "gy")
        gb = T.TensorType("float32", W.broadcastable[:1])()
        outputs = [x.type()] * self.needs_input_grad + [W.type(), gb]
        return theano.Apply(self, [x, W, kept, gy], outputs)

    def infer_shape(self, node, shapes):
        x, W = shapes[:2]
        return [x] * self.needs_input_grad + [W, (W[0],)]

    def body(self, node, inputs, outputs):
        x, W, kept, gy = inputs
        gW, gb = outputs[-2:]
        return self.shapes(x, W) + """
        In<%(kept_type)s> kept(%(kept)s, %(kept_ndim)d, "what the forward kept");
        In<float> gy(%(gy)s, 4, "gy");
        if (gy.dim(0) != y_shape.images || gy.dim(1) != y_shape.channels ||
            gy.dim(2) != y_shape.height || gy.dim(3) != y_shape.width ||
            kept.size() != %(kept_size)s)
          throw Failure("gy " + gy.shape() + " and what the forward kept " + kept.shape() +
                        " do not belong to x " + x.shape() + " and W " + W.shape());
        const %(source)s gradient{gy.data, kept.data, conv};
        %(input_gradient)s
        weight_gradient(Values{x.data, in}, gradient, out_like<float>(&%(gW)s, %(W)s),
                        out<float>(&%(gb)s, {conv.channels}), threads);
        """ % {"kept": kept, "gy": gy, "W": W, "gW": gW, "gb": gb,
               "kept_type": "uint8_t" if self.pool else "float",
               "kept_ndim": 5 if self.pool else 4,
               "kept_size": "int64_t(conv.tiles()) * 4 * conv.channels" if self.pool
                            else "gy.size()",
               "source": "Unpooled" if self.pool else "Rectified",
               "input_gradient": self._input_gradient(x, outputs)}

    def _input_gradient(self, x, outputs):
        if not self.needs_input_grad:
            return ""
        return """
        convolve(gradient, BackwardFilters{W.data, conv.channels, in.channels},
                 Plain{out_like<float>(&%s, %s), in}, threads);
        """ % (outputs[0], x)


def conv3x3_relu(x, W, b, pool=False, needs_input_grad=True):
    """3x3 convolution with padding 1, bias and ReLU, and 2x2 max pooling on request, in one Op.

    Parameters
    ----------
    x : float32 expression (n, channels, height, width)
        Any sizes but 0.
    W : float32 expression (filters, channels, 3, 3)
        Applied flipped, as Lasagne's Conv2DLayer does by default.
    b : float32 expression (filters,)
    pool : bool
        Whether a 2x2 max pool of stride 2 follows; an odd last row or column is dropped.
    needs_input_grad : bool
        False where no gradient with respect to `x` will be asked for (the net's input).

    Returns
    -------
    float32 expression (n, filters, height, width), the last two halved with `pool`
        Where the pre-activation is exactly zero the result is -0.0, which equals 0: the sign tells
        the gradient apart from a negative pre-activation.

    Notes
    -----
    Winograd's transforms round differently from a direct sum: outputs and gradients are within
    about 2e-6 (root mean square) of a float64 reference, relative to its root mean square, where a
    direct sum has about 3e-7. The gradient follows Theano's rules: half of it passes at a
    pre-activation of exactly 0, and each element of a pooling window that equals the largest
    receives all of it. Which pre-activations are exactly equal or 0 is a matter of rounding, except
    on data for which the transforms are exact (whole numbers, with W and the gradient multiples of
    24 * 24): there all results have the bits of stock Theano. Any number of threads gives the
    same bits.

    References
    ----------
    Lavin and Gray 2015, Fast Algorithms for Convolutional Neural Networks, arXiv 1509.09308.
    """
    return Conv3x3Relu(bool(pool), bool(needs_input_grad))(x, W, b, return_list=True)[0]
