"""The nets and the engines that the benchmark compares, each engine a process of its own."""
import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

# What users have set, before facekp chooses for this process. OpenBLAS's own choice of kernels is
# the fastest one: a machine that pins an older kernel must not slow stock Theano down.
ENVIRON = {key: value for key, value in os.environ.items()
           if key not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}

import numpy as np  # noqa: E402

HERE = Path(__file__).resolve().parent


class Case(NamedTuple):
    """What is trained; `together` limits the processes that are held in memory at a time."""

    model: str
    options: dict
    optimizer: str
    learning_rate: float
    batch: int
    together: int = 10


CASES = {
    "cnn14": Case("cnn14", {"dropout": True}, "adagrad", 0.01, 128),
    "cnn14, no dropout": Case("cnn14", {"dropout": False}, "adagrad", 0.01, 128),
    "lenet5": Case("lenet5", {}, "adam", 0.001, 128),
    "lenet5, batch norm": Case("lenet5", {"batch_norm": True}, "adam", 0.001, 128),
    "vggnet": Case("vggnet", {"dropout": False}, "adam", 0.0001, 16, together=5),
    "small_vgg": Case("small_vgg", {}, "adam", 0.0007, 64),
    "resnet": Case("resnet", {}, "adam", 0.001, 64),
    "unet": Case("unet", {"sharpness": 0.0}, "adam", 0.001, 64),
}

TUNED = {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=8589934592:"
                           "glibc.malloc.trim_threshold=17179869184:glibc.malloc.hugetlb=1"}
"""What stops glibc from returning memory after each step; for the engines that do not do it."""

OURS, STOCK = "ours", "stock Theano"
TORCH = {"PyTorch": "nchw", "PyTorch channels_last": "channels_last",
         "PyTorch torch.compile": "compile"}
MALLOCS = ("default", "tuned")


class Worker:
    """An engine in a process of its own; it gets ready while others do."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True,
            env=environment, cwd=str(HERE))

    def wait(self):
        """Wait until it is ready; return what it says then."""
        return self._answer()

    def _answer(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"a benchmark worker ended: {' '.join(self.process.args)}")

    def ask(self, command):
        """Send a command and wait for the answer."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self):
        """End the process."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait()


def interpreter(name):
    """The full path of a Python on PATH or in this folder: workers run in another one."""
    return os.path.abspath(shutil.which(name) or name)


def environment(threads, **more):
    """The environment of a process that computes with so many threads."""
    return dict(ENVIRON, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads), **more)


def engines(case, path, spec, threads, torch_python, mallocs=MALLOCS):
    """Commands and environments of all engines for a case.

    Yields
    ------
    (engine, malloc, command, environment)
    """
    options = dict(case.options, optimizer=case.optimizer, learning_rate=case.learning_rate)
    theano = [sys.executable, "theano_worker.py", path, case.model, json.dumps(options)]
    for malloc in mallocs:
        tuned = TUNED if malloc == "tuned" else {}
        yield OURS, malloc, theano, environment(
            threads, FACEKP_FUSED="1", FACEKP_MALLOC=str(int(malloc == "tuned")))
        yield STOCK, malloc, theano, environment(
            threads, FACEKP_FUSED="0", FACEKP_MALLOC="0", **tuned)
        if torch_python:
            for name, variant in TORCH.items():
                yield name, malloc, [torch_python, "torch_worker.py", path, json.dumps(spec),
                                     case.optimizer, str(case.learning_rate), variant], \
                    environment(threads, **tuned)


def write_case(case, path):
    """Write a batch and initial weights for all engines.

    Returns
    -------
    spec : list of [kind, name, value, sources], the net's layers for PyTorch; sources are the names
        of the layers that it reads, empty for the layer before
    flops : int
        Floating-point operations of a training step on one image, a multiply-add is two: the
        products of the convolutions and dense layers. Forward, gradient of the weights and of the
        input are three products; the first layer's input needs no gradient.
    """
    import facekp.engine.ready  # noqa: F401  (readies Theano, Lasagne and nolearn)
    from lasagne import layers as L
    from lasagne.nonlinearities import rectify, tanh

    from facekp.engine.layers import BatchNormLayer, SoftArgmaxLayer, UpscaleConcatLayer
    from facekp.nets.models import MODELS
    net = MODELS[case.model](**case.options)
    weights = {f"w/{name}": p.get_value() for name, p in net.weights().items()}
    rng = np.random.RandomState(0)
    # Large structures, like faces: white noise would make all losses alike. A little noise on top:
    # where pixels are equal, engines differ in which element of a pooling window wins.
    X = 0.8 * rng.rand(case.batch, 1, 12, 12).repeat(8, 2).repeat(8, 3)
    X = (X + 0.2 * rng.rand(*X.shape)).astype(np.float32)
    y = rng.uniform(-0.3, 0.3, (case.batch, 30)).astype(np.float32)
    np.savez(path, X=X, y=y, **weights)

    kinds = {L.Conv2DLayer: "conv", L.DenseLayer: "dense", BatchNormLayer: "batch_norm",
             L.MaxPool2DLayer: "pool", L.DropoutLayer: "dropout", L.GlobalPoolLayer: "average",
             L.ElemwiseSumLayer: "sum", UpscaleConcatLayer: "join", SoftArgmaxLayer: "soft_argmax"}
    values = {"conv": lambda layer: [list(layer.pad), list(layer.stride)],
              "batch_norm": lambda layer: layer.epsilon, "dropout": lambda layer: layer.p,
              "soft_argmax": lambda layer: layer.size}
    spec, products, before = [], [], None
    for layer in net.get_all_layers():
        sources = getattr(layer, "input_layers", [getattr(layer, "input_layer", None)])
        sources = [] if sources in ([None], [before]) else [source.name for source in sources]
        first, before = len(spec), layer
        kind = next((name for base, name in kinds.items() if isinstance(layer, base)), None)
        if kind:
            spec.append([kind, layer.name, values[kind](layer) if kind in values else None])
        if hasattr(layer, "W"):
            products.append(multiply_adds(layer))
        activation = {rectify: "relu", tanh: "tanh"}.get(getattr(layer, "nonlinearity", None))
        if activation:
            spec.append([activation, layer.name, None])
        for i, row in enumerate(spec[first:]):
            row.append([] if i else sources)
    return spec, int(2 * (3 * sum(products) - products[0]))


def multiply_adds(layer):
    """Of a convolution or dense layer for one image."""
    count = 1
    for size in layer.W.get_value(borrow=True).shape + tuple(layer.output_shape[2:]):
        count *= int(size)
    return count
