"""Does training on this GPU give the CPU's numbers, and how fast is it? For a person who has one.

    make gpu-check DEVICE=cuda0
    python benchmarks/gpu.py --device cuda0 [--torch PYTHON] [--nets lenet5 resnet]

It compares pygpu with numpy; then, for each net, what the first step of plain gradient descent
changes in the weights, and the losses before and after it, with the CPU's; then it times steps with
the net's own optimizer, one net after the other. Drawn images have large structures, as faces have:
a difference beyond 1e-3 is an error, not rounding. The results are printed, and written to
benchmarks/results/gpu-<device>.json, from which docs/gpu.md is made.
"""
import argparse
import concurrent.futures
import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import engines
import numpy as np
import results
from gpu_table import table

TOLERANCE = 1e-3
LEARNING_RATE = 0.05
WARM_UP = 5  # steps
N_TRAIN, N_VALID = 1712, 428  # images of an epoch
CASES = {name: engines.CASES[name]._replace(batch=32 if name == "vggnet" else 128)
         for name in ("lenet5", "lenet5, batch norm", "cnn14, no dropout", "small_vgg", "resnet",
                      "vggnet")}
ENDED = "failed, as the messages say"  # the worker has printed why
TORCH = {"PyTorch": "cuda", "PyTorch, TF32": "cuda tf32"}


class Check:
    """The whole check of one device.

    Parameters
    ----------
    device : str
    folder : Path
        A folder for batches and weights.
    jobs : int
        So many nets are compiled at a time.
    """

    def __init__(self, device, folder, jobs):
        self.device, self.folder, self.jobs = device, folder, jobs
        # the kernels of ours for the GPU, where this version has them, beside Theano's own
        self.variants = ["1", "0"] if importlib.util.find_spec("facekp.fused_gpu") else ["0"]

    def environment(self, name, device, fused="1"):
        """The environment of a worker: what is compiled at the same time has folders of its own,
        or one would wait for the other's modules."""
        from facekp.engine.plan import cache_folder

        modules = Path(cache_folder(os.environ).value, "gpu-check",
                       re.sub(r"\W+", "-", f"{name}-{device}-{fused}"))
        flags = engines.ENVIRON.get("THEANO_FLAGS", "")
        return engines.environment(
            max(1, (os.cpu_count() or 1) // self.jobs), FACEKP_DEVICE=device, FACEKP_FUSED=fused,
            THEANO_FLAGS=",".join(filter(None, [flags, f'base_compiledir="{modules}"'])))

    def worker(self, name, device, fused, compare):
        """Start a worker that trains a net: by gradient descent, or as it is timed."""
        case = CASES[name]
        options = dict(case.options)
        if compare:
            options.update(optimizer="sgd", learning_rate=LEARNING_RATE)
        return engines.Worker(
            [sys.executable, "gpu_worker.py", self.path(name), case.model, json.dumps(options),
             str(self.folder / f"{name}-{device}-{fused}.npz")],
            self.environment(name, device, fused))

    def path(self, name):
        return str(self.folder / f"{name}.npz")

    def losses(self, name, device, fused="1"):
        """The losses of a net's first steps; how the first changes the weights is left in a file.

        Returns
        -------
        losses : list of float
        repeats : bool
            Whether the same process, asked again, gives the same bits.
        """
        worker = self.worker(name, device, fused, compare=True)
        try:
            worker.wait()
            first, second = (worker.ask("check")["losses"] for _ in range(2))
            return second, first == second
        finally:
            worker.close()

    def compare(self, name, fused, expected):
        """Losses on the device beside the CPU's, and what is timed later is compiled.

        Parameters
        ----------
        name, fused : str
        expected : Future of what :meth:`losses` gives for the CPU

        Returns
        -------
        dict
        """
        row = {"net": name, "device": self.device, "fused": fused == "1",
               "batch": CASES[name].batch}
        try:
            row["losses"], row["repeats"] = self.losses(name, self.device, fused)
            worker = self.worker(name, self.device, fused, compare=False)
            try:
                row["compile_seconds"] = worker.wait()["compile_seconds"]
            finally:
                worker.close()
            row["losses_cpu"], _ = expected.result()
            row["loss_difference"] = max(
                abs(a - b) / b for a, b in zip(row["losses"], row["losses_cpu"]))
            row["change_difference"] = self.change_difference(name, fused)
            row["same"] = max(row["loss_difference"], row["change_difference"]) <= TOLERANCE
        except RuntimeError:
            row["error"] = ENDED
        say(row)
        return row

    def change_difference(self, name, fused):
        """How far the changes of all weights are from the CPU's, relative to the CPU's changes."""
        changes = []
        for device, variant in ((self.device, fused), ("cpu", "1")):
            with np.load(self.folder / f"{name}-{device}-{variant}.npz") as file:
                changes.append(np.concatenate([file[key].ravel() for key in sorted(file.files)]))
        found, expected = (change.astype(np.float64) for change in changes)
        return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))

    def row_worker(self, row):
        """The worker that times a row, about to get ready."""
        return self.worker(row["net"], self.device, "1" if row["fused"] else "0", compare=False)


def time_rows(rows, start, jobs, steps):
    """Time steps; adds milliseconds and memory to rows that have no error.

    Parameters
    ----------
    rows : list of dict
    start : callable taking a row, which starts its worker
    jobs : int
        So many workers get ready at the same time; then they are timed, one after the other.
    steps : int
    """
    rows = [row for row in rows if "error" not in row]
    for first in range(0, len(rows), jobs):
        group = rows[first:first + jobs]
        workers = [start(row) for row in group]
        for row, worker in zip(group, workers):
            try:
                row.update((key, value) for key, value in worker.wait().items()
                           if key in ("torch", "cudnn"))
            except RuntimeError:
                row["error"] = ENDED
        for row, worker in zip(group, workers):
            try:
                if "error" not in row:
                    row.update(timed(worker, row["batch"], steps, torch="engine" in row))
            except RuntimeError:
                row["error"] = ENDED
            finally:
                worker.close()
            say(row)


def timed(worker, batch, steps, torch=False):
    """Milliseconds of steps on a whole batch, and the memory that they take, from a worker that is
    ready."""
    before = 0 if torch else worker.ask("train 0")["peak_bytes"]  # ours counts the whole device's
    for _ in range(2):  # memory pools and clocks
        worker.ask(f"train {WARM_UP}")
    answer = worker.ask(f"train {steps}")
    evaluation = worker.ask(f"evaluate {WARM_UP + 5}")["seconds"][WARM_UP:]
    step, evaluate = statistics.median(answer["seconds"]), statistics.median(evaluation)
    return {"ms": 1000 * step, "ms_fastest": 1000 * min(answer["seconds"]), "steps": steps,
            "evaluate_ms": 1000 * evaluate, "memory_MiB": (answer["peak_bytes"] - before) >> 20,
            "epoch_seconds": (step * N_TRAIN + evaluate * N_VALID) / batch}


def torch_worker(python, row, path, spec):
    """A worker of PyTorch's eager mode on the GPU."""
    environment = {key: value for key, value in engines.ENVIRON.items()
                   if not key.startswith(("PYTHON", "LIBRARY_PATH", "THEANO", "FACEKP", "OMP_"))}
    case = CASES[row["net"]]
    return engines.Worker([python, "torch_worker.py", path, json.dumps(spec), case.optimizer,
                           str(case.learning_rate), TORCH[row["engine"]]], environment)


def library(device):
    """What pygpu computes with, and its differences from numpy.

    Raises
    ------
    SystemExit
        With the engine's one line, if the device cannot be used.
    """
    done = subprocess.run(
        [sys.executable, "gpu_library.py"], cwd=str(engines.HERE), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, universal_newlines=True,
        env=dict(engines.ENVIRON, FACEKP_DEVICE=device))
    if done.returncode:
        raise SystemExit(done.stderr.strip().splitlines()[-1])
    return results.last_json(done.stdout)


def say(row):
    """A line about a row, while the check goes on."""
    print(", ".join(f"{key} {value}" for key, value in row.items() if key != "parts"),
          file=sys.stderr, flush=True)


def check(options, folder):
    """Do everything; returns what is written to the file."""
    from facekp import machine
    from facekp.runs import provenance

    found = library(options.device)
    say(found)
    host = machine.host()
    del host["name"]
    content = {"gpu": found, "host": host, "versions": provenance.versions(), "torch": [],
               "tolerance": TOLERANCE}
    plan = Check(options.device, folder, options.jobs)
    specs = {name: engines.write_case(CASES[name], plan.path(name))[0] for name in options.nets}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        expected = {name: pool.submit(plan.losses, name, "cpu") for name in options.nets}
        rows = [pool.submit(plan.compare, name, fused, expected[name])
                for name in options.nets for fused in plan.variants]
        content["nets"] = [row.result() for row in rows]
    time_rows(content["nets"], plan.row_worker, options.jobs, options.steps)
    if options.torch:
        content["torch"] = [{"engine": engine, "net": name, "batch": CASES[name].batch}
                            for name in options.nets for engine in TORCH]
        time_rows(content["torch"], lambda row: torch_worker(
            options.torch, row, plan.path(row["net"]), specs[row["net"]]),
            options.jobs, options.steps)
    return content


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default=os.environ.get("FACEKP_DEVICE") or "cuda0",
                        help="cuda0, opencl0:0, ... (default: %(default)s)")
    parser.add_argument("--torch", type=engines.interpreter, metavar="PYTHON",
                        help="an interpreter that has PyTorch, to be timed beside")
    parser.add_argument("--nets", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 1) // 2),
                        help="so many workers compile at a time, and hold memory of the device "
                             "(default: %(default)s)")
    parser.add_argument("--steps", type=int, default=40,
                        help="so many steps of each net are timed (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=results.FOLDER)
    options = parser.parse_args()
    os.environ["FACEKP_DEVICE"] = "cpu"  # this process only makes the batches
    with tempfile.TemporaryDirectory() as folder:
        content = check(options, Path(folder))
    options.out.mkdir(parents=True, exist_ok=True)
    name = "-".join(re.findall(r"\w+", content["gpu"]["name"]))
    kind = "" if options.device.startswith("cuda") else "-opencl"
    file = options.out / f"gpu-{name}{kind}.json"
    file.write_text(json.dumps(content, indent=1) + "\n")
    print(table(content))
    print(file)
    unlike = [row["net"] for row in content["nets"] if not row.get("same")]
    unlike += [name for name, value in content["gpu"]["differences"].items()
               if not value <= TOLERANCE]
    if unlike:
        sys.exit(f"not the CPU's numbers, or none: {', '.join(dict.fromkeys(unlike))}")


if __name__ == "__main__":
    main()
