"""Keypoints read off maps, and the maps' distance from Gaussians (csrc/soft_argmax.h)."""
import theano
import theano.tensor as T
from theano.gradient import DisconnectedType, grad_undefined

from facekp.fused.cop import FusedOp, float32


def soft_argmax(x, places):
    """The mean place under each map's softmax (Nibali et al. 2018, arXiv 1801.07372).

    Parameters
    ----------
    x : float32 expression (n, maps, h, w)
    places : float32 array (h * w, 2)
        Of the maps' cells, row by row, in the unit that the result is to have.

    Returns
    -------
    float32 expression (n, 2 * maps): both coordinates of the first map, of the second ...
    """
    return SoftArgmax()(x, T.constant(places.T.copy()))


def divergence(x, gx, gy):
    """The Jensen-Shannon divergence of each map's softmax from a Gaussian, in nats.

    Nibali et al. 2018 (arXiv 1801.07372), section 3.3.

    Parameters
    ----------
    x : float32 expression (n, maps, h, w)
    gx : float32 expression (n, maps, w)
    gy : float32 expression (n, maps, h)
        The Gaussian's profiles, each of sum 1; it is their product.

    Returns
    -------
    float32 expression (n, maps)
    """
    return Divergence()(x, gx, gy)


class _MapsOp(FusedOp):
    headers = ("soft_argmax.h",)

    def grad(self, inputs, output_gradients):
        raise NotImplementedError("second derivatives of what maps say")


_PLACES = """
        In<float> x(%(x)s, 4, "x"), places(%(places)s, 2, "places");
        const int64_t size = x.dim(2) * x.dim(3);
        if (size == 0 || places.dim(0) != 2 || places.dim(1) != size)
          throw Failure("x has shape " + x.shape() + ", places " + places.shape() +
                        "; expected two coordinates of each cell");
        const int planes = int(x.dim(0) * x.dim(1));
        """


class SoftArgmax(_MapsOp):
    """x (n, k, h, w), places (2, h * w) -> (n, 2 * k)."""

    def make_node(self, x, places):
        x, places = float32(x, 4, "x"), float32(places, 2, "places")
        return theano.Apply(self, [x, places],
                            [T.TensorType("float32", (x.broadcastable[0], False))()])

    def infer_shape(self, node, shapes):
        return [(shapes[0][0], 2 * shapes[0][1])]

    def connection_pattern(self, node):
        return [[True], [False]]

    def grad(self, inputs, output_gradients):
        return [SoftArgmaxGradient()(*inputs, output_gradients[0]), DisconnectedType()()]

    def body(self, node, inputs, outputs):
        return _PLACES % {"x": inputs[0], "places": inputs[1]} + """
        soft_argmax(planes, size, x.data, places.data,
                    out<float>(&%s, {x.dim(0), 2 * x.dim(1)}), max_threads());
        """ % outputs[0]


class SoftArgmaxGradient(_MapsOp):
    """x, places, the gradient of what SoftArgmax gives -> that of x."""

    def make_node(self, x, places, gmeans):
        return theano.Apply(self, [x, places, float32(gmeans, 2, "gmeans")], [x.type()])

    def infer_shape(self, node, shapes):
        return shapes[:1]

    def body(self, node, inputs, outputs):
        return _PLACES % {"x": inputs[0], "places": inputs[1]} + """
        In<float> gmeans(%(gmeans)s, 2, "gmeans");
        if (gmeans.dim(0) != x.dim(0) || gmeans.dim(1) != 2 * x.dim(1))
          throw Failure("x has shape " + x.shape() + ", the means' gradient " + gmeans.shape());
        soft_argmax_gradient(planes, size, x.data, places.data, gmeans.data,
                             out_like<float>(&%(out)s, %(x)s), max_threads());
        """ % {"gmeans": inputs[2], "x": inputs[0], "out": outputs[0]}


_PROFILES = """
        In<float> x(%(x)s, 4, "x"), gx(%(gx)s, 3, "gx"), gy(%(gy)s, 3, "gy");
        for (int axis = 0; axis < 2; ++axis)
          if (gx.dim(axis) != x.dim(axis) || gy.dim(axis) != x.dim(axis))
            throw Failure("x has shape " + x.shape() + ", gx " + gx.shape() + ", gy " + gy.shape() +
                          "; expected as many profiles as maps");
        if (gx.dim(2) != x.dim(3) || gy.dim(2) != x.dim(2) || x.dim(2) * x.dim(3) == 0)
          throw Failure("x has shape " + x.shape() + ", gx " + gx.shape() + ", gy " + gy.shape() +
                        "; expected profiles of the maps' width and height");
        const int planes = int(x.dim(0) * x.dim(1)), h = int(x.dim(2)), w = int(x.dim(3));
        """


class Divergence(_MapsOp):
    """x (n, k, h, w), gx (n, k, w), gy (n, k, h) -> (n, k)."""

    def make_node(self, x, gx, gy):
        inputs = [float32(x, 4, "x"), float32(gx, 3, "gx"), float32(gy, 3, "gy")]
        return theano.Apply(self, inputs,
                            [T.TensorType("float32", inputs[0].broadcastable[:2])()])

    def infer_shape(self, node, shapes):
        return [shapes[0][:2]]

    def grad(self, inputs, output_gradients):
        return [DivergenceGradient()(*inputs, output_gradients[0])] + [
            grad_undefined(self, i, inputs[i], "nobody moves the Gaussians") for i in (1, 2)]

    def body(self, node, inputs, outputs):
        return _PROFILES % dict(zip(("x", "gx", "gy"), inputs)) + """
        divergence(planes, h, w, x.data, gx.data, gy.data, nullptr,
                   out<float>(&%s, {x.dim(0), x.dim(1)}), nullptr, max_threads());
        """ % outputs[0]


class DivergenceGradient(_MapsOp):
    """x, gx, gy, the gradient of what Divergence gives -> that of x."""

    def make_node(self, x, gx, gy, gjs):
        return theano.Apply(self, [x, gx, gy, float32(gjs, 2, "gjs")], [x.type()])

    def infer_shape(self, node, shapes):
        return shapes[:1]

    def body(self, node, inputs, outputs):
        return _PROFILES % dict(zip(("x", "gx", "gy"), inputs)) + """
        In<float> gjs(%(gjs)s, 2, "gjs");
        if (gjs.dim(0) != x.dim(0) || gjs.dim(1) != x.dim(1))
          throw Failure("x has shape " + x.shape() + ", the divergences' gradient " + gjs.shape());
        divergence(planes, h, w, x.data, gx.data, gy.data, gjs.data, nullptr,
                   out_like<float>(&%(out)s, %(x)s), max_threads());
        """ % {"gjs": inputs[3], "x": inputs[0], "out": outputs[0]}
