"""Where a training step's time goes: every Op of our nets beside the machine's sgemm rate.

    python benchmarks/step.py [--nets cnn14 lenet5] [--threads 2]

Theano's profiler times each Op over several steps. Beside it stands how much longer the Op takes
than its multiply-adds would at the sgemm rate of the same threads: these milliseconds are what is
lost. Winograd's algorithm needs fewer multiply-adds than are counted, so that it can be ahead.
"""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import engines
import results
import run
import worker

STEPS = 15


def measure(name):
    """Time the Ops of one net in this process.

    Returns
    -------
    list of dict : op, ms and flops of a step, the slowest first
    """
    import facekp.engine.ready  # noqa: F401
    import numpy as np
    import theano

    from facekp.engine import allocator
    from facekp.nets.models import MODELS
    allocator.tune()
    theano.config.profile, theano.config.profiling.output_format = True, "none"
    case = engines.CASES[name]
    net = MODELS[case.model](batch_size=case.batch, **case.options)
    net.initialize()
    step = net.train_iter_.function
    rng = np.random.RandomState(0)
    batch = rng.rand(case.batch, 1, 96, 96).astype("float32"), rng.rand(case.batch, 30).astype("f")
    for _ in range(3):
        step(*batch)
    step.profile.apply_time.clear()
    for _ in range(STEPS):
        step(*batch)
    products = {layer.W.name: engines.multiply_adds(layer) * case.batch
                for layer in net.get_all_layers() if hasattr(layer, "W")}
    rows = [dict(_row(key[-1] if isinstance(key, tuple) else key, products),
                 ms=1000 * seconds / STEPS)
            for key, seconds in step.profile.apply_time.items()]
    return sorted(rows, key=lambda row: -row["ms"])


def _row(node, products):
    """The name of a node, and its multiply-adds times two."""
    kind = type(node.op).__name__
    names = [variable.name for variable in node.inputs if variable.name]
    weights = next((name for name in names if name in products), None)
    if weights is None or kind == "Update":
        return {"op": f"{names[-1] if names else ''} {kind}".strip(), "flops": 0}
    count = 1
    if "Grad" in kind:  # of the weights, and of the input unless nobody needs it
        count = 1 + bool(getattr(node.op, "needs_input_grad", True))
    return {"op": f"{weights[:-2]} {kind}", "flops": 2 * count * products[weights]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", nargs="+", choices=list(engines.CASES),
                        default=list(engines.CASES))
    parser.add_argument("--threads", nargs="+", type=int, default=[os.cpu_count()])
    parser.add_argument("--out", type=Path, default=results.FOLDER)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker.answer({"rows": measure(options.worker)})
        os._exit(0)  # Theano's profiler would print its own tables
    for threads in options.threads:
        before = run.sgemm(threads)["best"]
        for name in options.nets:
            done = subprocess.run([sys.executable, __file__, "--worker", name], check=True,
                                  stdout=subprocess.PIPE, universal_newlines=True,
                                  env=engines.environment(threads))
            rows = results.last_json(done.stdout)["rows"]
            peak = max(before, run.sgemm(threads)["best"])
            entry = {"net": name, "threads": threads, "sgemm_gflops": peak, "ops": rows}
            print(json.dumps({**entry, "ops": rows[:3]}), file=sys.stderr, flush=True)
            results.merge(options.out, "steps", [entry], ("net", "threads"))


if __name__ == "__main__":
    main()
