"""The direct convolutions against stock Theano: bits on whole numbers, else close to float64."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import numpy as np
import pytest
import theano
import theano.tensor as T
from dropout_reference import with_dropout
from fused_tools import omp_threads
from facekp.fused.conv_algorithms import STRIDED
from facekp.fused.conv_ops import conv_linear, conv_relu, conv_relu_pool
from theano.tensor.signal.pool import pool_2d

# x (n, channels, h, w), filters, kernel (kh, kw): no size a multiple of a tile's; one pixel left by
# pooling; a dropped odd row and column; batches that share out unevenly
SHAPES = [((1, 1, 4, 3), 1, (3, 2)), ((2, 3, 21, 21), 7, (5, 5)), ((1, 5, 47, 19), 33, (2, 2)),
          ((127, 2, 9, 8), 10, (3, 3)), ((128, 6, 6, 7), 16, (3, 4))]
STATE = np.array([5, 9], dtype=np.int64)
P = 0.5  # whose factor, 2, is exact


def stock_relu(x, W, b, pad=0, stride=1):
    z = T.nnet.conv2d(x, W, border_mode=pad, subsample=(stride, stride))
    z = z + b.dimshuffle("x", 0, "x", "x")
    return 0.5 * (z + abs(z))


def stock_pool(x, W, b):
    return pool_2d(stock_relu(x, W, b), ws=(2, 2), ignore_border=True, mode="max")


# name: our layer, stock's, the pool's size or the stride, the padding, the probability of dropping
VARIANTS = {
    "pool": (conv_relu_pool, stock_pool, 2, 0, 0),
    "pool, dropout": (lambda x, W, b: conv_relu_pool(x, W, b, T.constant(STATE), P),
                      stock_pool, 2, 0, P),
    "relu": (conv_relu, stock_relu, 1, 0, 0),
    "relu, padded": (lambda x, W, b: conv_relu(x, W, b, pad=1),
                     lambda x, W, b: stock_relu(x, W, b, pad=1), 1, 1, 0),
    "relu, stride": (lambda x, W, b: conv_relu(x, W, b, pad=1, algorithm=STRIDED),
                     lambda x, W, b: stock_relu(x, W, b, 1, 2), 2, 1, 0),
    "linear, stride": (lambda x, W, b: conv_linear(x, W, algorithm=STRIDED)[0] + 0 * b.sum(),
                       lambda x, W, b: T.nnet.conv2d(x, W, subsample=(2, 2)) + 0 * b.sum(),
                       2, 0, 0),
    "linear": (lambda x, W, b: conv_linear(x, W)[0] + 0 * b.sum(),
               lambda x, W, b: T.nnet.conv2d(x, W) + 0 * b.sum(), 1, 0, 0),
}
NAMES = ("y", "gx", "gW", "gb")


def function(layer, dtype="float32"):
    """A function (x, W, b, gy) -> [y, gx, gW, gb]."""
    x, W, gy = (T.TensorType(dtype, (False,) * 4)(name) for name in ("x", "W", "gy"))
    b = T.TensorType(dtype, (False,))("b")
    y = layer(x, W, b)
    return theano.function([x, W, b, gy], [y] + T.grad((y * gy).sum(), [x, W, b]))


class Variant(object):
    """One of VARIANTS, compiled: ours, stock's, and stock's in float64."""

    def __init__(self, name):
        ours, stock, self.pool, self.pad, self.p = VARIANTS[name]
        self.more = int("stride" in name)  # a stride keeps an odd last row, pooling drops it
        self.ours, self.stock, self.double = (function(ours), function(stock),
                                              function(stock, "float64"))

    def arrays(self, shape, draw):
        """x, W, b, gy."""
        x, filters, kernel = shape
        y = [(size + 2 * self.pad - k + 1 + self.more) // self.pool
             for size, k in zip(x[2:], kernel)]
        sizes = (x, (filters, x[1]) + kernel, (filters,), (x[0], filters) + tuple(y))
        return [draw(size).astype("float32") for size in sizes]

    def expected(self, stock, *arrays):
        return with_dropout(stock, STATE, self.p, *arrays)


@pytest.fixture(scope="module", params=sorted(VARIANTS))
def variant(request):
    return Variant(request.param)


@pytest.mark.parametrize("shape", SHAPES)
def test_bits_of_stock_on_whole_numbers(variant, shape):
    rng = np.random.RandomState(0)
    arrays = variant.arrays(shape, lambda size: rng.randint(-2, 3, size))  # ties, exact zeros
    expected = variant.expected(variant.stock, *arrays)
    for name, found, wanted in zip(NAMES, variant.ours(*arrays), expected):
        np.testing.assert_array_equal(found, wanted, err_msg=name)


@pytest.mark.parametrize("shape", SHAPES)
def test_close_to_float64_on_random_numbers(variant, shape):
    rng = np.random.RandomState(1)
    arrays = variant.arrays(shape, lambda size: rng.uniform(-1, 1, size))
    expected = variant.expected(variant.double, *[a.astype("float64") for a in arrays])
    for name, found, wanted in zip(NAMES, variant.ours(*arrays), expected):
        assert np.linalg.norm(found - wanted) <= 1e-6 * np.linalg.norm(wanted), name


@pytest.mark.parametrize("size", [(3, 8), (8, 3)])
def test_a_pool_that_drops_all_outputs(size):
    x, W, b = (np.ones(shape, "float32") for shape in ((2, 1) + size, (4, 1, 3, 3), (4,)))
    gy = np.zeros((2, 4) + tuple((side - 2) // 2 for side in size), "float32")
    y, *gradients = function(conv_relu_pool)(x, W, b, gy)
    assert y.shape == gy.shape
    for gradient, of in zip(gradients, (x, W, b)):
        np.testing.assert_array_equal(gradient, np.zeros_like(of))


def test_statistics_keep_their_digits_beside_a_large_mean():
    x, W = T.tensor4("x"), T.tensor4("W")
    f = theano.function([x, W], conv_linear(x, W))
    rng = np.random.RandomState(2)
    z, stats = f((1000 + rng.normal(size=(3, 2, 10, 9))).astype("float32"),
                 np.ones((4, 2, 3, 3), dtype="float32"))
    z = z.astype("float64")
    np.testing.assert_allclose(stats[0], z.mean(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(stats[1], z.var(axis=(0, 2, 3)), rtol=1e-5)


def test_evaluation_neither_drops_nor_keeps():
    x, W, b = T.tensor4("x"), T.tensor4("W"), T.vector("b")
    y = conv_relu_pool(x, W, b, T.constant(STATE), P, train=False)
    rng = np.random.RandomState(3)
    arrays = [rng.uniform(-1, 1, size).astype("float32")
              for size in ((3, 2, 9, 9), (5, 2, 3, 3), (5,))]
    f = theano.function([x, W, b], [y, stock_pool(x, W, b)])
    np.testing.assert_allclose(*f(*arrays), rtol=1e-5, atol=1e-6)
    with pytest.raises(NotImplementedError, match="train=True"):
        T.grad(y.sum(), W)


@pytest.mark.parametrize("layer", [conv_relu_pool, conv_relu,
                                   lambda x, W, b, **more: conv_linear(x, W, **more)[0]])
def test_first_layer_computes_no_input_gradient(layer):
    x, W, b = T.tensor4("x"), T.tensor4("W"), T.vector("b")
    gW = T.grad(layer(x, W, b, needs_input_grad=False).sum(), W)
    assert all(output.type != x.type or output is gW for output in gW.owner.outputs)
    with pytest.raises(theano.gradient.DisconnectedInputError):
        T.grad(layer(x, W, b, needs_input_grad=False).sum(), x)


@pytest.mark.parametrize("name, for_any_threads", [
    ("pool, dropout", (0, 1)),  # y and gx; gW and gb are sums over the threads' images
    ("relu, stride", (0, 1, 2, 3)),
])
def test_same_threads_same_bits_and_the_forward_pass_for_any_threads(name, for_any_threads):
    variant = Variant(name)
    rng = np.random.RandomState(4)
    arrays = variant.arrays(((5, 3, 30, 31), 11, (3, 3)), lambda size: rng.uniform(-1, 1, size))
    results = {}
    for threads in (1, 2, 3):
        with omp_threads(threads):
            results[threads] = variant.ours(*arrays)
            for part, again, first in zip(NAMES, variant.ours(*arrays), results[threads]):
                np.testing.assert_array_equal(again, first, err_msg=part)
    for i in for_any_threads:
        np.testing.assert_array_equal(results[1][i], results[2][i], err_msg=NAMES[i])
        np.testing.assert_array_equal(results[1][i], results[3][i], err_msg=NAMES[i])


@pytest.mark.parametrize("shapes, message", [
    (((2, 3, 8, 8), (4, 2, 3, 3), (4,)), r"x has shape \(2, 3, 8, 8\), W \(4, 2, 3, 3\)"),
    (((2, 3, 2, 8), (4, 3, 3, 3), (4,)), r"no smaller than W"),
    (((2, 3, 8, 8), (4, 3, 3, 3), (5,)), r"b has shape \(5\).*a number for each filter"),
])
def test_shapes_that_do_not_fit(shapes, message):
    x, W, b = T.tensor4("x"), T.tensor4("W"), T.vector("b")
    f = theano.function([x, W, b], conv_relu(x, W, b))
    with pytest.raises(ValueError, match=message):
        f(*[np.zeros(shape, dtype="float32") for shape in shapes])


def test_wrong_types_and_missing_state():
    x, W, b = T.tensor4("x"), T.tensor4("W"), T.vector("b")
    with pytest.raises(TypeError, match="x is .*float64"):
        conv_relu(T.tensor4("x", dtype="float64"), W, b)
    with pytest.raises(ValueError, match="dropout_state"):
        conv_relu_pool(x, W, b, p=0.1)
