"""What the launcher costs for very many runs: stand-ins for SLURM's commands, and no trainings.

    PYTHONPATH=.:tests python -m cluster.simulation [--runs 10000] [--nodes 500] [--write]

``--write`` puts the table into docs/cluster.md.
"""
import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import run_tools
import slurm_tools
from cluster import figures

from facekp import machine
from facekp.experiment.launch import slurm, slurm_queue
from facekp.runs.folder import Run
from facekp.settings import Settings

TRAINING = SimpleNamespace(y=np.zeros((2140, 30)), provenance={"files": {"training.csv": "12ab"}})


class Patch:
    """What :func:`slurm_tools.install` needs of pytest's."""

    def setenv(self, name, value):
        os.environ[name] = value


def main(argv=None):
    parser = argparse.ArgumentParser(prog="cluster.simulation",
                                     description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=10000)
    parser.add_argument("--nodes", type=int, default=500)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        rows = simulate(Path(folder), options.runs, options.nodes)
    host = machine.host()
    table = "\n".join([
        f"{options.runs} runs, {options.nodes} at a time; {host['cpu']}, {host['cores']} cores, "
        "local disk:", "",
        "| step | seconds | of a processor | calls of SLURM's commands | files |",
        "|---|---|---|---|---|", *rows])
    print(table)
    if options.write:
        figures.write("simulation", table)


def simulate(folder, n_runs, n_nodes):
    """Rows of a table: a step, its seconds, calls and new files."""
    stand_in = slurm_tools.install(folder / "slurm", Patch())
    root = folder / "runs"
    plan = [(Run(root / "study" / "cnn14" / f"v{k}" / "fold0"), Settings("cnn14", epochs=100))
            for k in range(n_runs)]
    launch = slurm.Slurm("data", root, TRAINING, f"time=600 memory=4GB at_a_time={n_nodes}",
                         say=lambda text: None)
    runs, rows = [run for run, _ in plan], []

    def step(words, action):
        before, n_files = _calls(stand_in), _files(root)
        begun, used = time.perf_counter(), sum(os.times()[:4])
        result = action()
        seconds, used = time.perf_counter() - begun, sum(os.times()[:4]) - used
        calls = ", ".join(f"{count} {name}"
                          for name, count in (_calls(stand_in) - before).items())
        rows.append(f"| {words} | {seconds:.1f} | {used:.1f} | {calls or 'none'} | "
                    f"{_files(root) - n_files} |")
        print(rows[-1], file=sys.stderr)
        return result

    step("submit all", lambda: launch(plan))
    step("the same command: all wait", lambda: launch(plan))
    half = n_runs // 2
    for run in runs[:half]:  # complete, as far as its presence tells
        run.folder.mkdir(parents=True)
        run.summary.touch()
    for run in runs[half:half + n_nodes]:
        run_tools.make_run(run.folder, [.1] * 50, state=None, epochs=100)
    recorded = slurm_queue.recorded(root)
    numbers = [recorded[os.path.realpath(run.folder)][-1].number for run in runs]
    (stand_in / "queue").write_text("".join(
        f"{number}|{'RUNNING' if k < half + n_nodes else 'PENDING'}|None\n"
        for k, number in enumerate(numbers) if k >= half))
    step(f"where they stand: half done, {n_nodes} train",
         lambda: slurm_queue.states(root, runs))
    (stand_in / "queue").write_text("")
    step("where they stand: half done, half lost", lambda: slurm_queue.states(root, runs))
    step("submit the lost half again", lambda: launch(plan))
    step("cancel", lambda: slurm_queue.cancel(root))
    return rows


def _calls(folder):
    calls = folder / "calls"
    return Counter(line.split()[0] for line in calls.read_text().splitlines()
                   ) if calls.exists() else Counter()


def _files(root):
    return sum(len(names) for _, _, names in os.walk(root / slurm_queue.FOLDER))


if __name__ == "__main__":
    main()
