"""Memory, file descriptors and threads while each net trains for 200 epochs; memory of loading.

    PYTHONPATH=.:tests python -m faults.load [--work FOLDER]

Few images, so that it takes minutes. Each measurement is a process of its own, and those that are
in docs/reliability.json already, made with the same code, are not made again.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from faults import configurations, figures

SAMPLED = (1, 2, 10, 50, 100, 150, 200)
N_TRAIN, N_TRAIN_VGGNET = 20, 10


def used():
    """Memory (MiB), file descriptors and threads of this process (Linux).

    Returns
    -------
    dict of str -> number
    """
    return {"rss_mib": _status("VmRSS"), "peak_mib": _status("VmHWM"),
            "descriptors": len(os.listdir("/proc/self/fd")),
            "threads": len(os.listdir("/proc/self/task"))}


def _status(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(name)


def train(name, data, out):
    """Train a configuration in this process; print a JSON line with a sample an epoch."""
    from facekp.training import handlers
    samples = []

    def sample(self, net, history):  # in place of nolearn's table
        if len(history) in SAMPLED:
            samples.append({"epoch": len(history), **used()})

    handlers.EpochTable.__call__ = sample
    code = configurations.experiment(f"LOADED/{name}").main(["--data", data, "--out", out])
    print(json.dumps(samples))
    return code


def load(folder, cache):
    """Load a folder of Kaggle's in this process; print a JSON line with the peak."""
    from facekp import data
    training = data.load_training(folder, cache_dir=cache)
    print(json.dumps([{"images": len(training.X), "label": training.provenance["label"],
                       "image_mib": training.X.nbytes / 2**20, **used()}]))


def measured(*arguments):
    """What a process of this module prints on its last line."""
    env = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MPLBACKEND="agg")
    done = subprocess.run((sys.executable, "-m", "faults.load") + arguments, env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}: exit code {done.returncode}:\n{done.stdout[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main(argv=None):
    parser = argparse.ArgumentParser(prog="faults.load", description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("runs/faults"), metavar="FOLDER")
    options = parser.parse_args(argv)
    options.work = options.work.resolve()
    known = figures.known("load")
    for name in configurations.LOADED:
        if name not in known:
            n = N_TRAIN_VGGNET if name.startswith("vggnet") else N_TRAIN
            data = configurations.write_data(options.work / f"data-{n}", n)
            out = options.work / "load"
            shutil.rmtree(out, ignore_errors=True)
            known[name] = measured("train", name, str(data), str(out))
            figures.write("load", known)
        print(name, known[name][-1], flush=True)
    cache = options.work / "load-cache"
    shutil.rmtree(cache, ignore_errors=True)
    figures.write("loading", {way: measured("load", "data/synthetic", str(cache))
                              for way in ("from the CSV", "from the cache")})


if __name__ == "__main__":
    if sys.argv[1:2] in (["train"], ["load"]):
        sys.exit({"train": train, "load": load}[sys.argv[1]](*sys.argv[2:]))
    sys.exit(main())
