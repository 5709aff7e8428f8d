"""Prediction with a saved net: start-up, images a second one at a time and in batches.

    python benchmarks/prediction.py --torch .venv-benchmark/bin/python

Start-up is from the start of a fresh process to its first prediction, with weights.npz on disk and
compiled modules in the cache. PyTorch's nets are held in memory; the faster of NCHW and
channels_last counts.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import engines
import results
import worker

ONE_AT_A_TIME, BATCHES, STARTS = 30, 5, 3


def predict(folder, batch):
    """Load the net of a run folder, predict, and say how long it took."""
    import numpy as np

    from facekp.engine import allocator
    from facekp.training import load_net
    allocator.tune()
    net = load_net(folder)
    X = np.random.RandomState(0).rand(batch, 1, 96, 96).astype(np.float32)
    net.predict_px(X[:1])
    worker.answer({"ready": time.time()})
    net.predict_px(X)  # the memory of a whole batch
    worker.answer({"one": worker.seconds(lambda: net.predict_px(X[:1]), ONE_AT_A_TIME),
                   "batch": worker.seconds(lambda: net.predict_px(X), BATCHES)})


def save(case, folder):
    """A run folder as training leaves it, as far as prediction needs it."""
    from facekp import files
    from facekp.nets.models import build
    from facekp.runs.folder import Run
    from facekp.settings import Settings
    from facekp.nets.weights import save_weights
    run = Run(folder)
    settings = Settings(case.model, case.options, batch_size=case.batch)
    files.write_json(run.config, {"settings": settings.as_dict()})
    save_weights(run.weights, {name: parameter.get_value()
                               for name, parameter in build(settings).weights().items()})


def ours(name, case, threads):
    """Medians over several starts of :func:`predict` in fresh processes."""
    starts, ones, batches = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        save(case, folder)
        for attempt in range(STARTS + 1):  # the first one fills the cache
            begun = time.time()
            done = subprocess.run([sys.executable, __file__, "--folder", folder, "--batch",
                                   str(case.batch)], check=True, stdout=subprocess.PIPE,
                                  universal_newlines=True, env=engines.environment(threads))
            *_, ready, seconds = done.stdout.strip().splitlines()
            if attempt:
                starts.append(results.last_json(ready)["ready"] - begun)
                ones += results.last_json(seconds)["one"]
                batches += results.last_json(seconds)["batch"]
    return {"net": name, "engine": engines.OURS, "threads": threads, "batch": case.batch,
            "startup_seconds": statistics.median(starts),
            "one_seconds": statistics.median(ones), "batch_seconds": statistics.median(batches)}


def pytorch(name, case, threads, torch_python):
    """The same of PyTorch's variants that need no compilation, without the start-up."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "case.npz"))
        spec, _ = engines.write_case(case, path)
        for engine, _, command, environment in engines.engines(case, path, spec, threads,
                                                               torch_python, ["tuned"]):
            if engine not in ("PyTorch", "PyTorch channels_last"):
                continue
            torch = engines.Worker(command, environment)
            torch.wait()
            torch.ask("predict 3")
            rows.append({"net": name, "engine": engine, "threads": threads, "batch": case.batch,
                         "one_seconds": statistics.median(
                             torch.ask(f"predict {ONE_AT_A_TIME}")["seconds"]),
                         "batch_seconds": statistics.median(
                             torch.ask(f"evaluate {BATCHES}")["seconds"])})
            torch.close()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", type=engines.interpreter, metavar="PYTHON",
                        help="an interpreter that has PyTorch")
    parser.add_argument("--nets", nargs="+", choices=list(engines.CASES),
                        default=["cnn14", "lenet5", "lenet5, batch norm", "vggnet"])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=results.FOLDER)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        predict(options.folder, options.batch)
        return
    for name in options.nets:
        case = engines.CASES[name]
        rows = [ours(name, case, options.threads)]
        if options.torch:
            rows += pytorch(name, case, options.threads, options.torch)
        for row in rows:
            print(row, file=sys.stderr, flush=True)
        results.merge(options.out, "prediction", rows, ("net", "engine", "threads"))


if __name__ == "__main__":
    main()
