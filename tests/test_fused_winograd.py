"""The Winograd Ops against stock Theano: exact where the transforms are, else close to float64."""
import facekp.engine  # noqa: F401  (readies Theano)

import numpy as np
import pytest
import theano
import theano.tensor as T
from fused_tools import omp_threads
from facekp.fused.winograd_ops import conv3x3_relu
from theano.tensor.signal.pool import pool_2d

# (n, channels, filters, height, width): one pixel; sides that are no multiples of a tile or of a
# pool; more filters than tiles; several groups of filters; batches that fill no panel
SHAPES = [(1, 1, 1, 1, 1), (1, 3, 2, 5, 7), (2, 20, 70, 6, 6), (1, 64, 64, 13, 10),
          (127, 8, 9, 4, 3), (128, 2, 5, 12, 12)]
NAMES = ("y", "gx", "gW", "gb")


def stock(x, W, b, pool):
    z = T.nnet.conv2d(x, W, border_mode=(1, 1)) + b.dimshuffle("x", 0, "x", "x")
    y = 0.5 * (z + abs(z))
    return pool_2d(y, ws=(2, 2), ignore_border=True, mode="max") if pool else y


def function(layer, pool, dtype="float32"):
    """A function (x, W, b, gy) -> [y, gx, gW, gb]."""
    tensor4 = T.TensorType(dtype, (False,) * 4)
    x, W, gy = tensor4("x"), tensor4("W"), tensor4("gy")
    b = T.TensorType(dtype, (False,))("b")
    y = layer(x, W, b, pool=pool)
    return theano.function([x, W, b, gy], [y] + T.grad((y * gy).sum(), [x, W, b]))


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "pool"])
def layers(request):
    """Whether there is a pool; ours, stock Theano's, and stock's in float64."""
    pool = request.param
    return (pool, function(conv3x3_relu, pool), function(stock, pool),
            function(stock, pool, "float64"))


def sizes(shape, pool):
    n, channels, filters, height, width = shape
    half = 2 if pool else 1
    return [(n, channels, height, width), (filters, channels, 3, 3), (filters,),
            (n, filters, height // half, width // half)]


@pytest.mark.parametrize("shape", SHAPES)
def test_bits_of_stock_where_the_transforms_are_exact(layers, shape):
    pool, ours, theirs, _ = layers
    rng = np.random.RandomState(0)
    # W, b and gy are multiples of 24 * 24: whole numbers all the way, many ties and exact zeros
    arrays = [(rng.randint(-1, 2, size) * scale).astype("float32")
              for size, scale in zip(sizes(shape, pool), (1, 576, 576, 576))]
    for name, mine, stocks in zip(NAMES, ours(*arrays), theirs(*arrays)):
        np.testing.assert_array_equal(mine, stocks, err_msg=name)


@pytest.mark.parametrize("shape", SHAPES)
def test_close_to_float64_on_random_numbers(layers, shape):
    pool, ours, _, double = layers
    rng = np.random.RandomState(1)
    arrays = [rng.uniform(-1, 1, size).astype("float32") for size in sizes(shape, pool)]
    expected = double(*[a.astype("float64") for a in arrays])
    for name, mine, reference in zip(NAMES, ours(*arrays), expected):
        assert np.linalg.norm(mine - reference) <= 5e-6 * np.linalg.norm(reference), name


def test_threads_do_not_change_bits(layers):
    pool, ours, _, _ = layers
    rng = np.random.RandomState(2)
    arrays = [rng.uniform(-1, 1, size).astype("float32")
              for size in sizes((5, 33, 70, 14, 11), pool)]
    results = []
    for n in (1, 2, 3):
        with omp_threads(n):
            results.append([a.tobytes() for a in ours(*arrays)])
    assert results[0] == results[1] == results[2]


def test_arrays_that_are_not_contiguous(layers):
    pool, ours, _, _ = layers
    rng = np.random.RandomState(3)
    arrays = [rng.uniform(-1, 1, size).astype("float32")
              for size in sizes((3, 4, 6, 9, 8), pool)]
    strided = [np.repeat(a, 2, axis=-1)[..., ::2] for a in arrays]
    for mine, expected in zip(ours(*strided), ours(*arrays)):
        np.testing.assert_array_equal(mine, expected)


def test_nan_stays_nan(layers):
    pool, ours, _, _ = layers
    arrays = [np.full(size, np.nan, "float32") for size in sizes((1, 3, 2, 5, 7), pool)]
    assert np.isnan(ours(*arrays)[0]).all()


def test_input_that_needs_no_gradient():
    x, W, b = T.ftensor4("x"), T.ftensor4("W"), T.fvector("b")
    y = conv3x3_relu(x, W, b, pool=True, needs_input_grad=False)
    gW, gb = T.grad(y.sum(), [W, b])
    assert len(gW.owner.outputs) == 2  # and so no gx is computed
    with pytest.raises(theano.gradient.DisconnectedInputError):
        T.grad(y.sum(), x)


def test_shapes_are_known_without_computing():
    for pool in (False, True):
        x, W, b = T.ftensor4("x"), T.ftensor4("W"), T.fvector("b")
        shape = theano.function([x, W, b], conv3x3_relu(x, W, b, pool=pool).shape)
        assert not [n for n in shape.maker.fgraph.toposort() if "Conv3x3" in type(n.op).__name__]
        found = shape(*[np.zeros(s, "float32") for s in sizes((2, 3, 4, 7, 9), pool)[:3]])
        assert tuple(found) == ((2, 4, 3, 4) if pool else (2, 4, 7, 9))


@pytest.mark.parametrize("x, W, b, message", [
    ((2, 3, 8, 8), (4, 5, 3, 3), (4,), r"x has shape \(2, 3, 8, 8\), W \(4, 5, 3, 3\)"),
    ((2, 3, 8, 8), (4, 3, 5, 5), (4,), r"W \(4, 3, 5, 5\); expected"),
    ((0, 3, 8, 8), (4, 3, 3, 3), (4,), r"\(0, 3, 8, 8\).*not empty"),
    ((2, 3, 8, 8), (4, 3, 3, 3), (5,), r"b has shape \(5\)"),
])
def test_shapes_that_do_not_fit_are_named(layers, x, W, b, message):
    pool, ours, _, _ = layers
    gy = np.zeros((2, 4, 4, 4) if pool else (2, 4, 8, 8), "float32")
    with pytest.raises(ValueError, match=message):
        ours(*[np.zeros(shape, "float32") for shape in (x, W, b)], gy)


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="expected a float32 tensor of 4 dimensions"):
        conv3x3_relu(T.dtensor4(), T.ftensor4(), T.fvector())
