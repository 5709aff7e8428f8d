"""The GPU's library alone: pygpu beside numpy, and what it computes with. Prints one JSON line.

    FACEKP_DEVICE=cuda0 python benchmarks/gpu_library.py
"""
import json

import numpy as np

from facekp.engine import ready
from facekp.engine import cuda

from theano.gpuarray.type import get_context
import pygpu.blas
from pygpu.elemwise import GpuElemwise, arg
from pygpu.reduction import ReductionKernel


def differences(context):
    """The largest relative difference from numpy of each kind of operation.

    Returns
    -------
    dict of str -> float
    """
    random = np.random.RandomState(0)
    a, b = (random.rand(*shape).astype("float32") for shape in ((300, 200), (200, 100)))
    A, B = (pygpu.asarray(x, context=context) for x in (a, b))
    tanh = pygpu.empty(a.shape, dtype="float32", context=context)
    GpuElemwise(context, "z = tanh(a) * a", [arg("z", "float32", write=True),
                                             arg("a", "float32", read=True)])(tanh, A)
    column = pygpu.asarray(b[:, 0].copy(), context=context)
    sums = ReductionKernel(context, "float32", "0", "a+b", [True, False])(A)
    pairs = {"copy": (A.T.copy(), a.T), "elementwise": (tanh, np.tanh(a) * a),
             "reduction": (sums, a.sum(axis=0)),
             "matrix by matrix": (pygpu.blas.gemm(1, A, B, 0), a.dot(b)),
             "matrix by vector": (pygpu.blas.gemv(1, A, column, 0), a.dot(b[:, 0]))}
    return {name: float(np.max(np.abs(np.asarray(found) - expected)) / np.max(np.abs(expected)))
            for name, (found, expected) in pairs.items()}


if __name__ == "__main__":
    context = get_context(None)
    print(json.dumps({
        "device": ready.theano.config.device, "name": context.devname,
        "memory_MiB": context.total_gmem >> 20,
        "parts": {part.name: part.found for part in cuda.prepare(ready.plan)},
        "differences": differences(context)}))
