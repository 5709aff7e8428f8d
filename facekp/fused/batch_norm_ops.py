"""Batch normalization with its ReLU and 2x2 max pooling, and their gradient (csrc/batch_norm.h)."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import numpy as np
import theano
import theano.tensor as T
from theano import scalar
from theano.compile import optdb
from theano.gof.opt import TopoOptimizer, local_optimizer
from theano.gof.params_type import ParamsType

from facekp.fused.cop import FusedOp, float32


def channel_stats(z):
    """Mean and biased variance of each channel, in one pass.

    Parameters
    ----------
    z : float32 expression (n, channels, h, w) or (n, channels)

    Returns
    -------
    float32 expression (2, channels) : means, then variances
        No gradient flows back from it: :func:`batch_norm_relu_pool` accounts for it.
    """
    return ChannelStats()(_as_planes(z))


def batch_norm_relu_pool(z, stats, gamma, beta, epsilon, pool=True, relu=True):
    """``pool(relu(gamma * (z - mean) / sqrt(var + epsilon) + beta))``, mean and var being z's own.

    Parameters
    ----------
    z : float32 expression (n, channels, h, w) or (n, channels)
    stats : float32 expression (2, channels)
        :func:`channel_stats` of `z`, or the same from the convolution that made `z`.
    gamma, beta : float32 expressions (channels,)
    epsilon : float
    pool : bool
        Whether 2x2 max pooling follows (stride 2, an odd last row or column dropped); 4-D only.
    relu : bool
        Whether ReLU follows.

    Returns
    -------
    float32 expression (n, channels, h // 2, w // 2), or like `z` without pooling
        Its gradient towards `z` is complete: it includes the way through mean and variance, and
        none flows to `stats`.

    Raises
    ------
    TypeError
        If an argument is not a float32 tensor of these dimensions, or `pool` with 2-D `z`.
    """
    z = T.as_tensor_variable(z)
    if pool and z.ndim != 4:
        raise TypeError("z is %s; expected a float32 tensor of 4 dimensions to pool" % z.type)
    y = BatchNorm(pool, relu)(_as_planes(z), stats, gamma, beta, np.float32(epsilon))
    return y if z.ndim == 4 else y.dimshuffle(3, 1)


def normalize(layer, z, stats, pool=False, relu=True):
    """A :class:`facekp.engine.layers.BatchNormLayer` in training, perhaps with ReLU and pooling.

    Functions that are computed from it update the layer's running averages, as those of the
    layer's own output do; here that is the same Op's work.

    Parameters
    ----------
    layer : BatchNormLayer
    z, stats, pool, relu : as in :func:`batch_norm_relu_pool`

    Returns
    -------
    float32 expression
    """
    y = updating_averages(layer, BatchNorm(pool, relu), _as_planes(z), stats)
    return y if z.ndim == 4 else y.dimshuffle(3, 1)


def updating_averages(layer, op, z, stats, *more):
    """``op(z, stats, gamma, beta, epsilon, *more)`` of a layer, whose running averages it updates.

    Parameters
    ----------
    layer : BatchNormLayer
    op : Op that takes the running averages and alpha as further inputs, and gives their next values
    z, stats, *more : expressions

    Returns
    -------
    expression, the op's first output
    """
    mean, var = (theano.clone(p, share_inputs=False) for p in (layer.mean, layer.var))
    y, mean.default_update, var.default_update = op(
        z, stats, layer.gamma, layer.beta, np.float32(layer.epsilon), *more, mean, var,
        np.float32(layer.alpha))
    return y


def running_stats(layer):
    """A layer's running averages in the form of :func:`channel_stats`, for evaluation."""
    return RunningStats()(layer.mean, layer.var)


def fold(layer, W):
    """Weights and bias that do a layer's work and its batch normalization's in deterministic mode.

    ``conv(x, W)`` normalized by the running averages is ``conv(x, W * a) + beta - mean * a`` with
    ``a = gamma / sqrt(var + epsilon)``.

    Parameters
    ----------
    layer : facekp.engine.layers.BatchNormLayer
    W : expression
        Weights of the layer before: (channels, ...) of a convolution or (inputs, channels) of a
        dense layer.

    Returns
    -------
    W, b : expressions
    """
    return Fold()(W, layer.gamma, layer.beta, layer.mean, layer.var, np.float32(layer.epsilon))


def _folded(W, gamma, beta, mean, var, epsilon, sqrt):
    """What :func:`fold` says, of numpy's arrays or Theano's expressions."""
    a = gamma / sqrt(var + epsilon)
    return W * (a.reshape((-1, 1, 1, 1)) if W.ndim == 4 else a), beta - mean * a


class Fold(theano.Op):
    """:func:`fold` by numpy: a handful of small arrays, as C code five modules to compile."""

    __props__ = ()

    def make_node(self, *inputs):
        inputs = [T.as_tensor_variable(v) for v in inputs]
        return theano.Apply(self, inputs, [inputs[0].type(), inputs[2].type()])

    def perform(self, node, inputs, outputs):
        for storage, value in zip(outputs, _folded(*inputs, sqrt=np.sqrt)):
            storage[0] = value

    def infer_shape(self, node, shapes):
        return [shapes[0], shapes[2]]

    def grad(self, inputs, output_grads):
        return T.Lop(list(_folded(*inputs, sqrt=T.sqrt)), inputs, output_grads,
                     disconnected_inputs="ignore")


class RunningStats(theano.Op):
    """mean (f,), var (f,) -> (2, f), by numpy: less to compile than Theano's own."""

    __props__ = ()

    def make_node(self, mean, var):
        return theano.Apply(self, [mean, var], [T.fmatrix()])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = np.stack(inputs)

    def infer_shape(self, node, shapes):
        return [(2, shapes[0][0])]


def _as_planes(z):
    """A dense layer's (n, channels) as the planes of one image: (1, channels, 1, n)."""
    z = T.as_tensor_variable(z)
    return z.dimshuffle("x", 1, "x", 0) if z.ndim == 2 else z


class ChannelStats(FusedOp):
    """z (n, f, h, w) -> (2, f): mean and biased variance of each channel."""

    headers = ("batch_norm_stats.h",)

    def make_node(self, z):
        return theano.Apply(self, [float32(z, 4, "z")], [T.fmatrix()])

    def infer_shape(self, node, shapes):
        return [(2, shapes[0][1])]

    def connection_pattern(self, node):
        return [[False]]

    def grad(self, inputs, output_grads):
        return [theano.gradient.DisconnectedType()()]

    def body(self, node, inputs, outputs):
        return """
        In<float> z(%s, 4, "z");
        const BatchNormShape s = {(int)z.dim(0), (int)z.dim(1), (int)z.dim(2), (int)z.dim(3)};
        if (!z.size()) throw Failure("z has shape " + z.shape() + "; expected some numbers");
        channel_stats(s, z.data, out<float>(&%s, {2, s.f}), max_threads());
        """ % (inputs[0], outputs[0])


class BatchNorm(FusedOp):
    """z (n, f, h, w), stats, gamma, beta, epsilon -> y, as :func:`batch_norm_relu_pool` says.

    With three more inputs, the running averages of mean and variance and alpha, their next values
    are two more outputs.

    Parameters
    ----------
    pool, relu : bool
    """

    __props__ = ("pool", "relu")
    params_type = ParamsType(pool=scalar.int64)  # data, so that all layers share compiled code
    headers = ("batch_norm.h", "in_place.h")

    def __init__(self, pool, relu):
        self.pool, self.relu = int(pool), int(relu)

    def _checked(self, z, stats, gamma, beta, epsilon):
        return [float32(z, 4, "z"), float32(stats, 2, "stats"), float32(gamma, 1, "gamma"),
                float32(beta, 1, "beta"), float32(epsilon, 0, "epsilon")]

    def make_node(self, *inputs):
        averages = [float32(v, ndim, name) for v, ndim, name
                    in zip(inputs[5:], (1, 1, 0), ("mean", "var", "alpha"))]
        inputs = self._checked(*inputs[:5])
        n, f, h, w = inputs[0].broadcastable
        pattern = (n, f, False, False) if self.pool else (n, f, h, w)
        return theano.Apply(self, inputs + averages, [T.TensorType("float32", pattern)()]
                            + [average.type() for average in averages[:2]])

    def infer_shape(self, node, shapes):
        n, f, h, w = shapes[0]
        return [(n, f, h // 2, w // 2) if self.pool else (n, f, h, w)] + shapes[5:7]

    def connection_pattern(self, node):
        others = [False] * (len(node.outputs) - 1)
        return [[connected] + others for connected in
                [True, False, True, True, False] + [False] * (len(node.inputs) - 5)]

    def grad(self, inputs, output_grads):
        gz, ggamma, gbeta = BatchNormGradient(self.pool, self.relu)(*inputs[:5] + output_grads[:1])
        disconnected = theano.gradient.DisconnectedType()
        return [gz, disconnected(), ggamma, gbeta] + [disconnected() for _ in inputs[4:]]

    def _prepare(self, z, stats, gamma, beta, epsilon):
        """C++ that checks shapes and defines `s`, `norm` and the size (ph, pw) of y's planes."""
        return """
        In<float> stats(%(stats)s, 2, "stats"), gamma(%(gamma)s, 1, "gamma");
        In<float> beta(%(beta)s, 1, "beta"), epsilon(%(epsilon)s, 0, "epsilon");
        const npy_intp* dims = PyArray_DIMS(%(z)s);
        const BatchNormShape s = {(int)dims[0], (int)dims[1], (int)dims[2], (int)dims[3]};
        if (stats.dim(0) != 2 || stats.dim(1) != s.f || gamma.dim(0) != s.f || beta.dim(0) != s.f)
          throw Failure("z has shape " + shape_text(%(z)s) + ", stats " + stats.shape() +
                        ", gamma " + gamma.shape() + ", beta " + beta.shape() +
                        "; expected (n, f, h, w), (2, f), (f,), (f,)");
        const std::vector<Norm> norm = norms(s.f, stats.data, gamma.data, beta.data, *epsilon.data);
        const int ph = params->pool ? s.h / 2 : s.h, pw = params->pool ? s.w / 2 : s.w;
        """ % {"z": z, "stats": stats, "gamma": gamma, "beta": beta, "epsilon": epsilon}

    def body(self, node, inputs, outputs):
        code = self._prepare(*inputs[:5]) + """
        In<float> z(%s, 4, "z");
        float* y = out<float>(&%s, {s.n, s.f, ph, pw});
        (params->pool ? batch_norm_forward<true, %d> : batch_norm_forward<false, %d>)(
            s, norm, z.data, y, max_threads());
        """ % (inputs[0], outputs[0], self.relu, self.relu)
        return code + (self._averages(inputs[5:], outputs[1:]) if len(outputs) > 1 else "")

    def _averages(self, inputs, outputs):
        """C++ that computes the next running averages."""
        return """
        In<float> mean(%s, 1, "mean"), var(%s, 1, "var"), alpha(%s, 0, "alpha");
        if (mean.dim(0) != s.f || var.dim(0) != s.f)
          throw Failure("the running averages have shapes " + mean.shape() + " and " + var.shape() +
                        ", stats " + stats.shape());
        running_averages(s, stats.data, *alpha.data, mean.data, var.data,
                         out<float>(&%s, {s.f}), out<float>(&%s, {s.f}));
        """ % (*inputs, *outputs)


class BatchNormGradient(BatchNorm):
    """z, stats, gamma, beta, epsilon, gy -> gz, ggamma, gbeta.

    Parameters
    ----------
    pool, relu : bool
    in_place : bool
        Overwrite z with gz. Set by :func:`gradient_in_place`.
    """

    __props__ = ("pool", "relu", "in_place")
    params_type = ParamsType(pool=scalar.int64, in_place=scalar.int64)

    def __init__(self, pool, relu, in_place=False):
        super().__init__(pool, relu)
        self.in_place = int(in_place)
        if in_place:
            self.destroy_map = {0: [0]}

    def make_node(self, *inputs):
        *inputs, gy = inputs
        inputs = self._checked(*inputs) + [float32(gy, 4, "gy")]
        return theano.Apply(self, inputs, [inputs[0].type(), T.fvector(), T.fvector()])

    def infer_shape(self, node, shapes):
        return [shapes[0], shapes[2], shapes[3]]

    def connection_pattern(self, node):
        return [[True] * 3] * 6

    def grad(self, inputs, output_grads):
        raise NotImplementedError("second derivatives of batch normalization")

    def body(self, node, inputs, outputs):
        *inputs, gy = inputs
        return self._prepare(*inputs) + """
        In<float> gy(%(gy)s, 4, "gy");
        if (gy.dim(0) != s.n || gy.dim(1) != s.f || gy.dim(2) != ph || gy.dim(3) != pw)
          throw Failure("z has shape " + shape_text(%(z)s) + ", the output's gradient " +
                        gy.shape());
        float* z = overwrite(&%(gz)s, %(z)s, params->in_place);
        (params->pool ? batch_norm_backward<true, %(relu)d> : batch_norm_backward<false, %(relu)d>)(
            s, norm, z, gy.data, z, out<float>(&%(ggamma)s, {s.f}), out<float>(&%(gbeta)s, {s.f}),
            max_threads());
        """ % {"gy": gy, "z": inputs[0], "gz": outputs[0], "ggamma": outputs[1],
               "gbeta": outputs[2], "relu": self.relu}


@local_optimizer([BatchNormGradient], inplace=True)
def gradient_in_place(node):
    """Let gz take over the memory of z, where nobody reads z later."""
    op = node.op
    if isinstance(op, BatchNormGradient) and not op.in_place:
        op = BatchNormGradient(op.pool, op.relu, in_place=True)
        return op(*node.inputs, return_list=True)
    return False


optdb.register("facekp_batch_norm_in_place",
               TopoOptimizer(gradient_in_place, failure_callback=TopoOptimizer.warn_inplace),
               75, "fast_run", "inplace")
