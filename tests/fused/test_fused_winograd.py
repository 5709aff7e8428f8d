"""Winograd's convolutions against stock Theano: exact where the transforms are, else close."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import numpy as np
import pytest
import theano
import theano.tensor as T
from dropout_reference import dropout_factors, with_dropout
from fused_tools import omp_threads
from facekp.fused.conv_algorithms import DIRECT, TILES, choose, winograd
from facekp.fused.conv_ops import conv_linear, conv_relu, conv_relu_pool
from theano.tensor.signal.pool import pool_2d

# (n, channels, filters, output height, width): one pixel; sides that are no multiples of a tile or
# of a pool; more filters than tiles; several groups of filters; batches that fill no panel
SHAPES = [(1, 1, 1, 2, 2), (1, 3, 2, 5, 7), (2, 20, 70, 6, 6), (1, 64, 64, 13, 10),
          (127, 8, 9, 4, 3), (128, 2, 5, 12, 12)]
NAMES = ("y", "gx", "gW", "gb")
STATE = np.array([5, 9], dtype=np.int64)
P = 0.5  # whose factor, 2, is exact

POOL = ("pool", 2, P, lambda *a, **o: conv_relu_pool(*a, dropout_state=T.constant(STATE), p=P, **o))
RELU = ("relu", 1, 0, conv_relu)
LINEAR = ("linear", 1, 0, lambda x, W, b, **o: conv_linear(x, W, **o)[0] + 0 * b.sum())
# by the span of a tile's inputs, of W and gy: such multiples keep the transforms exact
SCALES = {5: 36, 6: 576, 8: 8100}
# (tile, kernel, padding, what follows); with DEEP as with so many channels that a pooled layer's
# gradients are Winograd's, too
DEEP = ("deep pool",) + POOL[1:]
CASES = [(4, 2, 0, POOL), (4, 2, 0, LINEAR), (4, 3, 1, POOL), (4, 3, 1, DEEP), (4, 3, 1, RELU),
         (3, 3, 1, RELU), (3, 3, 1, LINEAR), (4, 5, 0, POOL), (4, 5, 0, LINEAR)]


def stock(kind, x, W, b, pad):
    z = T.nnet.conv2d(x, W, border_mode=(pad, pad))
    if kind == "linear":
        return z + 0 * b.sum()
    z = z + b.dimshuffle("x", 0, "x", "x")
    y = 0.5 * (z + abs(z))
    return pool_2d(y, ws=(2, 2), ignore_border=True, mode="max") if "pool" in kind else y


class Case(object):
    """One of CASES, compiled: ours and stock Theano's."""

    def __init__(self, tile, kernel, pad, what):
        self.kernel, self.pad, self.span = kernel, pad, tile + kernel - 1
        self.kind, self.pool, self.p, layer = what
        self.scale = SCALES[self.span]
        depth = (512, 512) if self.kind == "deep pool" else (64, 64)
        self.ours = self.function(
            lambda *a: layer(*a, pad=pad, algorithm=winograd(kernel, *depth, tile=tile)))
        self.theirs = self.function(lambda *a: stock(self.kind, *a, pad=pad))
        self.double = self.function(lambda *a: stock(self.kind, *a, pad=pad), "float64")

    @staticmethod
    def function(layer, dtype="float32"):
        """A function (x, W, b, gy) -> [y, gx, gW, gb]."""
        x, W, gy = (T.TensorType(dtype, (False,) * 4)(name) for name in ("x", "W", "gy"))
        b = T.TensorType(dtype, (False,))("b")
        y = layer(x, W, b)
        return theano.function([x, W, b, gy], [y] + T.grad((y * gy).sum(), [x, W, b]))

    def sizes(self, shape):
        n, channels, filters, height, width = shape
        more = self.kernel - 1 - 2 * self.pad
        return [(n, channels, height + more, width + more),
                (filters, channels, self.kernel, self.kernel), (filters,),
                (n, filters, height // self.pool, width // self.pool)]

    def expected(self, stock, *arrays):
        return with_dropout(stock, STATE, self.p, *arrays)


@pytest.fixture(scope="module", params=CASES, ids=lambda c: "F(%d, %d) %s" % (c[0], c[1], c[3][0]))
def case(request):
    return Case(*request.param)


def impulses(rng, size, scale, axes=1):
    """Zeros but for one number, plus or minus `scale`, for each index of the first axes."""
    n = int(np.prod(size[:axes]))
    a = np.zeros((n, int(np.prod(size[axes:]))), "float32")
    a[np.arange(n), rng.randint(a.shape[1], size=n)] = rng.choice([-scale, scale], n)
    return a.reshape(size)


def check_impulses(case, shape):
    """With a span of 8, dense whole numbers take more digits than float has. The convolution is
    bilinear, though: right for a pixel and a tap at all places, it is right for all numbers. One
    pixel of an image, one tap of a filter and channel, one gradient of an image."""
    rng = np.random.RandomState(0)
    sizes = case.sizes(shape)
    x, W, gy = (impulses(rng, sizes[i], scale, axes)
                for i, scale, axes in ((0, 1, 1), (1, case.scale, 2), (3, 1, 1)))
    b = (rng.randint(-1, 2, sizes[2]) * case.scale).astype("float32")
    expected = dict(zip(NAMES, case.expected(case.theirs, x, W, b, gy)))
    if case.kind == "linear" and shape[0] > 1:
        assert expected["y"].any() and expected["gx"].any()
    ours = dict(zip(NAMES, case.ours(x, W, b, gy)))
    for name in ("y", "gx", "gb"):
        np.testing.assert_array_equal(ours[name], expected[name], err_msg=name)
    gy *= case.scale
    gW, expected = case.ours(x, W, b, gy)[2], case.expected(case.theirs, x, W, b, gy)[2]
    # its last transform takes a few digits more
    np.testing.assert_allclose(gW, expected, rtol=0, atol=1e-6 * abs(expected).max())


@pytest.mark.parametrize("shape", SHAPES)
def test_bits_of_stock_where_the_transforms_are_exact(case, shape):
    if case.span == 8:
        check_impulses(case, shape)
        return
    rng = np.random.RandomState(0)
    # whole numbers all the way, many ties and exact zeros
    arrays = [(rng.randint(-1, 2, size) * scale).astype("float32")
              for size, scale in zip(case.sizes(shape), (1,) + (case.scale,) * 3)]
    for name, mine, stocks in zip(NAMES, case.ours(*arrays), case.expected(case.theirs, *arrays)):
        np.testing.assert_array_equal(mine, stocks, err_msg=name)


@pytest.mark.parametrize("shape", SHAPES)
def test_close_to_float64_on_random_numbers(case, shape):
    rng = np.random.RandomState(1)
    arrays = [rng.uniform(-1, 1, size).astype("float32") for size in case.sizes(shape)]
    expected = case.expected(case.double, *[a.astype("float64") for a in arrays])
    for name, mine, reference in zip(NAMES, case.ours(*arrays), expected):
        assert np.linalg.norm(mine - reference) <= 8e-6 * np.linalg.norm(reference), name


def test_threads_do_not_change_bits(case):
    rng = np.random.RandomState(2)
    arrays = [rng.uniform(-1, 1, size).astype("float32")
              for size in case.sizes((5, 33, 70, 14, 11))]
    results = []
    for n in (1, 2, 3):
        with omp_threads(n):
            results.append([a.tobytes() for a in case.ours(*arrays)])
    assert results[0] == results[1] == results[2]


def test_arrays_that_are_not_contiguous(case):
    rng = np.random.RandomState(3)
    arrays = [rng.uniform(-1, 1, size).astype("float32") for size in case.sizes((3, 4, 6, 9, 8))]
    strided = [np.repeat(a, 2, axis=-1)[..., ::2] for a in arrays]
    for mine, expected in zip(case.ours(*strided), case.ours(*arrays)):
        np.testing.assert_array_equal(mine, expected)


def test_nan_stays_nan(case):
    arrays = [np.full(size, np.nan, "float32") for size in case.sizes((1, 3, 2, 5, 7))]
    y = case.ours(*arrays)[0]
    kept = dropout_factors(*STATE, case.p, y.shape) > 0
    assert np.isnan(y[kept]).all()


@pytest.mark.parametrize("kernel", [2, 5])
def test_statistics(kernel):
    x, W = T.ftensor4("x"), T.ftensor4("W")
    f = theano.function([x, W], conv_linear(x, W, algorithm=winograd(kernel)))
    rng = np.random.RandomState(2)
    z, stats = f((100 + rng.normal(size=(3, 9, 15, 12))).astype("float32"),
                 rng.normal(size=(20, 9, kernel, kernel)).astype("float32"))
    z = z.astype("float64")
    np.testing.assert_allclose(stats[0], z.mean(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(stats[1], z.var(axis=(0, 2, 3)), rtol=1e-5)


def test_filters_too_large_for_the_second_level_cache():
    """More tiles then share a piece, of several rows."""
    x, W = T.ftensor4("x"), T.ftensor4("W")
    f = theano.function([x, W], [conv_linear(x, W, pad=1, algorithm=winograd(3))[0],
                                 T.nnet.conv2d(x, W, border_mode=(1, 1))])
    rng = np.random.RandomState(4)
    ours, stocks = f(*[rng.uniform(-1, 1, size).astype("float32")
                       for size in ((1, 171, 56, 54), (171, 171, 3, 3))])
    assert np.linalg.norm(ours - stocks) <= 8e-6 * np.linalg.norm(stocks)


def test_evaluation_neither_drops_nor_keeps():
    x, W, b = T.ftensor4("x"), T.ftensor4("W"), T.fvector("b")
    y = conv_relu_pool(x, W, b, T.constant(STATE), P, train=False, algorithm=winograd(2))
    f = theano.function([x, W, b], [y, stock("pool", x, W, b, 0)])
    rng = np.random.RandomState(3)
    arrays = [rng.uniform(-1, 1, size).astype("float32")
              for size in ((3, 8, 9, 9), (5, 8, 2, 2), (5,))]
    np.testing.assert_allclose(*f(*arrays), rtol=1e-5, atol=1e-5)


def test_input_that_needs_no_gradient():
    x, W, b = T.ftensor4("x"), T.ftensor4("W"), T.fvector("b")
    y = conv_relu_pool(x, W, b, needs_input_grad=False, algorithm=winograd(5))
    gW, gb = T.grad(y.sum(), [W, b])
    assert len(gW.owner.outputs) == 2  # and so no gx is computed
    with pytest.raises(theano.gradient.DisconnectedInputError):
        T.grad(y.sum(), x)


@pytest.mark.parametrize("x, W, b, pad, message", [
    ((2, 3, 8, 8), (4, 5, 2, 2), (4,), 0, r"x has shape \(2, 3, 8, 8\), W \(4, 5, 2, 2\)"),
    ((2, 3, 8, 8), (4, 3, 5, 5), (4,), 0, r"W has shape \(4, 3, 5, 5\).* expected filters of 2x2"),
    ((2, 3, 8, 8), (4, 3, 2, 2), (4,), 2, r"pad is 2; expected .* less padding"),
    ((0, 3, 8, 8), (4, 3, 2, 2), (4,), 0, r"\(0, 3, 8, 8\)"),
    ((2, 3, 8, 8), (4, 3, 2, 2), (5,), 0, r"b has shape \(5\)"),
])
def test_shapes_that_do_not_fit_are_named(x, W, b, pad, message):
    variables = T.ftensor4("x"), T.ftensor4("W"), T.fvector("b")
    y = conv_relu_pool(*variables, pad=pad, train=False, algorithm=winograd(2))
    f = theano.function(list(variables), y)
    with pytest.raises(ValueError, match=message):
        f(*[np.zeros(shape, "float32") for shape in (x, W, b)])


def test_the_choice_for_a_layer():
    assert all(choose(64, 64, (k, k), 0) == winograd(k) for k in TILES)
    assert choose(8, 8, (3, 3), 1) == winograd(3, 8, 8)
    assert choose(7, 64, (5, 5), 0) == DIRECT  # few channels
    assert choose(64, 64, (5, 3), 0) == choose(64, 64, (4, 4), 0) == DIRECT
    assert choose(64, 64, (2, 2), 2) == DIRECT  # padded by a whole filter
    assert choose(64, 64, (5, 5), 0).together and not choose(512, 512, (5, 5), 0).together
    deep = [choose(256, 256, (3, 3), 1, outputs=(size, size)).tile for size in (3, 4, 6, 8, 12)]
    assert deep == [3, 4, 3, 4, 4]  # 6x6: 100 products in place of 144; 12x12: 400, and 324
    assert choose(64, 128, (3, 3), 0, outputs=(6, 6)).tile == 4  # not deep enough
    for unknown in (None, (None, None)):
        assert choose(256, 256, (3, 3), 1, outputs=unknown).tile == 4
    assert choose(256, 256, (3, 3), 1).sparse and not choose(256, 512, (3, 3), 1).sparse
    assert choose(32, 32, (3, 3), 1).together and not choose(64, 64, (3, 3), 1).together
