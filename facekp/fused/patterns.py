"""Which chains of Lasagne layers become which fused Op: the one place that says so.

Each row of `PATTERNS` is a chain of ordinary layers and the function that builds its Op. A layer is
recognised by its exact class and the options its test asks for; a subclass, another stride, a
tensor as dropout's p, weights that are not float32 and whatever else a test does not name runs the
layer's own ``get_output_for``.
"""
import facekp.engine.ready  # noqa: F401  (readies Theano and Lasagne)

from collections import namedtuple

import theano.tensor as T
from lasagne.layers import (Conv2DLayer, DenseLayer, DropoutLayer, ElemwiseSumLayer,
                            GlobalPoolLayer, MaxPool2DLayer, NonlinearityLayer, Pool2DLayer)
from lasagne.nonlinearities import identity, linear, rectify, tanh

from facekp.engine.layers import BatchNormLayer, SoftArgmaxLayer, UpscaleConcatLayer


# Tests: what a layer has to be to stand at a place of a chain.

def _float32(*parameters):
    return all(p is None or p.dtype == "float32" for p in parameters)


def convolution(layer):
    """Conv2DLayer with stride 1 or 2, the same padding on all sides, tied biases."""
    return (type(layer) is Conv2DLayer and layer.stride in ((1, 1), (2, 2))
            and not layer.untie_biases and layer.convolution is T.nnet.conv2d
            and _float32(layer.W, layer.b) and padding(layer) is not None)


def padding(layer):
    """Rows and columns of zeros around a Conv2DLayer's input, None if sides or axes differ."""
    if layer.pad in ("same", "full"):
        full = layer.pad == "full"
        pads = [size - 1 if full else (size - 1) / 2 for size in layer.filter_size]
    else:
        pads = list(layer.pad)
    return int(pads[0]) if pads[0] == pads[1] == int(pads[0]) else None


def conv_relu(layer):
    return convolution(layer) and layer.b is not None and layer.nonlinearity is rectify


def conv_relu_to_pool(layer):
    return conv_relu(layer) and layer.stride == (1, 1)


def conv_linear(layer):
    return convolution(layer) and layer.b is None and layer.nonlinearity in (identity, linear)


def conv_linear_to_pool(layer):
    return conv_linear(layer) and layer.stride == (1, 1)


def pool_2x2(layer):
    return (type(layer) in (MaxPool2DLayer, Pool2DLayer) and layer.mode == "max"
            and layer.pool_size == layer.stride == (2, 2) and layer.pad == (0, 0)
            and layer.ignore_border)


def dropout(layer):
    return (type(layer) is DropoutLayer and layer.rescale
            and isinstance(layer.p, (int, float)) and 0 <= layer.p < 1)


def batch_norm(layer):
    return (type(layer) is BatchNormLayer
            and _float32(layer.beta, layer.gamma, layer.mean, layer.var))


def relu(layer):
    return type(layer) is NonlinearityLayer and layer.nonlinearity is rectify


def add(layer):
    return (type(layer) is ElemwiseSumLayer and len(layer.input_layers) == 2
            and layer.merge_function is T.add and list(layer.coeffs) == [1, 1])


def global_average(layer):
    return (type(layer) is GlobalPoolLayer and layer.pool_function is T.mean
            and len(layer.input_shape) == 4)


def upscale_concat(layer):
    return type(layer) is UpscaleConcatLayer


def soft_argmax(layer):
    return type(layer) is SoftArgmaxLayer


def dense(layer):
    return (type(layer) is DenseLayer and _float32(layer.W, layer.b)
            and any(layer.nonlinearity is known for known in ACTIVATIONS))


def dense_relu(layer):
    return dense(layer) and layer.nonlinearity is rectify


def dense_linear(layer):
    return dense(layer) and layer.b is None and layer.nonlinearity in (identity, linear)


ACTIVATIONS = {identity: "linear", linear: "linear", rectify: "rectify", tanh: "tanh"}


# Builders: (input expression, or a list of them for a layer with several inputs; layers of the
# chain, None for optional ones that are absent; deterministic; whether the gradient with respect to
# the input is needed) -> output expression.

def build_conv(x, layers, deterministic, needs_input_grad):
    conv, pool, drop = (layers + [None, None])[:3]
    return _convolve(x, conv, conv.W, conv.b, pool, _dropout(drop, deterministic), deterministic,
                     needs_input_grad)


def build_conv_batch_norm(x, layers, deterministic, needs_input_grad):
    from facekp.fused import batch_norm_ops
    conv, norm, _, pool = (layers + [None])[:4]
    if deterministic:
        W, b = batch_norm_ops.fold(norm, conv.W)
        return _convolve(x, conv, W, b, pool, {}, deterministic, needs_input_grad)
    z, stats = _convolve_linear(x, conv, needs_input_grad)
    return batch_norm_ops.normalize(norm, z, stats, pool=pool is not None)


def build_conv_batch_norm_linear(x, layers, deterministic, needs_input_grad):
    from facekp.fused import batch_norm_ops
    conv, norm = layers
    z, stats = _convolve_linear(x, conv, needs_input_grad)
    if deterministic:
        return batch_norm_ops.batch_norm_relu_pool(
            z, batch_norm_ops.running_stats(norm), norm.gamma, norm.beta, norm.epsilon, pool=False,
            relu=False)
    return batch_norm_ops.normalize(norm, z, stats, relu=False)


def build_conv_linear(x, layers, deterministic, needs_input_grad):
    return _convolve_linear(x, layers[0], needs_input_grad)[0]


def build_max_pool(x, layers, deterministic, needs_input_grad):
    from facekp.fused.max_pool_ops import max_pool
    return max_pool(x)


def build_upscale_concat(inputs, layers, deterministic, needs_input_grad):
    from facekp.fused.upscale_ops import upscale_concat
    return upscale_concat(*inputs)


def build_soft_argmax(x, layers, deterministic, needs_input_grad):
    from facekp.fused.soft_argmax_ops import soft_argmax
    return soft_argmax(x, layers[0].places)


def build_residual(x, shortcut, layers, deterministic, needs_input_grad):
    """The end of a residual block; besides the input of its branch it has the shortcut's output."""
    from facekp.fused import batch_norm_ops, residual_ops
    conv, norm = layers.conv, layers.norm
    z, stats = _convolve_linear(x, conv, needs_input_grad)
    if deterministic:
        return residual_ops.batch_norm_add_relu(z, batch_norm_ops.running_stats(norm), norm.gamma,
                                                norm.beta, norm.epsilon, shortcut)
    return residual_ops.normalize_and_add(norm, z, stats, shortcut)


def build_global_average(x, layers, deterministic, needs_input_grad):
    from facekp.fused.global_average_ops import global_average
    return global_average(x)


def build_dense(x, layers, deterministic, needs_input_grad):
    from facekp.fused.dense_ops import dense
    layer, drop = (layers + [None])[:2]
    return dense(x, layer.W, layer.b, ACTIVATIONS[layer.nonlinearity],
                 needs_input_grad=needs_input_grad, **_dropout(drop, deterministic))


def build_dense_batch_norm(x, layers, deterministic, needs_input_grad):
    from facekp.fused import batch_norm_ops
    from facekp.fused.dense_ops import dense
    layer, norm, _ = layers
    if deterministic:
        W, b = batch_norm_ops.fold(norm, layer.W)
        return dense(x, W, b, "rectify", needs_input_grad=needs_input_grad)
    z = dense(x, layer.W, None, "linear", needs_input_grad=needs_input_grad)
    return batch_norm_ops.normalize(norm, z, batch_norm_ops.channel_stats(z), pool=False)


def build_dropout(x, layers, deterministic, needs_input_grad):
    from facekp.fused.dropout_ops import dropout
    options = _dropout(layers[0], deterministic)
    return dropout(x, options["dropout_state"], options["p"]) if options else x


def _convolve(x, conv, W, b, pool, dropout_options, deterministic, needs_input_grad):
    """Convolution with bias and ReLU, and 2x2 max pooling if `pool`."""
    from facekp.fused.conv_ops import conv_relu, conv_relu_pool
    if pool is None:
        return conv_relu(x, W, b, needs_input_grad=needs_input_grad, **_options(conv))
    return conv_relu_pool(x, W, b, train=not deterministic, needs_input_grad=needs_input_grad,
                          **_options(conv, pool=True), **dropout_options)


def _convolve_linear(x, conv, needs_input_grad):
    """A convolution's outputs and their statistics."""
    from facekp.fused.conv_ops import conv_linear
    return conv_linear(x, conv.W, needs_input_grad=needs_input_grad, **_options(conv))


def _options(conv, pool=False):
    """The keyword arguments that follow from a Conv2DLayer's sizes, and from whether its outputs
    are pooled in the same pass: padding, fastest algorithm."""
    from facekp.fused.conv_algorithms import choose
    pad = padding(conv)
    return {"pad": pad, "algorithm": choose(conv.input_shape[1], conv.num_filters,
                                            conv.filter_size, pad, conv.stride[0],
                                            None if pool else conv.output_shape[2:])}


def _dropout(layer, deterministic):
    """Dropout's keyword arguments, none where nothing is dropped."""
    from facekp.fused.dropout_ops import dropout_state
    if layer is None or deterministic or layer.p == 0:
        return {}
    return {"dropout_state": dropout_state(layer), "p": float(layer.p)}


Pattern = namedtuple("Pattern", "tests, optional, build")

# Tried in this order; `optional` counts the layers at the chain's end that may be absent.
PATTERNS = (
    Pattern((conv_relu_to_pool, pool_2x2, dropout), 2, build_conv),
    Pattern((conv_relu,), 0, build_conv),
    Pattern((conv_linear_to_pool, batch_norm, relu, pool_2x2), 1, build_conv_batch_norm),
    Pattern((conv_linear, batch_norm, relu), 0, build_conv_batch_norm),
    Pattern((conv_linear, batch_norm), 0, build_conv_batch_norm_linear),
    Pattern((conv_linear,), 0, build_conv_linear),
    Pattern((pool_2x2,), 0, build_max_pool),
    Pattern((upscale_concat,), 0, build_upscale_concat),
    Pattern((soft_argmax,), 0, build_soft_argmax),
    Pattern((dense_linear, batch_norm, relu), 0, build_dense_batch_norm),
    Pattern((dense_relu, dropout), 1, build_dense),
    Pattern((dense,), 0, build_dense),
    Pattern((dropout,), 0, build_dropout),
    Pattern((global_average,), 0, build_global_average),
)


def match(chain):
    """The first pattern that `chain`, a list of layers, begins with.

    Parameters
    ----------
    chain : list of Layer, each the only consumer of the one before

    Returns
    -------
    (Pattern, list of Layer or None) or None
        The layers in the pattern's order, None for absent optional ones.
    """
    for pattern in PATTERNS:
        length = 0
        while (length < min(len(chain), len(pattern.tests))
               and pattern.tests[length](chain[length])):
            length += 1
        missing = len(pattern.tests) - length
        if missing <= pattern.optional:
            return pattern, chain[:length] + [None] * missing
    return None


Residual = namedtuple("Residual", "conv, norm, sum, relu, shortcut")
"""The layers of a residual block's end: relu(norm(conv(x)) + shortcut)."""


def match_residual(layer, consumers, requested):
    """The residual block that ends with the addition `layer`.

    Parameters
    ----------
    layer : Layer
    consumers : dict of Layer -> list of the layers that read it
    requested : list of Layer, whose own outputs are asked for

    Returns
    -------
    Residual or None
        Where both inputs of the addition would do as the branch, the first one is it.
    """
    def only_reader(source):
        return consumers[source][0] if (
            len(consumers[source]) == 1 and source not in requested) else None

    after = only_reader(layer) if add(layer) else None
    if after is None or not relu(after):
        return None
    for norm, shortcut in (layer.input_layers, layer.input_layers[::-1]):
        conv = getattr(norm, "input_layer", None)
        if (batch_norm(norm) and conv_linear(conv) and only_reader(norm) is layer
                and only_reader(conv) is norm
                and conv in consumers[conv.input_layer]):  # not given as an input
            return Residual(conv, norm, layer, after, shortcut)
    return None
