"""2x2 max pooling by itself (csrc/max_pool.h), for images that something else reads besides."""
import theano

import theano.tensor as T

from facekp.fused.cop import FusedOp, float32


def max_pool(x):
    """The largest of each window of 2x2 pixels (stride 2, an odd last row or column dropped).

    Parameters
    ----------
    x : float32 expression (n, channels, h, w)

    Returns
    -------
    float32 expression (n, channels, h // 2, w // 2)
    """
    return MaxPool()(x)


class MaxPool(FusedOp):
    """x (n, f, h, w) -> y (n, f, h // 2, w // 2)."""

    headers = ("max_pool.h",)

    def make_node(self, x):
        x = float32(x, 4, "x")
        pattern = x.broadcastable[:2] + (False, False)
        return theano.Apply(self, [x], [T.TensorType("float32", pattern)()])

    def infer_shape(self, node, shapes):
        n, f, h, w = shapes[0]
        return [(n, f, h // 2, w // 2)]

    def grad(self, inputs, output_gradients):
        return [MaxPoolGradient()(inputs[0], output_gradients[0])]

    def body(self, node, inputs, outputs):
        return """
        In<float> x(%s, 4, "x");
        max_pool(int(x.dim(0) * x.dim(1)), int(x.dim(2)), int(x.dim(3)), x.data,
                 out<float>(&%s, {x.dim(0), x.dim(1), x.dim(2) / 2, x.dim(3) / 2}), max_threads());
        """ % (inputs[0], outputs[0])


class MaxPoolGradient(FusedOp):
    """x (n, f, h, w), gy (n, f, h // 2, w // 2) -> gx."""

    headers = ("max_pool.h",)

    def make_node(self, x, gy):
        return theano.Apply(self, [x, float32(gy, 4, "gy")], [x.type()])

    def infer_shape(self, node, shapes):
        return [shapes[0]]

    def grad(self, inputs, output_gradients):
        raise NotImplementedError("second derivatives of max pooling")

    def body(self, node, inputs, outputs):
        return """
        In<float> x(%(x)s, 4, "x"), gy(%(gy)s, 4, "gy");
        if (gy.dim(0) != x.dim(0) || gy.dim(1) != x.dim(1) || gy.dim(2) != x.dim(2) / 2 ||
            gy.dim(3) != x.dim(3) / 2)
          throw Failure("x has shape " + x.shape() + ", the output's gradient " + gy.shape());
        max_pool_gradient(int(x.dim(0) * x.dim(1)), int(x.dim(2)), int(x.dim(3)), x.data, gy.data,
                          out_like<float>(&%(gx)s, %(x)s), max_threads());
        """ % {"x": inputs[0], "gy": inputs[1], "gx": outputs[0]}
