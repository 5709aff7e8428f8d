"""Max pooling by itself: the Op against stock Theano, and where it is taken."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import numpy as np
import pytest
import theano
import theano.tensor as T
from fused_tools import omp_threads
from lasagne.layers import InputLayer, MaxPool2DLayer
from theano.tensor.signal.pool import pool_2d

from facekp import fused
from facekp.fused.max_pool_ops import MaxPool, max_pool

pytestmark = pytest.mark.skipif(not fused.enabled(), reason="fused Ops are " + fused.why())


@pytest.fixture(scope="module")
def functions():
    """(x, gy) -> y, gx: ours and stock's."""
    x, gy = T.ftensor4s("x", "gy")
    made = []
    for pool in (max_pool, lambda v: pool_2d(v, (2, 2), ignore_border=True, mode="max")):
        y = pool(x)
        made.append(theano.function([x, gy], [y, T.grad((y * gy).sum(), x)], mode=fused.mode()))
    return made


@pytest.mark.parametrize("shape", [(2, 3, 2, 2), (1, 2, 7, 9), (3, 1, 16, 70), (2, 2, 5, 4)])
def test_bits_of_stock(functions, shape):
    rng = np.random.RandomState(0)
    x = rng.randint(-2, 3, shape).astype("float32")  # often several largest ones
    gy = rng.standard_normal(shape[:2] + (shape[2] // 2, shape[3] // 2)).astype("float32")
    for found, wanted in zip(*(f(x, gy) for f in functions)):
        np.testing.assert_array_equal(found, wanted)


def test_any_number_of_threads_gives_the_same_bits(functions):
    rng = np.random.RandomState(1)
    x, gy = (rng.standard_normal(s).astype("float32") for s in ((3, 5, 8, 8), (3, 5, 4, 4)))
    results = []
    for threads in (1, 4):
        with omp_threads(threads):
            results.append(functions[0](x, gy))
    for one, four in zip(*results):
        np.testing.assert_array_equal(one, four)


def test_a_gradient_of_another_shape_is_refused(functions):
    with pytest.raises(ValueError, match="x has shape .2, 1, 4, 4., the output's gradient"):
        functions[0](np.ones((2, 1, 4, 4), "float32"), np.ones((2, 1, 3, 2), "float32"))


@pytest.mark.parametrize("options, ours", [
    ({}, True), ({"stride": 1}, False), ({"pad": 1}, False), ({"ignore_border": False}, False)])
def test_layers_that_it_stands_for(options, ours):
    x = T.ftensor4()
    y = fused.get_output(MaxPool2DLayer(InputLayer((None, 1, 9, 9), x), pool_size=2, **options))
    ops = {type(node.op) for node in theano.gof.graph.ops([x], [y])}
    assert (MaxPool in ops) == ours
