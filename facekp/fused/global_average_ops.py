"""Global average pooling (csrc/global_average.h)."""
import theano
import theano.tensor as T

from facekp.fused.cop import FusedOp, float32


def global_average(x):
    """The mean of each channel.

    Parameters
    ----------
    x : float32 expression (n, channels, h, w)

    Returns
    -------
    float32 expression (n, channels)
    """
    return GlobalAverage()(x)


class GlobalAverage(FusedOp):
    """x (n, f, h, w) -> y (n, f)."""

    headers = ("global_average.h",)

    def make_node(self, x):
        x = float32(x, 4, "x")
        return theano.Apply(self, [x], [T.TensorType("float32", x.broadcastable[:2])()])

    def infer_shape(self, node, shapes):
        return [shapes[0][:2]]

    def grad(self, inputs, output_gradients):
        return [GlobalAverageGradient()(inputs[0], output_gradients[0])]

    def body(self, node, inputs, outputs):
        return """
        In<float> x(%s, 4, "x");
        if (!x.size()) throw Failure("x has shape " + x.shape() + "; expected some numbers");
        global_average(int(x.dim(0) * x.dim(1)), x.dim(2) * x.dim(3), x.data,
                       out<float>(&%s, {x.dim(0), x.dim(1)}), max_threads());
        """ % (inputs[0], outputs[0])


class GlobalAverageGradient(FusedOp):
    """x (n, f, h, w), of which the shape counts alone, gy (n, f) -> gx."""

    headers = ("global_average.h",)

    def make_node(self, x, gy):
        return theano.Apply(self, [x, float32(gy, 2, "gy")], [x.type()])

    def infer_shape(self, node, shapes):
        return [shapes[0]]

    def grad(self, inputs, output_gradients):
        raise NotImplementedError("second derivatives of global average pooling")

    def body(self, node, inputs, outputs):
        return """
        In<float> gy(%(gy)s, 2, "gy");
        const npy_intp* dims = PyArray_DIMS(%(x)s);
        if (gy.dim(0) != dims[0] || gy.dim(1) != dims[1])
          throw Failure("x has shape " + shape_text(%(x)s) + ", the output's gradient " +
                        gy.shape());
        global_average_gradient(int(dims[0] * dims[1]), int64_t(dims[2]) * dims[3], gy.data,
                                out_like<float>(&%(gx)s, %(x)s), max_threads());
        """ % {"gy": inputs[1], "x": inputs[0], "gx": outputs[0]}
