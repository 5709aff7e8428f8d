"""Time and memory to load training.csv: facekp (parsed, cached) beside pandas + np.fromstring.

    python benchmarks/loading.py data/kaggle [--repeat 3]

Each measurement is a process of its own. "parsed" has no cache entry, "cached" has one; the file
itself is in the system's memory in all cases, since it is read once before.
"""
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import results
import worker

METHODS = "cached", "parsed", "pandas"


def load_pandas(path):
    """What the contest's public tutorials do."""
    import numpy as np
    import pandas as pd

    start = time.perf_counter()
    table = pd.read_csv(path)
    images = table["Image"].apply(lambda text: np.fromstring(text, sep=" "))
    X = (np.vstack(images.values) / 255).astype(np.float32).reshape(-1, 1, 96, 96)
    y = table[table.columns[:-1]].values.astype(np.float32)
    return time.perf_counter() - start, X, y


def load_facekp(path, cache_dir):
    from facekp.data import load_training

    start = time.perf_counter()
    training = load_training(path.parent, cache_dir=cache_dir)
    return time.perf_counter() - start, training.X, training.y


def measure(method, path, cache_dir):
    """In a process of its own: seconds, peak memory (MB), and sums that must agree."""
    if method == "pandas":
        seconds, X, y = load_pandas(path)
    else:
        seconds, X, y = load_facekp(path, cache_dir)
    return {"seconds": seconds, "peak_mb": worker.peak_bytes() / 2 ** 20, "rows": len(X),
            "sums": [float(X.sum(dtype=float)), float(y[y == y].sum(dtype=float))]}


def in_subprocess(method, path, cache_dir):
    command = [sys.executable, __file__, str(path.parent), "--method", method, "--cache", cache_dir]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.decode())


def run(path, repeat):
    """Median and best seconds, and peak memory, of each method; methods take turns."""
    path.read_bytes()
    found = {method: [] for method in METHODS}
    with tempfile.TemporaryDirectory() as warm:
        in_subprocess("cached", path, warm)
        for _ in range(repeat):
            found["cached"].append(in_subprocess("cached", path, warm))
            found["pandas"].append(in_subprocess("pandas", path, warm))
            with tempfile.TemporaryDirectory() as cold:
                found["parsed"].append(in_subprocess("parsed", path, cold))
    sums = [r["sums"] for rs in found.values() for r in rs]
    if any(abs(a - b) > 1e-6 * abs(b) for s in sums for a, b in zip(s, sums[0])):
        raise SystemExit(f"the methods do not load the same numbers: {sums}")
    return {method: {"seconds": statistics.median(r["seconds"] for r in rs),
                     "best_seconds": min(r["seconds"] for r in rs),
                     "peak_mb": max(r["peak_mb"] for r in rs), "rows": rs[0]["rows"]}
            for method, rs in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="Kaggle's files; synthetic faces where there are none")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--out", type=Path, default=results.FOLDER)
    parser.add_argument("--method", choices=METHODS, help=argparse.SUPPRESS)
    parser.add_argument("--cache", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.method:
        worker.answer(measure(options.method, Path(options.folder, "training.csv"), options.cache))
        return
    from facekp.data.folder import resolve
    path = resolve(options.folder) / "training.csv"
    loading = run(path, options.repeat)
    for method, row in loading.items():
        print(method, row, file=sys.stderr)
    results.update(options.out, loading=loading)


if __name__ == "__main__":
    main()
