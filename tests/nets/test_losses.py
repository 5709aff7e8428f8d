"""The masked squared error: numpy's value and gradient, and Lasagne's where all are labelled."""
import facekp.engine.ready  # noqa: F401  (readies Theano and Lasagne)

import numpy as np
import pytest
import theano
import theano.tensor as T
from hypothesis import given, settings
from hypothesis import strategies as st
from lasagne.objectives import squared_error

from facekp.nets.losses import masked_squared_error


@pytest.fixture(scope="module")
def loss_and_gradient():
    y_pred, y = T.fmatrix("y_pred"), T.fmatrix("y")
    loss = masked_squared_error(y_pred, y)
    return theano.function([y_pred, y], [loss, theano.grad(loss, y_pred)])


@settings(derandomize=True, deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 5), share=st.floats(0, 1))
def test_against_numpy(loss_and_gradient, seed, n, share):
    random = np.random.RandomState(seed)
    y_pred, y = random.uniform(-1, 1, (2, n, 30)).astype(np.float32)
    y[random.rand(n, 30) < share] = np.nan
    labelled = np.isfinite(y)
    count = max(labelled.sum(), 1)
    error = np.where(labelled, y_pred.astype(float) - y, 0)
    loss, gradient = loss_and_gradient(y_pred, y)
    assert loss.dtype == gradient.dtype == np.float32
    np.testing.assert_allclose(loss, (error**2).sum() / count, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(gradient, 2 * error / count, rtol=1e-4, atol=1e-9)
    assert (gradient[~labelled] == 0).all()


def test_without_gaps_it_is_the_mean_squared_error(loss_and_gradient, random):
    y_pred, y = random.uniform(-1, 1, (2, 7, 30)).astype(np.float32)
    a, b = T.fmatrix(), T.fmatrix()
    loss = squared_error(a, b).mean()
    expected = theano.function([a, b], [loss, theano.grad(loss, a)])(y_pred, y)
    for found, value in zip(loss_and_gradient(y_pred, y), expected):
        np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-8)


def test_nothing_labelled_is_no_error(loss_and_gradient):
    y = np.full((2, 30), np.nan, np.float32)
    loss, gradient = loss_and_gradient(np.ones((2, 30), np.float32), y)
    assert loss == 0 and not gradient.any()


def test_a_diverged_net_is_not_hidden(loss_and_gradient):
    y = np.zeros((2, 30), np.float32)
    y_pred = y.copy()
    y_pred[0, 3] = np.nan
    assert np.isnan(loss_and_gradient(y_pred, y)[0])
