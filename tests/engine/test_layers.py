"""BatchNormLayer against the formulas of Ioffe & Szegedy 2015 in numpy, in double precision."""
import facekp.engine.ready  # noqa: F401  (readies Theano and Lasagne)

import numpy as np
import pytest
import theano
import theano.tensor as T
from lasagne.layers import InputLayer, get_all_params, get_output

from facekp.errors import ConfigError
from facekp.engine.layers import BatchNormLayer

SHAPES = {"dense": (8, 3), "convolution": (4, 3, 5, 7)}
EPSILON, ALPHA = 1e-4, 0.1


def reference(x, gamma, beta, gy):
    """y, gx, ggamma, gbeta, mean and biased variance, in float64."""
    x, gamma, beta, gy = (np.float64(a) for a in (x, gamma, beta, gy))
    axes = (0,) + tuple(range(2, x.ndim))
    pattern = (1, -1) + (1,) * (x.ndim - 2)
    m = x.size // x.shape[1]
    mean, var = x.mean(axes), x.var(axes)
    std = np.sqrt(var + EPSILON).reshape(pattern)
    x_hat = (x - mean.reshape(pattern)) / std
    ggamma, gbeta = (gy * x_hat).sum(axes), gy.sum(axes)
    gx = gamma.reshape(pattern) / std * (
        gy - gbeta.reshape(pattern) / m - x_hat * ggamma.reshape(pattern) / m)
    return (gamma.reshape(pattern) * x_hat + beta.reshape(pattern), gx, ggamma, gbeta, mean, var)


@pytest.fixture(scope="module", params=sorted(SHAPES))
def net(request):
    """A layer with gamma and beta drawn at random, its functions for training and evaluation."""
    shape = SHAPES[request.param]
    rng = np.random.RandomState(0)
    x, gy = (T.TensorType("float32", (False,) * len(shape))(name) for name in ("x", "gy"))
    layer = BatchNormLayer(InputLayer((None,) + shape[1:], x), name="bn", epsilon=EPSILON,
                           alpha=ALPHA, gamma=rng.uniform(-2, 2, shape[1]).astype("float32"),
                           beta=rng.uniform(-1, 1, shape[1]).astype("float32"))
    y = get_output(layer)
    grads = theano.grad(None, [x, layer.gamma, layer.beta], known_grads={y: gy})
    train = theano.function([x, gy], [y] + grads)
    evaluate = theano.function([x], get_output(layer, deterministic=True))
    return layer, train, evaluate, shape


def batches(shape, count):
    rng = np.random.RandomState(1)
    for _ in range(count):
        # each channel with a mean and spread of its own
        loc, spread = rng.uniform(-3, 3, shape[1]), rng.uniform(0.1, 4, shape[1])
        x = rng.randn(shape[0], *shape[2:], shape[1]) * spread + loc
        yield np.float32(np.moveaxis(x, -1, 1)), np.float32(rng.randn(*shape))


def test_training_output_and_gradients(net):
    layer, train, _, shape = net
    [(x, gy)] = batches(shape, 1)
    expected = reference(x, layer.gamma.get_value(), layer.beta.get_value(), gy)
    for found, wanted in zip(train(x, gy), expected):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-5)


def test_running_averages_follow_every_training_step(net):
    layer, train, _, shape = net
    mean, var = np.zeros(shape[1]), np.ones(shape[1])
    layer.mean.set_value(np.float32(mean))
    layer.var.set_value(np.float32(var))
    m = np.prod(shape) // shape[1]
    for x, gy in batches(shape, 5):
        train(x, gy)
        batch_mean, batch_var = reference(x, np.ones(shape[1]), np.zeros(shape[1]), gy)[4:]
        mean = 0.9 * mean + 0.1 * batch_mean
        var = 0.9 * var + 0.1 * batch_var * m / (m - 1)
        np.testing.assert_allclose(layer.mean.get_value(), mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(layer.var.get_value(), var, rtol=1e-5)


def test_evaluation_uses_the_averages_and_leaves_them(net):
    layer, _, evaluate, shape = net
    mean, var = np.float32([1, -2, 3]), np.float32([4, 0.25, 1])
    layer.mean.set_value(mean)
    layer.var.set_value(var)
    [(x, _)] = batches(shape, 1)
    pattern = (1, -1) + (1,) * (len(shape) - 2)
    gamma, beta = (np.float64(p.get_value()) for p in (layer.gamma, layer.beta))
    scale = gamma / np.sqrt(np.float64(var) + EPSILON)
    expected = (x - mean.reshape(pattern)) * scale.reshape(pattern) + beta.reshape(pattern)
    np.testing.assert_allclose(evaluate(x), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(layer.mean.get_value(), mean)
    np.testing.assert_array_equal(layer.var.get_value(), var)


def test_training_output_does_not_depend_on_the_averages(net):
    layer, train, _, shape = net
    [(x, gy)] = batches(shape, 1)
    before = train(x, gy)
    layer.mean.set_value(np.full(shape[1], np.nan, "float32"))
    for a, b in zip(before, train(x, gy)):
        np.testing.assert_array_equal(a, b)


def test_one_value_per_channel_gives_beta_and_a_finite_average():
    x = T.fmatrix()
    layer = BatchNormLayer(InputLayer((None, 3), x), beta=np.float32([1, 2, 3]))
    train = theano.function([x], get_output(layer))
    np.testing.assert_array_equal(train(np.float32([[7, 8, 9]])), [[1, 2, 3]])
    np.testing.assert_allclose(layer.var.get_value(), [0.9] * 3, rtol=1e-6)


def test_all_state_is_in_named_parameters():
    layer = BatchNormLayer(InputLayer((None, 3, 5, 7)), name="bn")
    assert [p.name for p in get_all_params(layer)] == ["bn.beta", "bn.gamma", "bn.mean", "bn.var"]
    assert get_all_params(layer, trainable=True) == [layer.beta, layer.gamma]
    assert get_all_params(layer, regularizable=True) == []
    assert [p.get_value().tolist() for p in get_all_params(layer)] == [
        [0, 0, 0], [1, 1, 1], [0, 0, 0], [1, 1, 1]]


@pytest.mark.parametrize("shape, options, message", [
    ((None,), {}, "found input of shape (None,)"),
    ((10, None, 4, 4), {}, "found input of shape (10, None, 4, 4)"),
    ((10, 3), {"epsilon": 0}, "found epsilon=0"),
    ((10, 3), {"alpha": 1.5}, "found alpha=1.5"),
])
def test_faults_are_named(shape, options, message):
    with pytest.raises(ConfigError) as raised:
        BatchNormLayer(shape, name="bn", **options)
    assert "BatchNormLayer bn: " + message in str(raised.value)
