"""What maps say: the fused Ops against numpy in float64, and in place of the layer's own."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import numpy as np
import pytest
import theano
import theano.tensor as T
from fused_tools import omp_threads
from lasagne.layers import InputLayer

from facekp import fused
from facekp.engine.layers import SoftArgmaxLayer
from facekp.fused.soft_argmax_ops import SoftArgmax, divergence, soft_argmax

pytestmark = pytest.mark.skipif(not fused.enabled(), reason="fused Ops are " + fused.why())
SHAPES = [(1, 1, 1, 1), (2, 3, 3, 5), (3, 2, 4, 4), (2, 1, 6, 16), (1, 2, 7, 33)]


@pytest.fixture(scope="module")
def functions():
    """y and the gradient of (y gy).sum(); JS and the gradient of (JS weights).sum()."""
    x, gx, gy = T.ftensor4("x"), T.ftensor3("gx"), T.ftensor3("gy")
    places, upstream, weights = T.fmatrix("places"), T.fmatrix("upstream"), T.fmatrix("weights")
    y, js = SoftArgmax()(x, places.T), divergence(x, gx, gy)
    return (theano.function([x, places, upstream], [y, T.grad((y * upstream).sum(), x)],
                            mode=fused.mode()),
            theano.function([x, gx, gy, weights], [js, T.grad((js * weights).sum(), x)],
                            mode=fused.mode()))


def draw(n, k, h, w, seed=0):
    rng = np.random.RandomState(seed)
    places, upstream, weights = (rng.standard_normal(size).astype("float32")
                                 for size in ((h * w, 2), (n, 2 * k), (n, k)))
    x = (3 * rng.standard_normal((n, k, h, w))).astype("float32")
    gx, gy = rng.uniform(size=(n, k, w)), rng.uniform(size=(n, k, h)) ** 8
    gx, gy = (g / g.sum(axis=2, keepdims=True) for g in (gx, gy))
    return x, places, upstream, gx.astype("float32"), gy.astype("float32"), weights


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_means_and_their_gradient(functions, shape):
    x, places, upstream, *_ = draw(*shape)
    n, k, h, w = shape
    y, found = functions[0](x, places, upstream)
    p = softmax(x.reshape(n, k, h * w).astype(float))
    means = p @ places.astype(float)                                            # (n, k, 2)
    np.testing.assert_allclose(y.reshape(n, k, 2), means, atol=1e-6)
    along = np.einsum("nka,ckna->nkc", upstream.reshape(n, k, 2).astype(float),
                      places.astype(float)[:, None, None] - means.swapaxes(0, 1)[None])
    np.testing.assert_allclose(found.reshape(n, k, h * w), p * along, atol=2e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_divergences_and_their_gradient(functions, shape):
    x, _, _, gx, gy, weights = draw(*shape, seed=1)
    n, k, h, w = shape
    js, found = functions[1](x, gx, gy, weights)
    p = softmax(x.reshape(n, k, h * w).astype(float))
    g = (gy[..., :, None].astype(float) * gx[..., None, :]).reshape(n, k, h * w)
    log_middle = np.log((p + g) / 2 + 1e-12)
    expected = (p * (np.log(p) - log_middle) + g * (np.log(g + 1e-12) - log_middle)).sum(2) / 2
    np.testing.assert_allclose(js, expected, atol=2e-6)
    slope = (np.log(p) - log_middle) / 2
    slope -= (p * slope).sum(axis=2, keepdims=True)
    np.testing.assert_allclose(found.reshape(n, k, h * w), weights[..., None] * p * slope,
                               atol=2e-6)


@pytest.mark.parametrize("height", [-3e38, -200, 0, 200, 1e38])
def test_one_cell_above_or_below_all_others(functions, height):
    x, places, upstream, gx, gy, weights = draw(1, 2, 4, 5)
    x = np.zeros_like(x)
    x[:, :, 1, 2] = height
    p = softmax(x.reshape(2, 20).astype(float))
    y, gradient = functions[0](x, places, upstream)
    np.testing.assert_allclose(y.reshape(2, 2), p @ places.astype(float), atol=1e-6)
    assert np.isfinite(gradient).all()
    js, gradient = functions[1](x, gx, gy, weights)
    assert np.isfinite(gradient).all()
    g = (gy[..., :, None].astype(float) * gx[..., None, :]).reshape(2, 20)
    middle = np.log((p + g) / 2 + 1e-12)
    expected = p * (np.log(np.where(p > 0, p, 1)) - middle) + g * (np.log(g + 1e-12) - middle)
    np.testing.assert_allclose(js.ravel(), expected.sum(axis=1) / 2, atol=2e-6)


@pytest.mark.parametrize("cell", [0, 7, 19])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_not_hidden(functions, bad, cell):
    x, places, upstream, gx, gy, weights = draw(2, 1, 4, 5)
    x[0].flat[cell] = bad
    for first, second in (functions[0](x, places, upstream), functions[1](x, gx, gy, weights)):
        assert np.isnan(first[0]).all() and np.isnan(second[0]).all()
        assert np.isfinite(first[1]).all() and np.isfinite(second[1]).all()


def test_any_number_of_threads_gives_the_same_bits(functions):
    x, places, upstream, gx, gy, weights = draw(3, 3, 5, 7)
    results = []
    for threads in (1, 4):
        with omp_threads(threads):
            results.append(functions[0](x, places, upstream) + functions[1](x, gx, gy, weights))
    for one, four in zip(*results):
        np.testing.assert_array_equal(one, four)


def test_shapes_that_do_not_belong_together(functions):
    x, places, upstream, gx, gy, weights = draw(2, 3, 4, 5)
    with pytest.raises(ValueError, match="expected two coordinates of each cell"):
        functions[0](x, places[:-1], upstream)
    with pytest.raises(ValueError, match="x has shape .2, 3, 4, 5., the means' gradient"):
        functions[0](x, places, upstream[:, 1:])
    with pytest.raises(ValueError, match="expected as many profiles as maps"):
        functions[1](x, gx[:, 1:], gy, weights)
    with pytest.raises(ValueError, match="expected profiles of the maps' width and height"):
        functions[1](x, gy, gx, weights)
    with pytest.raises(ValueError, match="the divergences' gradient"):
        functions[1](x, gx, gy, weights[1:])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_takes_the_place_of_the_layer_where_all_is_float32(dtype):
    maps = T.tensor4("maps", dtype=dtype)
    layer = SoftArgmaxLayer(InputLayer((None, 2, 6, 6), input_var=maps), size=96)
    y = fused.get_output(layer)
    ops = [type(node.op) for node in theano.gof.graph.io_toposort([maps], [y])]
    assert (SoftArgmax in ops) == (dtype == "float32")
    x = np.random.RandomState(3).standard_normal((2, 2, 6, 6)).astype(dtype)
    np.testing.assert_allclose(y.eval({maps: x}), layer.get_output_for(maps).eval({maps: x}),
                               atol=1e-6)


def test_the_penalty_has_the_gradient_of_the_layers_own():
    maps, y = T.ftensor4("maps"), T.fmatrix("y")
    layer = SoftArgmaxLayer(InputLayer((None, 2, 8, 8)), size=96)
    results = []
    for way in (divergence, None):
        penalty = layer.penalty(maps, y, way)
        results.append(theano.function([maps, y], [penalty, T.grad(penalty, maps)],
                                       mode=fused.mode()))
    rng = np.random.RandomState(4)
    x = rng.standard_normal((3, 2, 8, 8)).astype("float32")
    targets = rng.uniform(-1, 1, (3, 4)).astype("float32")
    targets[1, 2:] = np.nan
    for ours, stock in zip(*(function(x, targets) for function in results)):
        np.testing.assert_allclose(ours, stock, atol=2e-7)
    assert not ours[1, 1].any()


def test_nobody_gets_a_gradient_of_the_gaussians():
    maps, y = T.ftensor4("maps"), T.fmatrix("y")
    penalty = SoftArgmaxLayer(InputLayer((None, 2, 8, 8)), size=96).penalty(maps, y, divergence)
    with pytest.raises(theano.gradient.NullTypeGradError, match="nobody moves the Gaussians"):
        T.grad(penalty, y)


def test_places_are_a_column_for_each_coordinate():
    x = np.zeros((1, 1, 1, 2), "float32")
    x[..., 1] = 1000
    y = soft_argmax(T.constant(x), np.array([[1, 2], [3, 4]], "float32")).eval()
    np.testing.assert_array_equal(y, [[3, 4]])
