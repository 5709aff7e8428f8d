"""The end of a residual block: batch normalization, addition and ReLU (csrc/residual.h)."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import numpy as np
import theano
import theano.tensor as T
from theano import scalar
from theano.compile import optdb
from theano.gof.opt import TopoOptimizer, local_optimizer
from theano.gof.params_type import ParamsType
from theano.tensor.elemwise import Elemwise

from facekp.fused.batch_norm_ops import BatchNorm, updating_averages
from facekp.fused.cop import float32


def batch_norm_add_relu(z, stats, gamma, beta, epsilon, shortcut):
    """``relu(gamma * (z - mean) / sqrt(var + epsilon) + beta + shortcut)``.

    Parameters
    ----------
    z, shortcut : float32 expressions (n, channels, h, w)
    stats, gamma, beta, epsilon : as in :func:`facekp.fused.batch_norm_ops.batch_norm_relu_pool`

    Returns
    -------
    float32 expression like `z`
        A zero is -0.0 where the ReLU's argument was negative: the gradient reads it. The gradient
        towards `z` is complete, as if mean and var were computed here.
    """
    return BatchNormAddRelu()(z, stats, gamma, beta, np.float32(epsilon), shortcut)


def normalize_and_add(layer, z, stats, shortcut):
    """A :class:`facekp.engine.layers.BatchNormLayer` in training, an addition, and ReLU.

    The layer's running averages are updated as by
    :func:`facekp.fused.batch_norm_ops.normalize`.
    """
    return updating_averages(layer, BatchNormAddRelu(), z, stats, shortcut)


class BatchNormAddRelu(BatchNorm):
    """z (n, f, h, w), stats, gamma, beta, epsilon, shortcut -> y.

    With three more inputs, the running averages of mean and variance and alpha, their next values
    are two more outputs.
    """

    __props__ = ()
    params_type = ParamsType(pool=scalar.int64)
    headers = ("residual.h",)

    def __init__(self):
        super().__init__(pool=False, relu=True)

    def make_node(self, *inputs):
        inputs, shortcut, averages = inputs[:5], inputs[5], inputs[6:]
        inputs = self._checked(*inputs) + [float32(shortcut, 4, "shortcut")]
        averages = [T.as_tensor_variable(v) for v in averages]
        return theano.Apply(self, inputs + averages,
                            [inputs[0].type()] + [v.type() for v in averages[:2]])

    def infer_shape(self, node, shapes):
        return [shapes[0]] + shapes[6:8]

    def connection_pattern(self, node):
        others = [False] * (len(node.outputs) - 1)
        return [[connected] + others for connected in
                [True, False, True, True, False, True] + [False] * (len(node.inputs) - 6)]

    def L_op(self, inputs, outputs, output_grads):
        gz, ggamma, gbeta, gshortcut = BatchNormAddReluGradient()(
            *inputs[:5] + outputs[:1] + output_grads[:1])
        nothing = theano.gradient.DisconnectedType()
        return [gz, nothing(), ggamma, gbeta, nothing(), gshortcut] + [
            nothing() for _ in inputs[6:]]

    def grad(self, inputs, output_grads):
        raise NotImplementedError("L_op takes its place")

    def body(self, node, inputs, outputs):
        code = self._prepare(*inputs[:5]) + """
        In<float> z(%s, 4, "z"), shortcut(%s, 4, "shortcut");
        if (shortcut.shape() != z.shape())
          throw Failure("z has shape " + z.shape() + ", shortcut " + shortcut.shape());
        residual_forward(s, norm, z.data, shortcut.data, out<float>(&%s, {s.n, s.f, s.h, s.w}),
                         max_threads());
        """ % (inputs[0], inputs[5], outputs[0])
        return code + (self._averages(inputs[6:], outputs[1:]) if len(outputs) > 1 else "")


class BatchNormAddReluGradient(BatchNorm):
    """z, stats, gamma, beta, epsilon, y, gy[, more] -> gz, ggamma, gbeta, gshortcut.

    The outputs' gradient is ``gy + more``.

    Parameters
    ----------
    over_z, over_gy : bool
        Overwrite z with gz, gy with gshortcut. Set by :func:`over_z` and :func:`over_gy`.
    """

    __props__ = ("over_z", "over_gy")
    params_type = ParamsType(pool=scalar.int64, over_z=scalar.int64, over_gy=scalar.int64)
    headers = ("residual.h", "in_place.h")

    def __init__(self, over_z=False, over_gy=False):
        super().__init__(pool=False, relu=True)
        self.over_z, self.over_gy = int(over_z), int(over_gy)
        self.destroy_map = {output: [i] for output, i, wanted in (
            (0, 0, over_z), (3, 6, over_gy)) if wanted}

    def make_node(self, *inputs):
        inputs = self._checked(*inputs[:5]) + [
            float32(v, 4, name) for v, name in zip(inputs[5:], ("y", "gy", "more"))]
        return theano.Apply(self, inputs, [inputs[0].type(), T.fvector(), T.fvector(),
                                           inputs[0].type()])

    def infer_shape(self, node, shapes):
        return [shapes[0], shapes[2], shapes[3], shapes[0]]

    def connection_pattern(self, node):
        return [[True] * 4] * len(node.inputs)

    def grad(self, inputs, output_grads):
        raise NotImplementedError("second derivatives of batch normalization")

    def body(self, node, inputs, outputs):
        more = 'In<float> more(%s, 4, "more");' % inputs[7] if len(inputs) > 7 else ""
        return self._prepare(*inputs[:5]) + more + """
        In<float> y(%(y)s, 4, "y");
        const std::string shape = shape_text(%(z)s);
        if (y.shape() != shape || shape_text(%(gy)s) != shape%(check)s)
          throw Failure("z has shape " + shape + ", y " + y.shape() + ", its gradient " +
                        shape_text(%(gy)s));
        float* z = overwrite(&%(gz)s, %(z)s, params->over_z);
        float* gy = overwrite(&%(gshortcut)s, %(gy)s, params->over_gy);
        residual_backward(s, norm, z, y.data, gy, %(more)s, gy, z,
                          out<float>(&%(ggamma)s, {s.f}), out<float>(&%(gbeta)s, {s.f}),
                          max_threads());
        """ % {"z": inputs[0], "y": inputs[5], "gy": inputs[6], "gz": outputs[0],
               "ggamma": outputs[1], "gbeta": outputs[2], "gshortcut": outputs[3],
               "check": " || more.shape() != shape" if more else "",
               "more": "more.data" if more else "nullptr"}


@local_optimizer([BatchNormAddReluGradient])
def take_sum(node):
    """Let the Op itself add the gradients of y's two readers."""
    if not isinstance(node.op, BatchNormAddReluGradient) or len(node.inputs) > 7:
        return False
    gy = node.inputs[6]
    if gy.owner is None or not isinstance(gy.owner.op, Elemwise) or len(gy.clients) > 1 or (
            not isinstance(gy.owner.op.scalar_op, scalar.Add) or len(gy.owner.inputs) != 2
            or any(v.type != gy.type for v in gy.owner.inputs)):
        return False
    return node.op(*node.inputs[:6] + gy.owner.inputs, return_list=True)


@local_optimizer([BatchNormAddReluGradient], inplace=True)
def over_z(node):
    """Let gz take over the memory of z, where nobody reads z later."""
    op = node.op
    if isinstance(op, BatchNormAddReluGradient) and not op.over_z:
        return BatchNormAddReluGradient(True, op.over_gy)(*node.inputs, return_list=True)
    return False


@local_optimizer([BatchNormAddReluGradient], inplace=True)
def over_gy(node):
    """Let gshortcut take over the memory of gy, where nobody reads gy later."""
    op = node.op
    if isinstance(op, BatchNormAddReluGradient) and not op.over_gy:
        return BatchNormAddReluGradient(op.over_z, True)(*node.inputs, return_list=True)
    return False


optdb.register("facekp_residual_take_sum", TopoOptimizer(take_sum),
               48.9, "fast_run")  # before element-wise Ops are merged with others, at 49
for rewrite in (over_z, over_gy):
    optdb.register("facekp_residual_%s" % rewrite.__name__,
                   TopoOptimizer(rewrite, failure_callback=TopoOptimizer.warn_inplace),
                   75, "fast_run", "inplace")
