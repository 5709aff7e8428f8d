"""Seconds until a net can be trained: first with an empty cache, then from the cache.

    python benchmarks/compile_time.py --torch .venv-benchmark/bin/python

From the start of the imports until the training and the evaluation function are compiled; for
PyTorch, which compiles when it is first called, until the first step and evaluation are done.
"""
import argparse
import os
import sys
import tempfile
from pathlib import Path

import engines
import results

ENGINES = (engines.OURS, engines.STOCK, "PyTorch torch.compile")


def measure(name, threads, torch_python, wanted):
    """Compile one net with every engine, twice.

    Returns
    -------
    list of dict
    """
    case, rows = engines.CASES[name], []
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "case.npz"))
        spec, _ = engines.write_case(case, path)
        for engine, _, command, environment in engines.engines(case, path, spec, threads,
                                                               torch_python, ["tuned"]):
            if engine not in wanted:
                continue
            with tempfile.TemporaryDirectory() as cache:
                environment = dict(environment, XDG_CACHE_HOME=cache, TORCHINDUCTOR_CACHE_DIR=cache)
                seconds = []
                for _ in range(2):
                    worker = engines.Worker(command, environment)
                    seconds.append(worker.wait()["compile_seconds"])
                    worker.close()
            rows.append({"net": name, "engine": engine, "threads": threads,
                         "first_seconds": seconds[0], "cached_seconds": seconds[1]})
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", type=engines.interpreter, metavar="PYTHON",
                        help="an interpreter that has PyTorch")
    parser.add_argument("--nets", nargs="+", choices=list(engines.CASES),
                        default=[name for name in engines.CASES if name != "cnn14, no dropout"])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=results.FOLDER)
    options = parser.parse_args()
    for name in options.nets:
        rows = measure(name, options.threads, options.torch, options.engines)
        results.merge(options.out, "compile", rows, ("net", "engine", "threads"))


if __name__ == "__main__":
    main()
