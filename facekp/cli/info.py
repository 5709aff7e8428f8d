"""``facekp info``: print the settings chosen before Theano was imported, and a measured speed."""

import os
import time

import numpy as np

from facekp import machine
from facekp.engine import allocator
from facekp.runs import provenance

SIZE = 2048  # rows and columns of the matrices that are multiplied


def main():
    """Print the report.

    Raises
    ------
    EngineError
        If the engine cannot be used. What a GPU needs is printed before, found or not.
    """
    memory = allocator.tune()
    print_table("parts of CUDA", cuda_parts())
    from facekp import fused
    from facekp.engine import ready

    for title, rows in (
        ("versions", provenance.versions().items()),
        ("host", machine.host().items()),
        ("Theano's flags", settings(ready.plan and ready.plan.flags)),
        ("environment", settings(ready.plan and ready.plan.environ)),
        ("path of the nets", [("fused kernels", fused.why()), ("memory", memory)]),
    ):
        print_table(title, rows)
    print("float32 product, %d x %d, on %s" % (SIZE, SIZE, ready.theano.config.device))
    blas = ready.plan.blas if ready.plan else "as Theano was set"
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "all")
    rate = gemm_rate(False) / 1e9
    print("  %-22s %.0f GFLOP/s (%s; threads: %s)" % ("BLAS", rate, blas, threads))
    print("  %-22s %.0f GFLOP/s" % ("dense layer of a net", gemm_rate(True) / 1e9))


def print_table(title, rows):
    """Print rows (name, value) below their title; nothing if there is no row."""
    for k, row in enumerate(rows):
        if not k:
            print(title)
        print("  %-22s %s" % tuple(row))


def cuda_parts():
    """Rows (name, what was found or what is missing) of what the chosen GPU needs."""
    from facekp.engine import cuda, device, plan

    chosen = plan.configure()
    parts = cuda.prepare(chosen) if chosen else []
    if parts:
        found = "importable" if device.adopt_system_pygpu() else "missing: make gpu"
        parts = parts + [cuda.Part("pygpu", found)]
    return [(part.name, part.found or "missing or unfit: " + part.fault) for part in parts]


def settings(choices):
    """Rows (name, "value (reason)") of the chosen settings; long values are cut.

    Parameters
    ----------
    choices : dict of str -> facekp.engine.plan.Choice, or None
    """
    if choices is None:
        return [("left as they were", "Theano was imported before facekp")]
    return [
        (key, "%s (%s)" % (choice.value[:60] + "..." * (len(choice.value) > 60), choice.reason))
        for key, choice in choices.items()
    ]


def gemm_rate(as_layer, size=SIZE, repeats=5):
    """Floating-point operations per second of a float32 matrix product.

    Parameters
    ----------
    as_layer : bool
        True: multiply like a dense layer of a net, with the fused kernels if they are on. False:
        Theano's call of the BLAS.
    size : int
        Rows and columns of the matrices.
    repeats : int
        The number of measurements; the best one is returned.

    Returns
    -------
    float
    """
    from facekp import fused
    import theano
    from lasagne.layers import DenseLayer, InputLayer

    random = np.random.RandomState(0)
    X = theano.shared(random.rand(size, size).astype("float32"))
    y = theano.shared(np.zeros((size, size), "float32"))
    layer = DenseLayer(InputLayer((size, size), X), size, b=None, nonlinearity=None)
    product = fused.get_output(layer) if as_layer else theano.tensor.dot(X, layer.W)
    multiply = theano.function([], updates=[(y, product)])
    seconds = []
    for _ in range(repeats + 1):  # the first one warms up
        start = time.perf_counter()
        multiply()
        np.asarray(y.get_value(borrow=True)[:1])  # waits for a GPU
        seconds.append(time.perf_counter() - start)
    return 2 * size ** 3 / min(seconds[1:])
