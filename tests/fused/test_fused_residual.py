"""Residual blocks: the Op against stock Theano and float64, and the layers it stands for."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import lasagne
import numpy as np
import pytest
import theano
import theano.tensor as T
from fused_tools import omp_threads, stock_mode
from lasagne.layers import (Conv2DLayer, ElemwiseSumLayer, InputLayer, NonlinearityLayer,
                            get_all_params)
from lasagne.nonlinearities import identity, rectify
from theano.tensor.elemwise import Elemwise

from facekp import fused
from facekp.engine.layers import BatchNormLayer
from facekp.fused.batch_norm_ops import channel_stats
from facekp.fused.cop import FusedOp
from facekp.fused.residual_ops import BatchNormAddReluGradient, batch_norm_add_relu
from facekp.nets import models

EPSILON = 3.0  # with variance 1 and mean 0, 1 / sqrt(variance + epsilon) is 0.5 exactly
SHAPES = [(2, 3, 2, 2), (4, 5, 7, 9), (2, 2, 17, 38), (64, 3, 6, 6)]
NAMES = ("y", "gz", "ggamma", "gbeta", "gshortcut")
pytestmark = pytest.mark.skipif(not fused.enabled(), reason="fused Ops are " + fused.why())


# ---- the Op -------------------------------------------------------------------------------------

def stock_block_end(z, gamma, beta, shortcut):
    layer = BatchNormLayer((None, 1, None, None), epsilon=EPSILON)
    layer.gamma, layer.beta = gamma, beta  # one function for any number of channels
    return rectify(layer.get_output_for(z) + shortcut)


def fused_block_end(z, gamma, beta, shortcut):
    return batch_norm_add_relu(z, channel_stats(z), gamma, beta, EPSILON, shortcut)


@pytest.fixture(scope="module")
def functions():
    """(z, gamma, beta, shortcut, gy, more) -> NAMES, ours and stock's, for the gradient gy + more.

    The gradient is that of two readers of y.
    """
    z, shortcut, gy, more = (T.TensorType("float32", (False,) * 4)() for _ in range(4))
    gamma, beta = T.fvectors("gamma", "beta")
    made = []
    for block_end, mode in ((fused_block_end, fused.mode()), (stock_block_end, stock_mode())):
        y = block_end(z, gamma, beta, shortcut)
        grads = T.grad((y * gy).sum() + (y * more).sum(), [z, gamma, beta, shortcut])
        made.append(theano.function([z, gamma, beta, shortcut, gy, more], [y] + grads,
                                    no_default_updates=True, mode=mode))
    return made


def draw(shape, numbers):
    f = shape[1]
    return [np.asarray(numbers(size), np.float32) for size in (
        shape, (f,), (f,), shape, shape, shape)]


@pytest.mark.parametrize("shape", SHAPES)
def test_bits_of_stock_on_whole_numbers(functions, shape):
    rng = np.random.RandomState(0)
    z, gamma, *others = draw(shape, lambda size: rng.randint(-3, 4, size))
    z[:] = np.indices(shape)[[0, 2, 3]].sum(0) % 2 * 2 - 1  # as many -1 as 1
    ours, stock = (f(z, 2 * gamma, *others) for f in functions)
    for name, found, wanted in zip(NAMES, ours, stock):
        if name == "gz":  # divides by the numbers per channel
            np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())
        else:
            np.testing.assert_array_equal(found, wanted, err_msg=name)
    assert (ours[0] == 0).any()


@pytest.mark.parametrize("shape", SHAPES)
def test_close_to_float64(functions, shape):
    rng = np.random.RandomState(1)
    arrays = draw(shape, rng.standard_normal)
    z, gamma, beta, shortcut, gy, more = (a.astype("float64") for a in arrays)
    gamma, beta = gamma[:, None, None], beta[:, None, None]
    axes = (0, 2, 3)
    std = np.sqrt(z.var(axes, keepdims=True) + EPSILON)
    x_hat = (z - z.mean(axes, keepdims=True)) / std
    y = gamma * x_hat + beta + shortcut
    g = (gy + more) * (y > 0)
    gz = gamma / std * (g - g.mean(axes, keepdims=True)
                        - x_hat * (g * x_hat).mean(axes, keepdims=True))
    expected = (np.maximum(y, 0), gz, (g * x_hat).sum(axes), g.sum(axes), g)
    for name, found, wanted in zip(NAMES, functions[0](*arrays), expected):
        assert np.linalg.norm(found - wanted) <= 1e-6 * np.linalg.norm(wanted), name


def test_two_readers_gradients_are_added_by_the_op_in_place():
    """As in a net, where z and the gradients are computed and nobody else reads them."""
    z, shortcut, gy, more = (T.TensorType("float32", (False,) * 4)() for _ in range(4))
    gamma, beta = T.fvectors("gamma", "beta")
    y = fused_block_end(2 * z, gamma, beta, shortcut)
    grads = T.grad(None, [z, shortcut], known_grads={y: 2 * gy + 3 * more})
    f = theano.function([z, gamma, beta, shortcut, gy, more], grads, mode=fused.mode())
    [node] = [n for n in f.maker.fgraph.apply_nodes if isinstance(n.op, BatchNormAddReluGradient)]
    assert len(node.inputs) == 8
    assert node.op.destroy_map == {0: [0], 3: [6]}


def test_any_number_of_threads_gives_the_same_bits(functions):
    rng = np.random.RandomState(2)
    arrays = draw((5, 4, 9, 8), rng.standard_normal)
    results = []
    for threads in (1, 3):
        with omp_threads(threads):
            results.append(functions[0](*arrays))
    for name, one, three in zip(NAMES, *results):
        np.testing.assert_array_equal(one, three, err_msg=name)


def test_shapes_that_do_not_belong_together(functions):
    arrays = draw((2, 3, 4, 4), np.ones)
    arrays[3] = arrays[3][:, :, :2]
    with pytest.raises(ValueError, match=r"z has shape \(2, 3, 4, 4\), shortcut \(2, 3, 2, 4\)"):
        functions[0](*arrays)


# ---- the layers ---------------------------------------------------------------------------------

def whole(shape):
    return np.random.RandomState(len(shape)).randint(-2, 3, shape).astype("float32")


def normed_conv(incoming, size=3, stride=1):
    return BatchNormLayer(Conv2DLayer(incoming, 8, size, stride=stride, pad=size // 2, W=whole,
                                      b=None, nonlinearity=identity), gamma=whole, beta=whole)


def block(incoming, halve=False, first="branch"):
    stride = 2 if halve else 1
    branch = normed_conv(NonlinearityLayer(normed_conv(incoming, stride=stride), rectify))
    shortcut = normed_conv(incoming, 1, stride) if halve else incoming
    both = [branch, shortcut] if first == "branch" else [shortcut, branch]
    return NonlinearityLayer(ElemwiseSumLayer(both), rectify)


def image():
    return InputLayer((None, 8, 9, 10))


def op_names(expressions):
    nodes = theano.gof.graph.io_toposort([], expressions)
    return [type(node.op).__name__ for node in nodes if isinstance(node.op, FusedOp)]


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("halve", [False, True])
def test_blocks_are_fused_whole_and_close_to_stock(deterministic, halve):
    """Either block may halve the image, and add the shortcut to its branch or the other way."""
    net = block(block(image(), halve, "branch"), not halve, "shortcut")
    x = T.ftensor4()
    images = np.random.RandomState(0).standard_normal((6, 8, 9, 10)).astype("float32")
    params = [] if deterministic else get_all_params(net, trainable=True)
    results = []
    for get_output, mode in ((fused.get_output, fused.mode()),
                             (lasagne.layers.get_output, stock_mode())):
        y = get_output(net, x, deterministic=deterministic)
        if not results:
            names = op_names([y])
            assert names.count("BatchNormAddRelu") == 2
            assert names.count("ConvRelu" if deterministic else "ConvLinear") >= 2
        weights = np.random.RandomState(1).standard_normal((6,) + net.output_shape[1:])
        grads = T.grad((y * weights.astype("float32")).sum(), params) if params else []
        f = theano.function([x], [y] + grads, mode=mode, no_default_updates=True)
        results.append(f(images))
    for found, wanted, what in zip(*results, ["output"] + params):
        assert np.linalg.norm(found - wanted) <= 2e-5 * np.linalg.norm(wanted), what


def test_running_averages_are_updated_as_by_the_layers():
    images = np.random.RandomState(0).standard_normal((6, 8, 9, 10)).astype("float32")
    averages = []
    for get_output in (fused.get_output, lasagne.layers.get_output):
        net, x = block(image(), halve=True), T.ftensor4()
        f = theano.function([x], get_output(net, x), mode=fused.mode())
        for _ in range(2):
            f(images)
        averages.append([p.get_value() for p in get_all_params(net) if p not in get_all_params(
            net, trainable=True)])
    assert len(averages[0]) == 6
    for ours, theirs in zip(*averages):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_layers_that_are_asked_for_given_or_shared_are_not_swallowed():
    x = T.ftensor4()
    net = block(image())
    total = net.input_layer
    norm = total.input_layers[0]
    for wanted in (total, norm, norm.input_layer):
        names = op_names(fused.get_output([net, wanted], x))
        assert "BatchNormAddRelu" not in names, wanted
    for given in (norm, norm.input_layer):
        assert "BatchNormAddRelu" not in op_names(
            [fused.get_output(net, {given: T.ftensor4(), total.input_layers[1]: x})])
    assert "BatchNormAddRelu" in op_names([fused.get_output(net, {total.input_layers[1]: x})])
    weighted = ElemwiseSumLayer(total.input_layers, coeffs=[1, 2])
    assert "BatchNormAddRelu" not in op_names(
        [fused.get_output(NonlinearityLayer(weighted, rectify), x)])


# ---- the nets -----------------------------------------------------------------------------------

@pytest.mark.parametrize("name, options, sums", [
    ("small_vgg", {"width": 8, "num_dense_units": 20}, 0), ("resnet", {"width": 8, "depth": 10}, 1),
    ("unet", {"width": 8, "sharpness": 0.0}, 3)])
def test_no_stock_op_touches_images_in_the_whole_net(name, options, sums):
    """But for the sums of the gradients of what two layers read, and views."""
    net = models.MODELS[name](**options)
    net.initialize()
    for function in (net.train_iter_.function, net.eval_iter_.function):
        stock = [node for node in function.maker.fgraph.apply_nodes
                 if not isinstance(node.op, FusedOp) and not getattr(node.op, "view_map", None)
                 and any(getattr(v, "ndim", 0) == 4 for v in node.outputs)]
        stock = [node for node in stock if type(node.op).__name__ != "Fold"]
        assert all(isinstance(node.op, Elemwise) for node in stock)
        assert len(stock) == (sums if function is net.train_iter_.function else 0)
