"""Join an image's channels, enlarged twice, with those of a larger one (csrc/upscale.h)."""
import theano
import theano.tensor as T

from facekp.fused.cop import FusedOp, float32


def upscale_concat(x, skip):
    """Each pixel of `x` four times, and the channels of `skip` after them.

    Parameters
    ----------
    x : float32 expression (n, deep, h, w)
    skip : float32 expression (n, flat, 2 * h, 2 * w)

    Returns
    -------
    float32 expression (n, deep + flat, 2 * h, 2 * w)
    """
    return UpscaleConcat()(x, skip)


_CHECK = """
        const npy_intp* dims = PyArray_DIMS(%(x)s);
        const npy_intp* large = PyArray_DIMS(%(skip)s);
        if (large[0] != dims[0] || large[2] != 2 * dims[2] || large[3] != 2 * dims[3])
          throw Failure("x has shape " + shape_text(%(x)s) + ", skip " + shape_text(%(skip)s) +
                        "; expected as many images, and twice the height and width");
        const int n = dims[0], deep = dims[1], flat = large[1], h = dims[2], w = dims[3];
        """


class UpscaleConcat(FusedOp):
    """x (n, f, h, w), skip (n, g, 2h, 2w) -> y (n, f + g, 2h, 2w)."""

    headers = ("upscale.h",)

    def make_node(self, x, skip):
        x, skip = float32(x, 4, "x"), float32(skip, 4, "skip")
        pattern = (x.broadcastable[0] and skip.broadcastable[0], False, False, False)
        return theano.Apply(self, [x, skip], [T.TensorType("float32", pattern)()])

    def infer_shape(self, node, shapes):
        (n, f, h, w), skip = shapes
        return [(n, f + skip[1], 2 * h, 2 * w)]

    def grad(self, inputs, output_gradients):
        return UpscaleConcatGradient()(*inputs, output_gradients[0])

    def body(self, node, inputs, outputs):
        return (_CHECK + """
        In<float> x(%(x)s, 4, "x"), skip(%(skip)s, 4, "skip");
        upscale_concat(n, deep, flat, h, w, x.data, skip.data,
                       out<float>(&%(y)s, {n, deep + flat, 2 * h, 2 * w}), max_threads());
        """) % {"x": inputs[0], "skip": inputs[1], "y": outputs[0]}


class UpscaleConcatGradient(FusedOp):
    """x, skip, of which the shapes count alone, gy -> gx, gskip."""

    headers = ("upscale.h",)

    def make_node(self, x, skip, gy):
        return theano.Apply(self, [x, skip, float32(gy, 4, "gy")], [x.type(), skip.type()])

    def infer_shape(self, node, shapes):
        return shapes[:2]

    def grad(self, inputs, output_gradients):
        raise NotImplementedError("second derivatives of an upscaling")

    def body(self, node, inputs, outputs):
        return (_CHECK + """
        In<float> gy(%(gy)s, 4, "gy");
        if (gy.dim(0) != n || gy.dim(1) != deep + flat || gy.dim(2) != 2 * h ||
            gy.dim(3) != 2 * w)
          throw Failure("x has shape " + shape_text(%(x)s) + ", skip " + shape_text(%(skip)s) +
                        ", the output's gradient " + gy.shape());
        upscale_concat_gradient(n, deep, flat, h, w, gy.data, out_like<float>(&%(gx)s, %(x)s),
                                out_like<float>(&%(gskip)s, %(skip)s), max_threads());
        """) % {"x": inputs[0], "skip": inputs[1], "gy": inputs[2], "gx": outputs[0],
                "gskip": outputs[1]}
