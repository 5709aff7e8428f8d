"""Speed of the paper's nets: stock Theano, ours and PyTorch, taking turns in one go.

    python benchmarks/run.py --torch .venv-benchmark/bin/python

Each engine is a process of its own that stays alive; in each of several rounds every engine trains
a few steps, one after the other, so that all meet the same machine. The figures are medians over
all steps; an epoch is that of 1712 training and 428 validation images. Before they are timed, all
engines report their first losses from the same weights, and must agree.
"""
import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import engines
import numpy as np
import results

N_TRAIN, N_VALID = 1712, 428
SECONDS = 1.0  # an engine's turn lasts about so long
MAX_STEPS = 12
TOLERANCES = 1e-4, 1e-4, 2e-3, 1e-2
"""How far losses may differ before training and in steps 1, 2, 3: rounding grows with each."""


def sgemm(threads):
    """GFLOP/s of a large float32 product by Theano's BLAS.

    Returns
    -------
    dict
        ``environment``: as OPENBLAS_CORETYPE and the like are set here; ``own``: as the BLAS
        chooses by itself; ``best``: the larger, against which the engines are measured.
    """
    rates = {}
    for name, base in (("environment", os.environ), ("own", engines.ENVIRON)):
        done = subprocess.run(
            [sys.executable, "sgemm_worker.py"], stdout=subprocess.PIPE, check=True,
            universal_newlines=True, cwd=str(engines.HERE),
            env=dict(base, OMP_NUM_THREADS=str(threads), FACEKP_FUSED="0"))
        answer = results.last_json(done.stdout)
        if answer["blas_threads"] not in (None, threads):
            raise RuntimeError(f"the BLAS has {answer['blas_threads']} threads, not {threads}")
        rates[name] = answer["gflops"]
    return dict(rates, best=max(rates.values()))


def measure(name, threads, options):
    """All engines on one net with so many threads, as the command line's options say.

    Returns
    -------
    list of dict, one an engine and malloc
    """
    case = engines.CASES[name]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "case.npz"))
        spec, flops = engines.write_case(case, path)
        starts = [start for start in engines.engines(case, path, spec, threads, options.torch,
                                                     options.malloc)
                  if not options.engines or start[0] in options.engines]
        for first in range(0, len(starts), case.together):
            rows += take_turns(name, case, threads, options.rounds,
                               starts[first:first + case.together])
    for row in rows:
        step, evaluation = (statistics.median(row[key]) for key in ("train", "evaluate"))
        row["epoch_seconds"] = (step * N_TRAIN + evaluation * N_VALID) / case.batch
        row["images_per_second"] = case.batch / step
        row["gflops"] = flops * case.batch / step / 1e9
        row["spread"] = [float(np.percentile(row["train"], q)) / step for q in (25, 75)]
    return rows


def take_turns(name, case, threads, rounds, starts):
    """Seconds of the steps of several engines that are alive together."""
    with contextlib.ExitStack() as stack:
        workers, rows = [], []
        for _, _, command, environment in starts:
            workers.append(engines.Worker(command, environment))
            stack.callback(workers[-1].close)
        for (engine, malloc, _, _), worker in zip(starts, workers):
            worker.wait()
            rows.append({"net": name, "threads": threads, "engine": engine, "malloc": malloc,
                         "batch": case.batch, "train": [], "evaluate": []})
        for row, worker in zip(rows, workers):
            row["losses"] = worker.ask("check")["losses"]
            row["step"], = worker.ask("train 1")["seconds"]
            say("{net}, {threads} threads, {engine}, {malloc} malloc: {step:.3f} s a step, "
                "losses {losses}".format(**row))
        agree(rows, case)
        for _ in range(rounds):
            for row, worker in zip(rows, workers):
                take_turn(row, worker)
    return rows


def take_turn(row, worker):
    """About SECONDS of training steps, and evaluation steps."""
    step = row["step"]
    for kind, steps in (("train", int(np.clip(round(SECONDS / step), 1, MAX_STEPS))),
                        ("evaluate", 2 if step < SECONDS else 1)):
        if step < SECONDS / 2:
            worker.ask(f"{kind} 1")  # the engine before it has emptied the caches
        answer = worker.ask(f"{kind} {steps}")
        row[kind] += answer["seconds"]
    row["peak_bytes"] = answer["peak_bytes"]


def agree(rows, case):
    """Raise unless all engines computed the same losses; with dropout, before training only."""
    for row in rows:
        for i, tolerance in enumerate(TOLERANCES[:1 if case.options.get("dropout") else None]):
            loss, reference = row["losses"][i], rows[0]["losses"][i]
            if not abs(loss - reference) <= tolerance * reference:
                raise RuntimeError(f"{row['net']}: {row['engine']} computes something else: losses "
                                   f"{row['losses']}, {rows[0]['engine']} {rows[0]['losses']}")


def say(text):
    print(text, file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", type=engines.interpreter, metavar="PYTHON",
                        help="an interpreter that has PyTorch")
    parser.add_argument("--nets", nargs="+", choices=list(engines.CASES),
                        default=list(engines.CASES))
    parser.add_argument("--engines", nargs="+", help="some of the engines")
    parser.add_argument("--threads", nargs="+", type=int, default=[os.cpu_count(), 1])
    parser.add_argument("--malloc", nargs="+", choices=engines.MALLOCS, default=["tuned"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=results.FOLDER)
    options = parser.parse_args()

    for threads in options.threads:
        before, rows = sgemm(threads), []
        for name in options.nets:
            rows += measure(name, threads, options)
            for row in rows:
                row["sgemm_gflops"] = before["best"]
            results.merge(options.out, "training", rows, ("net", "threads", "malloc", "engine"))
        after = sgemm(threads)
        rates = {key: max(before[key], after[key]) for key in before}
        say(f"sgemm, {threads} threads: {rates} GFLOP/s")
        for row in rows:
            row["sgemm_gflops"] = rates["best"]
        results.merge(options.out, "training", rows, ("net", "threads", "malloc", "engine"))
        results.update(options.out, sgemm_gflops=dict(
            results.read(options.out).get("sgemm_gflops", {}), **{str(threads): rates}))


if __name__ == "__main__":
    main()
