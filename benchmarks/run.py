"""Speed of the paper's nets: stock Theano, ours and PyTorch, taking turns in one go.

    python benchmarks/run.py --torch .venv-benchmark/bin/python

Each engine is a process of its own that stays alive; in each of several rounds every engine trains
a few steps, one after the other, so that all meet the same machine. The figures are medians over
all steps; an epoch is that of 1712 training and 428 validation images. Before they are timed, all
engines report their first losses from the same weights, and must agree.
"""
import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
N_TRAIN, N_VALID = 1712, 428

CASES = {
    "cnn14": ("cnn14", {"dropout": True}, "adagrad", 128),
    "cnn14, no dropout": ("cnn14", {"dropout": False}, "adagrad", 128),
    "lenet5": ("lenet5", {}, "adam", 128),
    "lenet5, batch norm": ("lenet5", {"batch_norm": True}, "adam", 128),
    "vggnet": ("vggnet", {"dropout": False}, "adam", 16),
}
"""Name -> model, its options, optimizer, batch size."""

TUNED = {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=8589934592:"
                           "glibc.malloc.trim_threshold=17179869184:glibc.malloc.hugetlb=1"}
"""What stops glibc from returning memory after each step; for the engines that do not do it."""

OURS, STOCK = "ours", "stock Theano"
TORCH = {"PyTorch": "nchw", "PyTorch channels_last": "channels_last",
         "PyTorch torch.compile": "compile"}


class Worker:
    """An engine in a process of its own."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True,
            env=dict(os.environ, **environment), cwd=str(HERE))
        self.ready = self._answer()

    def _answer(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"a benchmark worker ended: {self.process.args}")

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


def engines(case, path, spec, threads, torch_python):
    """Commands and environments of all engines for a case.

    Yields
    ------
    (engine, malloc, command, environment)
    """
    model, options, optimizer, _ = case
    for malloc in ("default", "tuned"):
        environment = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        tuned = TUNED if malloc == "tuned" else {}
        ours = [sys.executable, "theano_worker.py", path, model, repr(options)]
        yield (OURS, malloc, ours,
               dict(environment, FACEKP_FUSED="1", FACEKP_MALLOC=str(int(malloc == "tuned"))))
        yield STOCK, malloc, ours, dict(environment, FACEKP_FUSED="0", FACEKP_MALLOC="0", **tuned)
        if torch_python:
            for name, variant in TORCH.items():
                yield (name, malloc, [torch_python, "torch_worker.py", path, json.dumps(spec),
                                      optimizer, variant], dict(environment, **tuned))


def write_case(case, path):
    """Write a batch and initial weights; return the net's layers for PyTorch, and its GFLOP."""
    from lasagne import layers as L
    from lasagne.nonlinearities import rectify, tanh

    from facekp.layers import BatchNormLayer
    from facekp.models import MODELS
    model, options, _, batch = case
    net = MODELS[model](**options)
    weights = {f"w/{name}": p.get_value() for name, p in net.weights().items()}
    rng = np.random.RandomState(0)
    # Smooth pictures, like faces: white noise would make all engines' losses alike.
    X = rng.rand(batch, 1, 12, 12).repeat(8, 2).repeat(8, 3).astype(np.float32)
    y = rng.uniform(-0.3, 0.3, (batch, 30)).astype(np.float32)
    np.savez(path, X=X, y=y, **weights)

    spec, macs = [], 0
    for layer in net.get_all_layers():
        if isinstance(layer, L.Conv2DLayer):
            spec.append(["conv", layer.name, list(layer.pad)])
            macs += int(np.prod(layer.output_shape[2:])) * int(np.prod(layer.get_W_shape()))
        elif isinstance(layer, L.DenseLayer):
            spec.append(["dense", layer.name, None])
            macs += int(np.prod(layer.W.get_value(borrow=True).shape))
        elif isinstance(layer, BatchNormLayer):
            spec.append(["batch_norm", layer.name, layer.epsilon])
        elif isinstance(layer, L.MaxPool2DLayer):
            spec.append(["pool", layer.name, None])
        elif isinstance(layer, L.DropoutLayer):
            spec.append(["dropout", layer.name, layer.p])
        kind = {rectify: "relu", tanh: "tanh"}.get(getattr(layer, "nonlinearity", None))
        if kind:
            spec.append([kind, layer.name, None])
    return spec, macs


def measure(name, threads, rounds, torch_python, wanted):
    """All engines on one net with so many threads.

    Returns
    -------
    list of dict, one an engine and malloc
    """
    case = CASES[name]
    batch = case[3]
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "case.npz"))
        spec, macs = write_case(case, path)
        rows = []
        with contextlib.ExitStack() as stack:
            for engine, malloc, command, environment in engines(case, path, spec, threads,
                                                                torch_python):
                if wanted and engine not in wanted:
                    continue
                print(f"{name}, {threads} threads: starting {engine}, {malloc} malloc",
                      file=sys.stderr, flush=True)
                worker = Worker(command, environment)
                stack.callback(worker.close)
                rows.append({"net": name, "threads": threads, "engine": engine, "malloc": malloc,
                             "batch": batch, "worker": worker, "train": [], "evaluate": [],
                             "losses": worker.ask("check")["losses"], **worker.ready})
            agree(rows, dropout=case[1].get("dropout", False))
            for _ in range(rounds):
                for row in rows:
                    row["train"] += row["worker"].ask(f"train {3 if batch > 32 else 2}")["seconds"]
                    answer = row["worker"].ask("evaluate 2")
                    row["evaluate"] += answer["seconds"]
                    row["peak_bytes"] = answer["peak_bytes"]
    for row in rows:
        del row["worker"]
        step, evaluation = (statistics.median(row[key]) for key in ("train", "evaluate"))
        row["epoch_seconds"] = (step * N_TRAIN + evaluation * N_VALID) / batch
        row["images_per_second"] = batch / step
        # Forward, gradient of weights and of inputs: three products; one add with each multiply.
        row["gflops"] = 3 * 2 * macs * batch / step / 1e9
        row["spread"] = [min(row["train"]) / step, max(row["train"]) / step]
    return rows


def agree(rows, dropout):
    """Raise unless all engines computed the same losses; with dropout, before training only."""
    reference = np.array(rows[0]["losses"])
    for row in rows:
        count = 1 if dropout else len(reference)
        if not np.allclose(row["losses"][:count], reference[:count], rtol=2e-3):
            raise RuntimeError(f"{row['net']}: {row['engine']} computes something else: losses "
                               f"{row['losses']}, {rows[0]['engine']} {rows[0]['losses']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", metavar="PYTHON", help="an interpreter that has PyTorch")
    parser.add_argument("--nets", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--engines", nargs="+", help="some of the engines")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, os.cpu_count()])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    options = parser.parse_args()

    import table
    from facekp import info, provenance
    rows = []
    options.out.mkdir(parents=True, exist_ok=True)
    host = provenance.host()
    path = options.out / f"{platform.machine()}-{host['cpu'].replace(' ', '-')}.json"
    for name in options.nets:
        for threads in options.threads:
            rows += measure(name, threads, options.rounds, options.torch, options.engines)
            host.pop("name", None)
            path.write_text(json.dumps({
                "host": host, "versions": provenance.versions(), "sgemm_gflops":
                {str(t): info.gemm_gflops(t) for t in options.threads}, "rows": rows}, indent=1))
    table.write(path)


if __name__ == "__main__":
    main()
