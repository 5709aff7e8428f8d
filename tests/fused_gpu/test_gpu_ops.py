"""The GPU's Ops compute what numpy computes, on a device that FACEKP_TEST_DEVICE names.

All graphs are compiled in one process, as Theano takes one device for each. Without a GPU the
device is OpenCL on the CPU, see tests/engine/test_gpu.py.
"""
import os
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.gpu
DEVICE = os.environ.get("FACEKP_TEST_DEVICE", "opencl0:0")
PAD, STRIDE = (1, 2), (2, 1)
COLUMN_BYTES = 2 * 4 * (2 * 3 * 3) * (5 * 10)
"""float32 columns of two images: 2 channels of 3x3 filters, 5x10 pixels of the strided output."""
SUMMED = ((3, 5, 7, 6), (1, 1, 1, 1), (130, 3, 20, 19), (2, 300, 3, 3))

ON_THE_DEVICE = """
import sys
import numpy as np
import facekp.engine.ready
print("ready", flush=True)
import theano, theano.tensor as T
from facekp import fused, fused_gpu

with np.load(sys.argv[1]) as given:
    X, W, topgrad, *arrays = [given[name] for name in given.files]
found, ops = {}, set()

def add(name, inputs, outputs, values):
    function = theano.function(inputs, outputs, mode=fused.mode())
    ops.update(type(node.op).__name__ for node in function.maker.fgraph.toposort())
    found.update(("%s%d" % (name, i), value) for i, value in enumerate(function(*values)))

x, w, g = T.tensor4(), T.tensor4(), T.tensor4()
for name, options in (("strided", dict(border_mode=PAD, subsample=STRIDE)),
                      ("flipped", dict(border_mode="valid", filter_flip=True))):
    out = T.nnet.conv2d(x, w, input_shape=(None,) + X.shape[1:], filter_shape=W.shape,
                        **dict(dict(filter_flip=False), **options))
    top = g[:, :, :out.shape[2], :out.shape[3]]
    add(name, [x, w, g], [out] + T.grad(T.sum(out * top), [w, x]), [X, W, topgrad])
for i, array in enumerate(arrays):
    add("sum%d" % i, [x], [T.sum(x * 2, axis=(0, 2, 3))], [array])
expected = {"Convolution", "FilterGradient", "ImageGradient", "ChannelSum"}
assert expected <= ops, expected - ops
np.savez(sys.argv[2], **found)
"""


def correlation(X, W, pad, stride):
    """The windows of X, and their products with the filters; in float64."""
    padded = np.pad(X.astype(float), ((0, 0), (0, 0), (pad[0],) * 2, (pad[1],) * 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, W.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::stride[0], ::stride[1]]
    return windows, np.einsum("ncyxij,fcij->nfyx", windows, W.astype(float))


def image_gradient(X, W, top, pad, stride):
    """Each window's part of the gradient put where the window lay."""
    n, c, h, w = X.shape
    padded = np.zeros((n, c, h + 2 * pad[0], w + 2 * pad[1]))
    for i in range(W.shape[2]):
        for j in range(W.shape[3]):
            padded[:, :, i:i + stride[0] * top.shape[2]:stride[0],
                   j:j + stride[1] * top.shape[3]:stride[1]] += np.einsum(
                       "nfyx,fc->ncyx", top, W[:, :, i, j])
    return padded[:, :, pad[0]:pad[0] + h, pad[1]:pad[1] + w]


@pytest.fixture(scope="module")
def arrays():
    """Images, filters, a gradient of the output that is large enough, arrays to be summed."""
    random = np.random.RandomState(0)
    shapes = ((3, 2, 9, 8), (4, 2, 3, 3), (3, 4, 12, 12)) + SUMMED
    return [random.randn(*shape).astype(np.float32) for shape in shapes]


def test_convolutions_sums_and_their_gradients(clean_env, tmp_path, arrays):
    # so little that the columns of the three images are made in two parts, of two and of one image
    env = dict(clean_env, FACEKP_DEVICE=DEVICE,
               THEANO_FLAGS="gcc.cxxflags=-DCOLUMN_BYTES=%d" % COLUMN_BYTES)
    np.savez(tmp_path / "given.npz", *arrays)
    code = ON_THE_DEVICE.replace("PAD", repr(PAD)).replace("STRIDE", repr(STRIDE))
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "given.npz",
                           tmp_path / "found.npz"], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    reason = done.stderr.strip().rpartition("\n")[2]
    if "ready" not in done.stdout and "EngineError" in reason:  # another fault is a failure
        pytest.skip(reason)
    assert done.returncode == 0, done.stderr[-2000:]
    found = np.load(tmp_path / "found.npz")
    X, W, topgrad = (array.astype(float) for array in arrays[:3])
    for name, filters, pad, stride in (("strided", W, PAD, STRIDE),
                                       ("flipped", W[:, :, ::-1, ::-1], (0, 0), (1, 1))):
        windows, out = correlation(X, filters, pad, stride)
        top = topgrad[:, :, :out.shape[2], :out.shape[3]]
        gradient = np.einsum("ncyxij,nfyx->fcij", windows, top)
        wanted = [out, gradient if name == "strided" else gradient[:, :, ::-1, ::-1],
                  image_gradient(X, filters, top, pad, stride)]
        for i, values in enumerate(wanted):
            np.testing.assert_allclose(found[f"{name}{i}"], values, rtol=1e-4, atol=1e-4,
                                       err_msg=f"{name}{i}")
    for i, array in enumerate(arrays[3:]):
        np.testing.assert_allclose(found[f"sum{i}0"], 2 * array.astype(float).sum((0, 2, 3)),
                                   rtol=1e-4, atol=1e-3, err_msg=str(array.shape))
