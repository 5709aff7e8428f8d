"""The batch normalization Ops against stock Theano and against numpy in double precision."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

from functools import lru_cache

import numpy as np
import pytest
import theano
import theano.tensor as T
from fused_tools import omp_threads, stock_mode
from lasagne.layers import Conv2DLayer, DenseLayer, InputLayer, get_output
from theano.tensor.signal.pool import pool_2d

from facekp.fused.batch_norm_ops import (BatchNormGradient, batch_norm_relu_pool, channel_stats,
                                         fold, normalize)
from facekp.engine.layers import BatchNormLayer

EPSILON = 3.0  # with variance 1 and mean 0, 1 / sqrt(variance + epsilon) is 0.5 exactly
IMAGES = [(2, 3, 2, 2), (4, 5, 7, 9), (2, 2, 17, 37), (127, 3, 6, 6), (128, 2, 4, 70)]
UNITS = [(2, 1), (128, 120), (127, 33)]
CONFIGURATIONS = {"conv": (4, True, True), "conv, no ReLU": (4, True, False),
                  "conv, no pooling": (4, False, True), "dense": (2, False, True)}
CASES = [(name, shape) for name, (ndim, _, _) in CONFIGURATIONS.items()
         for shape in (IMAGES if ndim == 4 else UNITS)]


class Functions:
    """(z, gamma, beta, gy) -> [y, gz, ggamma, gbeta], by our Ops and by stock Theano."""

    def __init__(self, ndim, pool, relu):
        self.ndim, self.pool, self.relu = ndim, pool, relu
        z, gy = (T.TensorType("float32", (False,) * ndim)() for _ in range(2))
        gamma, beta = T.fvectors("gamma", "beta")
        ours = batch_norm_relu_pool(z, channel_stats(z), gamma, beta, EPSILON, pool, relu)
        self.fused, self.stock = (
            theano.function([z, gamma, beta, gy], [y] + theano.grad(
                None, [z, gamma, beta], known_grads={y: gy}), no_default_updates=True)
            for y in (ours, self.stock_expression(z, gamma, beta)))

    def stock_expression(self, z, gamma, beta):
        """What the layers BatchNormLayer, rectify and MaxPool2DLayer compute."""
        layer = BatchNormLayer((None, 1) + (None,) * (self.ndim - 2), epsilon=EPSILON)
        layer.gamma, layer.beta = gamma, beta  # one function for any number of channels
        y = layer.get_output_for(z)
        y = 0.5 * (y + abs(y)) if self.relu else y
        return pool_2d(y, ws=(2, 2), ignore_border=True) if self.pool else y

    def output_shape(self, shape):
        return shape[:2] + (shape[2] // 2, shape[3] // 2) if self.pool else shape

    def reference(self, z, gamma, beta, gy):
        """The formulas in float64."""
        z, gamma, beta, gy = (np.float64(a) for a in (z, gamma, beta, gy))
        axes, pattern = (0,) + tuple(range(2, z.ndim)), (1, -1) + (1,) * (z.ndim - 2)
        gamma, beta = gamma.reshape(pattern), beta.reshape(pattern)
        std = np.sqrt(z.var(axes, keepdims=True) + EPSILON)
        x_hat = (z - z.mean(axes, keepdims=True)) / std
        p = gamma * x_hat + beta
        y = r = np.maximum(p, 0) if self.relu else p
        g = gy
        if self.pool:
            n, f, h, w = self.output_shape(z.shape)
            inside = r[:, :, :2 * h, :2 * w]
            y = inside.reshape(n, f, h, 2, w, 2).max((3, 5))
            g = np.zeros_like(z)
            g[:, :, :2 * h, :2 * w] = ((inside == y.repeat(2, 2).repeat(2, 3))
                                       * gy.repeat(2, 2).repeat(2, 3))
        if self.relu:
            g = g * np.where(p > 0, 1, np.where(p == 0, 0.5, 0))
        ggamma, gbeta = (g * x_hat).sum(axes), g.sum(axes)
        m = z.size // z.shape[1]
        gz = gamma / std * (g - gbeta.reshape(pattern) / m - x_hat * ggamma.reshape(pattern) / m)
        return y, gz, ggamma, gbeta


@lru_cache(maxsize=None)
def functions(name):
    return Functions(*CONFIGURATIONS[name])


def per_channel(shape):
    """Numbers per channel, m."""
    return int(np.prod(shape)) // shape[1]


def whole_numbers(shape, output_shape):
    """z of -1 and 1 in equal parts, so that every number on the way is exact; ties abound.

    Pre-activations are beta - gamma / 2 and beta + gamma / 2: often 0.
    """
    rng = np.random.RandomState(0)
    n, f = shape[:2]
    numbers = np.repeat([-1, 1], per_channel(shape) // 2)
    z = np.stack([rng.permutation(numbers) for _ in range(f)])
    z = np.moveaxis(z.reshape((f, n) + shape[2:]), 0, 1)
    gamma = np.resize([2, -2, 2, 0, 4], f)
    beta = np.resize([1, -1, 3, 0, -1], f)
    return [np.float32(a) for a in (z, gamma, beta, rng.randint(-3, 4, output_shape))]


def random_numbers(shape, output_shape):
    """Channels with means and spreads of their own."""
    rng = np.random.RandomState(1)
    f = shape[1]
    z = rng.randn(*(shape[:1] + shape[2:] + (f,))) * rng.uniform(0.5, 20, f) + rng.uniform(-9, 9, f)
    return [np.float32(a) for a in (np.moveaxis(z, -1, 1), rng.uniform(-2, 2, f),
                                    rng.uniform(-1, 1, f), rng.randn(*output_shape))]


@pytest.mark.parametrize("name, shape", [case for case in CASES if per_channel(case[1]) % 2 == 0])
def test_whole_numbers_give_the_same_bits_as_stock(name, shape):
    arrays = whole_numbers(shape, functions(name).output_shape(shape))
    fused, stock = functions(name).fused(*arrays), functions(name).stock(*arrays)
    m = per_channel(shape)
    for k, (ours, theirs) in enumerate(zip(fused, stock)):
        if k == 1 and m & (m - 1):  # gz divides by m, which is exact for powers of 2 only
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
        else:
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name, shape", CASES)
def test_random_numbers_are_close_to_float64(name, shape):
    arrays = random_numbers(shape, functions(name).output_shape(shape))
    for ours, expected in zip(functions(name).fused(*arrays), functions(name).reference(*arrays)):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=2e-6 * np.abs(expected).max())


def test_gradient_by_finite_differences():
    # of the float64 reference that the Ops are compared with
    problem = functions("conv")
    shape = (2, 3, 5, 7)
    z, gamma, beta, gy = (np.float64(a) for a in
                          random_numbers(shape, problem.output_shape(shape)))
    gz = problem.reference(z, gamma, beta, gy)[1]
    for index in [(0, 0, 0, 0), (1, 1, 2, 3), (0, 2, 4, 6), (1, 0, 3, 1)]:
        step = np.zeros(shape)
        step[index] = 1e-6
        above, below = (np.sum(problem.reference(z + s, gamma, beta, gy)[0] * gy)
                        for s in (step, -step))
        np.testing.assert_allclose(gz[index], (above - below) / 2e-6, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", list(CONFIGURATIONS))
def test_any_number_of_threads_gives_the_same_bits(name):
    shape = (127, 33) if name == "dense" else (5, 7, 6, 21)
    arrays = random_numbers(shape, functions(name).output_shape(shape))
    results = []
    for threads in (1, 3):
        with omp_threads(threads):
            results.append(functions(name).fused(*arrays))
    for one, three in zip(*results):
        np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("shape", IMAGES + UNITS)
def test_channel_stats_far_from_zero(shape):
    # the float32 numbers have a mean around 1000 and a spread of 1
    z = T.TensorType("float32", (False,) * len(shape))()
    rng = np.random.RandomState(0)
    x = np.float32(1000 + rng.randn(*shape))
    axes = (0,) + tuple(range(2, x.ndim))
    mean, var = theano.function([z], channel_stats(z))(x)
    np.testing.assert_allclose(mean, np.float64(x).mean(axes), rtol=1e-7)
    np.testing.assert_allclose(var, np.float64(x).var(axes), rtol=1e-5)


def test_gradient_takes_over_the_memory_of_z_unless_z_is_wanted():
    x, gamma, beta = T.ftensor4(), T.fvector(), T.fvector()
    z = x * 2
    y = batch_norm_relu_pool(z, channel_stats(z), gamma, beta, EPSILON)
    gz = theano.grad(y.sum(), z)
    arrays = random_numbers((3, 2, 5, 9), (3, 2, 2, 4))[:3]
    in_place, wanted = theano.function([x, gamma, beta], gz), theano.function([x, gamma, beta],
                                                                              [gz, z])

    def ops(function):
        return [node.op.in_place for node in function.maker.fgraph.apply_nodes
                if isinstance(node.op, BatchNormGradient)]
    assert (ops(in_place), ops(wanted)) == ([True], [False])
    expected = in_place(*arrays)
    for _ in range(2):
        found, z_value = wanted(*arrays)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(z_value, 2 * arrays[0])
        np.testing.assert_array_equal(in_place(*arrays), expected)


def test_nan_stays_nan():
    arrays = random_numbers((4, 5, 7, 9), (4, 5, 3, 4))
    arrays[0][1, 2, 3, 4] = np.nan
    y, gz, ggamma, _ = functions("conv").fused(*arrays)
    for result in (y, gz, ggamma[None]):
        assert np.isnan(result[:, 2]).all() and np.isfinite(np.delete(result, 2, 1)).all()


def test_fold_gives_the_deterministic_output():
    rng = np.random.RandomState(0)
    x = T.ftensor4()
    image = InputLayer((None, 2, 6, 7), x)
    for before in (Conv2DLayer(image, 3, 3, nonlinearity=None, b=None),
                   DenseLayer(image, 3, nonlinearity=None, b=None)):
        layer = BatchNormLayer(before, **{name: np.float32(rng.uniform(0.5, 2, 3))
                                          for name in ("beta", "gamma", "mean", "var")})
        expected = get_output(layer, deterministic=True)
        parameters = [before.W] + layer.get_params()
        before.W, before.b = fold(layer, before.W)
        found = get_output(before)
        ours, stocks = ([y] + T.grad((y ** 2).sum(), parameters) for y in (found, expected))
        f = theano.function([x], ours + stocks, mode=stock_mode())
        results = f(np.float32(rng.randn(4, 2, 6, 7)))
        for a, b in zip(results[:6], results[6:]):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_faults_are_named():
    z, stats, v = T.ftensor4("z"), T.fmatrix("stats"), T.fvector("v")
    f = theano.function([z, stats, v], batch_norm_relu_pool(z, stats, v, v, EPSILON))
    with pytest.raises(ValueError) as raised:
        f(np.zeros((2, 3, 4, 4), "float32"), np.zeros((2, 3), "float32"), np.zeros(4, "float32"))
    assert "(2, 3, 4, 4)" in str(raised.value) and "gamma (4)" in str(raised.value)
    with pytest.raises(TypeError, match="expected a float32 tensor of 4 dimensions to pool"):
        batch_norm_relu_pool(T.fmatrix(), stats, v, v, EPSILON, pool=True)
    with pytest.raises(TypeError, match="z is .*float64"):
        channel_stats(T.dtensor4())


@pytest.mark.parametrize("shape, pool", [((6, 3, 4, 5), True), ((8, 3), False)])
def test_a_training_step_updates_the_layers_averages_as_stock_does(shape, pool):
    z = T.TensorType("float32", (False,) * len(shape))()
    averages = []
    for fused in (True, False):
        layer = BatchNormLayer(shape, alpha=0.25, epsilon=EPSILON)
        y = normalize(layer, z, channel_stats(z), pool) if fused else layer.get_output_for(z)
        step = theano.function([z], [y] + theano.grad(y.sum(), [layer.gamma, layer.beta]),
                               mode=None if fused else stock_mode())
        for array in (random_numbers(shape, shape)[0], np.ones(shape, "float32")):
            step(array)
        averages.append((layer.mean.get_value(), layer.var.get_value()))
    np.testing.assert_allclose(averages[0], averages[1], rtol=1e-6, atol=1e-6)
