"""The dropout Op and its bits against the same hash in numpy."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import lasagne
import numpy as np
import pytest
import theano
import theano.tensor as T
from lasagne.layers import DropoutLayer, InputLayer
from dropout_reference import dropout_bits, dropout_factors
from facekp.fused.dropout_ops import dropout, dropout_state
from fused_tools import omp_threads

P = 0.3


@pytest.fixture(scope="module")
def f():
    """(x, gy, state) -> [y, gx] of a tensor with four axes."""
    x, gy = T.ftensor4s("x", "gy")
    state = T.lvector("state")
    y = dropout(x, state, P)
    return theano.function([x, gy, state], [y, T.grad((y * gy).sum(), x)])


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 5, 7), (4, 8, 16, 16), (5, 31, 33, 17)])
@pytest.mark.parametrize("state", [(0, 0), (-1, 5), (123456789, 2 ** 40)])
def test_forward_and_gradient_have_the_reference_mask(f, shape, state):
    rng = np.random.RandomState(0)
    x, gy = rng.uniform(-1, 1, (2,) + shape).astype("float32")
    y, gx = f(x, gy, np.array(state))
    factors = dropout_factors(*state, P, shape)
    np.testing.assert_array_equal(y, x * factors)
    np.testing.assert_array_equal(gx, gy * factors)


def test_a_transposed_input_is_dropped_by_its_own_indices(f):
    x = np.ones((3, 4, 5, 6), "float32").transpose(3, 2, 1, 0)
    y = f(x, x, np.array([1, 2]))[0]
    np.testing.assert_array_equal(y, dropout_factors(1, 2, P, x.shape))


def test_mask_does_not_depend_on_the_number_of_threads(f):
    x = np.ones((8, 16, 24, 33), "float32")
    results = []
    for threads in (1, 2, 3):
        with omp_threads(threads):
            results.append(f(x, x, np.array([1, 2]))[0])
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_masks_are_independent_in_place_time_and_seed(p):
    n = 1 << 18
    threshold = np.uint32(p * 2 ** 32)

    def deviation(seed, step):  # zero mean, unit variance
        kept = dropout_bits(seed, step, n) >= threshold
        return (kept - (1 - p)) / np.sqrt(p * (1 - p))

    first = deviation(1, 0)
    others = [deviation(1, 1), deviation(1, 2), deviation(2, 0), deviation(2, 1)]
    others += [np.roll(first, lag) for lag in (1, 2, 15, 16, 47, 64, 2209, 4096)]
    z_scores = [first.sum() / n ** .5] + [(first * other).sum() / n ** .5 for other in others]
    assert np.abs(z_scores).max() < 4  # of 13 standard normal numbers


def test_state_follows_lasagnes_generator_and_counts_steps():
    def layers():
        lasagne.random.set_rng(np.random.RandomState(5))
        first = DropoutLayer(InputLayer((None, 3)), p=P, name="first")
        return first, DropoutLayer(first, p=P)

    (a, b), (c, d) = layers(), layers()
    states = [dropout_state(layer) for layer in (a, b, c, d)]
    values = [state.get_value() for state in states]
    assert dropout_state(a) is states[0]
    assert states[0].name == "first.state"
    np.testing.assert_array_equal(values[0], values[2])
    np.testing.assert_array_equal(values[1], values[3])
    assert values[0][0] != values[1][0]
    assert values[0][1] == 0

    x = T.fmatrix()
    f = theano.function([x], dropout(x, states[0], P))
    ones = np.ones((50, 60), "float32")
    for step in range(2):
        np.testing.assert_array_equal(f(ones), dropout_factors(values[0][0], step, P, (50, 60)))
    np.testing.assert_array_equal(states[0].get_value(), [values[0][0], 2])
