"""How far apart runs end that differ in nothing but threads, kernels or vector width.

    python benchmarks/determinism.py [--data FOLDER] [--images 600] [--epochs 1 10 50]

Every case trains the same net from the same seed in a process of its own; the first one, on two
threads, is the reference, and the second one repeats it. The tables go into docs/determinism.md.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from results import markdown

from facekp import files
from facekp.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "determinism.md"
BEGIN, END = "<!-- written by benchmarks/determinism.py -->", "<!-- end of the tables -->"
NETS = {
    "lenet5": Settings("lenet5", optimizer="adam", learning_rate=0.001),
    "cnn14": Settings("cnn14", optimizer="adagrad", learning_rate=0.01),
}
CASES = {
    "2 threads": {"OMP_NUM_THREADS": "2"},
    "2 threads, again": {"OMP_NUM_THREADS": "2"},
    "1 thread": {"OMP_NUM_THREADS": "1"},
    "2 threads, compiled for AVX2": {
        "OMP_NUM_THREADS": "2", "THEANO_FLAGS": "gcc.cxxflags=-march=haswell"},
    "2 threads, stock Theano": {"OMP_NUM_THREADS": "2", "FACEKP_FUSED": "0"},
}
OURS = ("THEANO", "FACEKP", "OMP_", "OPENBLAS", "MKL_", "BLIS_")


def train(net_name, folder, n_images, epochs, out):
    """Train one net; weights, losses and predictions after each of `epochs` go to `out`.

    Returns nothing; writes an npz and prints the data's label as JSON.
    """
    from dataclasses import replace

    from facekp import data, keypoints
    from facekp.training import one_run
    from facekp.nets.net import GivenSplit
    settings = replace(NETS[net_name], epochs=max(epochs))
    faces = data.load_training(folder, complete_only=True)
    parts = one_run.split(faces.X[:n_images], faces.y[:n_images], settings)
    net = one_run.build(settings)
    net.train_split = GivenSplit(parts.X_valid, keypoints.scale(parts.y_valid))
    saved = {"y_valid": parts.y_valid}

    def keep(net, history):
        epoch = history[-1]["epoch"]
        if epoch in epochs:
            saved[f"{epoch}/weights"] = np.concatenate(
                [value.get_value().ravel() for value in net.weights().values()])
            saved[f"{epoch}/y_pred"] = net.predict_px(parts.X_valid)

    net.on_epoch_finished = [keep]
    net.initialize()
    net.train_loop(parts.X_train, keypoints.scale(parts.y_train), epochs=max(epochs))
    np.savez(out, **saved)
    print(json.dumps({"label": faces.provenance["label"], "n_train": len(parts.X_train),
                      "n_valid": len(parts.X_valid)}))


def run(net, case, options, out):
    """One case in a process of its own.

    Returns
    -------
    (dict of arrays, dict) : what :func:`train` saved and printed
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
    command = [sys.executable, __file__, "--worker", net, out, "--data", options.data, "--images",
               str(options.images), "--epochs", *map(str, options.epochs)]
    done = subprocess.run(command, env={**environment, **CASES[case]}, stdout=subprocess.PIPE,
                          universal_newlines=True, check=True)
    with np.load(out) as arrays:
        return dict(arrays), json.loads(done.stdout.splitlines()[-1])


def row(case, reference, found, epoch):
    """A line of the table: how far `found` is from `reference`."""
    from facekp.metrics import rmse_px
    before, now = (arrays[f"{epoch}/weights"] for arrays in (reference, found))
    same = "yes" if before.tobytes() == now.tobytes() else "no"
    apart = np.linalg.norm(before.astype(float) - now) / np.linalg.norm(before)
    y_before, y_now = (arrays[f"{epoch}/y_pred"] for arrays in (reference, found))
    return [case, epoch, same, f"{apart:.1e}", f"{np.abs(y_before - y_now).max():.1e}",
            f"{rmse_px(found['y_valid'], y_now):.4f}"]


def measure(options):
    """All cases of all nets, as Markdown."""
    from facekp import machine
    from facekp.runs import provenance
    parts = []
    for net in options.nets:
        with tempfile.TemporaryDirectory() as folder:
            found = {case: run(net, case, options, os.path.join(folder, f"{number}.npz"))
                     for number, case in enumerate(CASES)}
        reference, what = found["2 threads"]
        rows = [row(case, reference, arrays, epoch) for epoch in options.epochs
                for case, (arrays, _) in found.items()]
        print(*rows, sep="\n", file=sys.stderr, flush=True)
        settings = NETS[net]
        parts.append(
            f"{net}, {settings.optimizer}, seed {settings.seed}, {what['n_train']} training and "
            f"{what['n_valid']} validation images ({what['label']}):\n\n" + markdown(
                ["case", "epochs", "same bits", "weights apart (relative)",
                 "predictions apart at most, px", "validation, px"], rows))
    host, versions = machine.host(), provenance.versions()
    head = (f"{host['cpu']}, {host['cores']} cores; "
            + ", ".join(f"{name} {version}" for name, version in versions.items()) + ".")
    return "\n\n".join([head] + parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/kaggle", metavar="FOLDER")
    parser.add_argument("--images", type=int, default=600, metavar="N")
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--nets", nargs="+", choices=list(NETS), default=list(NETS))
    parser.add_argument("--worker", nargs=2, metavar=("NET", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        train(options.worker[0], options.data, options.images, options.epochs, options.worker[1])
        return
    text = measure(options)
    files.put_between(PAGE, BEGIN, END, text)
    print(text)


if __name__ == "__main__":
    main()
