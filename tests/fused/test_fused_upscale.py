"""A small image's channels beside a larger one's: against numpy, and in place of its layer."""
import subprocess
import sys

import facekp.engine.ready  # noqa: F401  (readies Theano)

import numpy as np
import pytest
import theano
import theano.tensor as T
from fused_tools import omp_threads
from lasagne.layers import InputLayer, get_output

from facekp import fused
from facekp.engine.layers import UpscaleConcatLayer
from facekp.fused.upscale_ops import UpscaleConcat, upscale_concat

pytestmark = pytest.mark.skipif(not fused.enabled(), reason="fused Ops are " + fused.why())


@pytest.fixture(scope="module")
def function():
    x, skip, gy = T.ftensor4s("x", "skip", "gy")
    y = upscale_concat(x, skip)
    return theano.function([x, skip, gy], [y] + T.grad((y * gy).sum(), [x, skip]),
                           mode=fused.mode())


def draw(n, deep, flat, h, w, seed=0):
    rng = np.random.RandomState(seed)
    return [rng.standard_normal(shape).astype("float32") for shape in (
        (n, deep, h, w), (n, flat, 2 * h, 2 * w), (n, deep + flat, 2 * h, 2 * w))]


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1, 1), (2, 3, 2, 3, 5), (3, 1, 4, 6, 6),
                                   (1, 30, 34, 64, 64)])  # large enough to stream to memory
def test_against_numpy(function, sizes):
    x, skip, gy = draw(*sizes)
    n, deep, _, h, w = sizes
    y, gx, gskip = function(x, skip, gy)
    np.testing.assert_array_equal(y, np.concatenate([np.kron(x, np.ones((2, 2))), skip], axis=1))
    windows = gy[:, :deep].astype(float).reshape(n, deep, h, 2, w, 2)
    np.testing.assert_allclose(gx, windows.sum(axis=(3, 5)), atol=1e-6)
    np.testing.assert_array_equal(gskip, gy[:, deep:])


def test_any_number_of_threads_gives_the_same_bits(function):
    results = []
    for threads in (1, 3):
        with omp_threads(threads):
            results.append(function(*draw(3, 2, 5, 4, 3)))
    for one, three in zip(*results):
        np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("which, shape", [(1, (2, 1, 4, 5)), (1, (3, 1, 4, 4)), (2, (2, 2, 4, 4))])
def test_shapes_that_do_not_belong_together(function, which, shape):
    arrays = draw(2, 2, 1, 2, 2)
    arrays[which] = np.ones(shape, "float32")
    with pytest.raises(ValueError, match="x has shape .2, 2, 2, 2., skip"):
        function(*arrays)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_takes_the_place_of_the_layer_where_all_is_float32(dtype):
    inputs = [InputLayer((None, 2, 3, 3), T.TensorType(dtype, (False,) * 4)()),
              InputLayer((None, 1, 6, 6), T.ftensor4())]
    layer = UpscaleConcatLayer(inputs)
    variables = [one.input_var for one in inputs]
    x, skip, _ = draw(2, 2, 1, 3, 3)
    ours, stock = (make(layer) for make in (fused.get_output, get_output))
    ops = {type(node.op) for node in theano.gof.graph.ops(variables, [ours])}
    assert (UpscaleConcat in ops) == (dtype == "float32")
    values = dict(zip(variables, (x.astype(dtype), skip)))
    np.testing.assert_array_equal(ours.eval(values), stock.eval(values))


OUT_OF_MEMORY = """
import resource, sys
import facekp.engine.ready
import numpy as np
import theano, theano.tensor as T
from theano.gof.vm import VM_Linker
from facekp import fused
from facekp.fused.upscale_ops import upscale_concat

x, skip = T.ftensor4s("x", "skip")
linker = VM_Linker(allow_gc=False, use_cloop=True)  # keeps each output for the next call
function = theano.function([x, skip], upscale_concat(x, skip).sum(),
                           mode=theano.compile.Mode(linker, fused.mode().provided_optimizer))
small = [np.ones((1, 2, 4, 4), "f4"), np.ones((1, 1, 8, 8), "f4")]
large = [np.ones((1, 8000, 64, 64), "f4"), np.ones((1, 1, 128, 128), "f4")]
assert function(*small) == 192
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 200 * 2 ** 20,) * 2)
for _ in range(2):
    try:
        function(*large)
    except MemoryError:
        print("MemoryError")
for _ in range(20):
    assert function(*small) == 192
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory as Linux does")
def test_out_of_memory_is_an_error_each_time():
    done = subprocess.run([sys.executable, "-c", OUT_OF_MEMORY], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    assert (done.returncode, done.stdout) == (0, "MemoryError\n" * 2), done.stderr
