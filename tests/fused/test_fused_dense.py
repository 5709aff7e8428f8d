"""The dense Ops against stock Theano: exact on whole numbers, close to float64 on random ones."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import numpy as np
import pytest
import theano
import theano.tensor as T
from dropout_reference import dropout_factors
from fused_tools import omp_threads
from facekp.fused.dense_ops import dense

STATE = np.array([7, 3], dtype=np.int64)
STOCK = {"linear": lambda a: a, "rectify": lambda a: 0.5 * (a + abs(a)), "tanh": T.tanh}
SHAPES = [(1, 1, 1), (1, 300, 30), (3, 70, 49), (127, 513, 47), (128, 65, 96), (261, 18, 5)]


def functions(activation, p):
    """Two functions (x, W, b, gy, factors) -> [y, gx, gW, gb]: fused, and stock Theano."""
    x, W, gy, factors = T.fmatrices("x", "W", "gy", "factors")
    b = T.fvector("b")
    outputs = (dense(x, W, b, activation, T.as_tensor_variable(STATE) if p else None, p),
               STOCK[activation](T.dot(x, W) + b) * factors)
    return [theano.function([x, W, b, gy, factors],
                            [y] + T.grad((y * gy).sum(), [x, W, b]), on_unused_input="ignore")
            for y in outputs]


@pytest.fixture(scope="module", params=[("linear", 0), ("rectify", 0.5), ("tanh", 0)])
def pair(request):
    activation, p = request.param
    return activation, p, functions(activation, p)


def whole_numbers(rng, *shape):
    """Small whole numbers, half of them 0: sums are exact and pre-activations of 0 occur."""
    return (rng.randint(-2, 3, shape) * rng.randint(0, 2, shape)).astype("float32")


@pytest.mark.parametrize("n, inputs, units", SHAPES)
def test_whole_numbers_give_the_same_bits_as_stock(pair, n, inputs, units):
    activation, p, (fused, stock) = pair
    rng = np.random.RandomState(0)
    arrays = [whole_numbers(rng, *shape) for shape in
              [(n, inputs), (inputs, units), (units,), (n, units)]]
    arrays.append(dropout_factors(*STATE, p, (n, units)))
    for ours, theirs in zip(fused(*arrays), stock(*arrays)):
        if activation == "tanh":  # of a whole number is no whole number
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
        else:
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("n, inputs, units", SHAPES)
def test_random_numbers_are_close_to_float64(pair, n, inputs, units):
    activation, p, (fused, _) = pair
    rng = np.random.RandomState(1)
    x, W, b, gy = (rng.uniform(-1, 1, shape) for shape in
                   [(n, inputs), (inputs, units), (units,), (n, units)])
    factors = dropout_factors(*STATE, p, (n, units))
    arrays = [a.astype("float32") for a in (x, W, b, gy)]
    x, W, b, gy = (a.astype("float64") for a in arrays)
    a = x.dot(W) + b
    y = {"linear": a, "rectify": np.maximum(a, 0), "tanh": np.tanh(a)}[activation]
    slope = {"linear": 1, "rectify": (a > 0), "tanh": 1 - y ** 2}[activation]
    g = gy * factors * slope
    expected = [y * factors, g.dot(W.T), x.T.dot(g), g.sum(0)]
    for ours, reference in zip(fused(*arrays, factors), expected):
        np.testing.assert_allclose(ours, reference, rtol=0, atol=2e-6 * max(n, inputs, units) ** .5)


def test_without_bias_and_input_gradient():
    x, W = T.fmatrices("x", "W")
    y = dense(x, W, None, "rectify", needs_input_grad=False)
    f = theano.function([x, W], [y, T.grad(y.sum(), W)])
    rng = np.random.RandomState(2)
    x, W = whole_numbers(rng, 9, 20), whole_numbers(rng, 20, 3)
    y, gW = f(x, W)
    a = x.dot(W)
    np.testing.assert_array_equal(y, np.maximum(a, 0))
    np.testing.assert_array_equal(gW, x.T.dot(0.5 * (1 + np.sign(a))))


def test_a_gradient_that_was_not_wanted_is_an_error_and_not_zero():
    x, W = T.fmatrices("x", "W")
    with pytest.raises(theano.gradient.DisconnectedInputError):
        T.grad(dense(x, W, needs_input_grad=False).sum(), x)


def test_an_empty_batch(pair):
    activation, p, (fused, _) = pair
    y, gx, gW, gb = fused(*(np.zeros(shape, "float32") for shape in
                            [(0, 4), (4, 3), (3,), (0, 3), (0, 3)]))
    assert y.shape == (0, 3) and gx.shape == (0, 4)
    assert not gW.any() and not gb.any()


def test_results_do_not_depend_on_the_number_of_threads(pair):
    fused = pair[2][0]
    rng = np.random.RandomState(3)
    arrays = [rng.uniform(-1, 1, shape).astype("float32") for shape in
              [(130, 1500), (1500, 50), (50,), (130, 50), (130, 50)]]
    results = []
    for threads in (1, 2, 3):
        with omp_threads(threads):
            results.append(fused(*arrays))
    for other in results[1:]:
        for a, b in zip(results[0], other):
            np.testing.assert_array_equal(a, b)


def test_an_input_with_four_axes():
    x, W = T.ftensor4("x"), T.fmatrix("W")
    y = dense(x, W)
    f = theano.function([x, W], [y] + T.grad((y ** 2).sum(), [x, W]))
    rng = np.random.RandomState(4)
    x, W = whole_numbers(rng, 3, 2, 5, 4), whole_numbers(rng, 40, 6)
    y, gx, gW = f(x, W)
    rows = x.reshape(3, 40)
    np.testing.assert_array_equal(y, rows.dot(W))
    np.testing.assert_array_equal(gx, (2 * y).dot(W.T).reshape(x.shape))
    np.testing.assert_array_equal(gW, rows.T.dot(2 * y))


def test_nan_stays_nan(pair):
    _, p, (fused, _) = pair
    arrays = [np.ones(shape, "float32") for shape in [(2, 3), (3, 16), (16,), (2, 16), (2, 16)]]
    arrays[0][1, 1] = np.nan
    y, gx, gW, gb = fused(*arrays)
    kept = dropout_factors(*STATE, p, (2, 16))[1] > 0
    assert kept.any() and np.isnan(y[1, kept]).all()
    assert not np.isnan(y[0]).any()
    assert np.isnan(gW[1]).any()


def test_shapes_that_do_not_fit_are_named(pair):
    fused = pair[2][0]
    arrays = [np.ones(shape, "float32") for shape in [(2, 3), (4, 2), (2,), (2, 2), (2, 2)]]
    with pytest.raises(ValueError, match=r"x has shape \(2, 3\), W \(4, 2\)"):
        fused(*arrays)


def test_wrong_types_are_refused():
    with pytest.raises(TypeError, match="expected a float32 tensor of 2 dimensions"):
        dense(T.dmatrix(), T.fmatrix())
    with pytest.raises(ValueError, match="activation='relu'"):
        dense(T.fmatrix(), T.fmatrix(), activation="relu")
    with pytest.raises(ValueError, match="dropout after tanh"):
        dense(T.fmatrix(), T.fmatrix(), None, "tanh", T.lvector(), 0.5)
