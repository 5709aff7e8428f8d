"""Gradients of the fused Ops against finite differences of the same functions in float64 numpy."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import numpy as np
import pytest
import theano
import theano.tensor as T

from facekp import fused
from facekp.fused.conv_algorithms import STRIDED, winograd
from facekp.fused.conv_ops import conv_relu, conv_relu_pool
from facekp.fused.dense_ops import dense
from facekp.fused.global_average_ops import global_average

pytestmark = pytest.mark.skipif(not fused.enabled(), reason="fused Ops are " + fused.why())


def conv64(x, W, b, pad=0, stride=1):
    x = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    windows = np.lib.stride_tricks.sliding_window_view(x, W.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    return np.einsum("nchwij,fcij->nfhw", windows, W[:, :, ::-1, ::-1]) + b[:, None, None]


def relu64(z):
    return np.maximum(z, 0)


def pool64(z):
    h, w = z.shape[2] // 2 * 2, z.shape[3] // 2 * 2
    return np.max([z[:, :, i:h:2, j:w:2] for i in (0, 1) for j in (0, 1)], axis=0)


CASES = {
    "conv_relu_pool 3x3": (conv_relu_pool, lambda *a: pool64(relu64(conv64(*a))),
                           [(3, 2, 13, 11), (5, 2, 3, 3), (5,)]),
    "conv_relu_pool 2x2": (conv_relu_pool, lambda *a: pool64(relu64(conv64(*a))),
                           [(3, 9, 12, 10), (17, 9, 2, 2), (17,)]),
    "conv_relu_pool 5x5": (conv_relu_pool, lambda *a: pool64(relu64(conv64(*a))),
                           [(2, 16, 14, 13), (9, 16, 5, 5), (9,)]),
    "conv_relu": (conv_relu, lambda *a: relu64(conv64(*a)), [(2, 3, 7, 9), (4, 3, 3, 2), (4,)]),
    "conv_relu F(4x4, 3x3)": (lambda *a: conv_relu(*a, pad=1, algorithm=winograd(3)),
                              lambda *a: relu64(conv64(*a, pad=1)),
                              [(2, 9, 7, 10), (5, 9, 3, 3), (5,)]),
    "conv_relu_pool F(4x4, 3x3)": (lambda *a: conv_relu_pool(*a, pad=1, algorithm=winograd(3)),
                                   lambda *a: pool64(relu64(conv64(*a, pad=1))),
                                   [(2, 9, 7, 10), (5, 9, 3, 3), (5,)]),
    "conv_relu_pool F(4x4, 2x2)": (lambda *a: conv_relu_pool(*a, algorithm=winograd(2)),
                                   lambda *a: pool64(relu64(conv64(*a))),
                                   [(3, 9, 12, 10), (17, 9, 2, 2), (17,)]),
    "conv_relu_pool F(4x4, 5x5)": (lambda *a: conv_relu_pool(*a, algorithm=winograd(5)),
                                   lambda *a: pool64(relu64(conv64(*a))),
                                   [(2, 16, 14, 13), (9, 16, 5, 5), (9,)]),
    "conv_relu, stride 2": (lambda *a: conv_relu(*a, pad=1, algorithm=STRIDED),
                            lambda *a: relu64(conv64(*a, pad=1, stride=2)),
                            [(2, 3, 8, 9), (4, 3, 3, 3), (4,)]),
    "global average": (global_average, lambda x: x.mean((2, 3)), [(3, 4, 5, 7)]),
    "dense tanh": (lambda *a: dense(*a, "tanh"), lambda x, W, b: np.tanh(x @ W + b),
                   [(7, 19), (19, 5), (5,)]),
    "dense rectify": (lambda *a: dense(*a, "rectify"), lambda x, W, b: relu64(x @ W + b),
                      [(7, 19), (19, 5), (5,)]),
}


@pytest.mark.parametrize("name", CASES)
def test_gradient_along_random_directions(name):
    op, function64, shapes = CASES[name]
    rng = np.random.RandomState(3)
    values = [rng.standard_normal(shape) for shape in shapes]
    values = [value.astype("float32").astype("float64") for value in values]
    weights = rng.standard_normal(function64(*values).shape)  # of the outputs in the "loss"

    shared = [theano.shared(value.astype("float32")) for value in values]
    loss = (op(*shared) * weights.astype("float32")).sum()
    gradients = theano.function([], T.grad(loss, shared), mode=fused.mode())()

    def loss64(step, direction):
        moved = [value + step * d for value, d in zip(values, direction)]
        return np.sum(function64(*moved) * weights)

    for _ in range(4):
        direction = [rng.standard_normal(shape) for shape in shapes]
        step = 1e-7  # no ReLU or maximum changes sides
        expected = (loss64(step, direction) - loss64(-step, direction)) / (2 * step)
        terms = [gradient * d for gradient, d in zip(gradients, direction)]
        found = sum(np.sum(term, dtype="float64") for term in terms)
        scale = np.sqrt(sum(np.sum(np.square(term, dtype="float64")) for term in terms))
        assert abs(found - expected) < 1e-4 * scale, (found, expected, scale)
