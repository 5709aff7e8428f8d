"""Six short runs on a real SLURM of two virtual nodes, disturbed in every way; then compared.

    PYTHONPATH=.:tests python -m cluster.campaign [--epochs 100] [--write]

Each must end with the bytes of a run that nobody disturbed, and no run may be trained by two
processes at a time. Where SLURM cannot be started, one line says so, and that is all. ``--write``
puts the figures into docs/cluster.md.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from checkout import ROOT
from cluster import figures
from cluster.slurm import Slurm, missing
from faults import configurations, harness

N_RUNS, LIMIT = 6, 2
REFUSED = {"partition=nowhere memory=1GB": "Invalid partition name specified",
           "memory=900GB": "Requested node configuration is not available",
           "memory=40MB": "used more memory than it asked for"}
"""Options that cannot be had, and words of the one line that says so."""

STUDY = ROOT / "tests" / "cluster" / "study.py"
SEEDS = ",".join(map(str, range(N_RUNS)))


def main(argv=None):
    parser = argparse.ArgumentParser(prog="cluster.campaign", description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # the daemons end with it
    if missing():
        print(f"no SLURM here, so nothing is tested: {missing()}")
        return 0
    with tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp") as folder:
        campaign = Campaign(Path(folder), options.epochs)
        try:
            slurm = Slurm(Path(folder)).__enter__()
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            print(f"no SLURM here, so nothing is tested: it does not start: {error}")
            return 0
        with slurm:
            faults = campaign.run(slurm)
        if options.write and not faults:
            figures.write("campaign", campaign.figures)
        return int(faults)


class Campaign:
    """The study, its disturbances and what came of them."""

    def __init__(self, folder, epochs):
        self.folder, self.epochs = folder, epochs
        self.out, self.trace, self.log = folder / "runs", folder / "trace", folder / "study.log"
        self.begun, self.faults = time.monotonic(), []

    def say(self, text):
        print(f"{time.monotonic() - self.begun:4.0f} s: {text}", flush=True)

    def command(self, out, *more, seeds=SEEDS):
        return [sys.executable, str(STUDY), "--data", str(self.folder / "data"), "--out", str(out),
                "--seeds", seeds, "--epochs", str(self.epochs), *more]

    def run(self, slurm):
        self.slurm = slurm
        configurations.write_data(self.folder / "data")
        environ = {**os.environ, **slurm.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        undisturbed = self.folder / "undisturbed"
        subprocess.run(self.command(undisturbed, "--jobs", "2"), env=environ, check=True,
                       stdout=subprocess.DEVNULL)
        self.say("six runs on this machine, undisturbed")
        for words in REFUSED:
            self.refuse(words, environ)
        environ.update(STUDY_SECONDS="2", STUDY_TRACE=str(self.trace))
        on_slurm = self.command(
            self.out, "--cluster", "slurm", "--cluster-args",
            f"partition=short time={LIMIT} memory=2GB cores=1 signal_seconds=5", "--wait")
        attempts = 0
        for attempts in range(1, 6):  # as a user does, who gives the same command again
            with open(self.log, "a") as log:
                study = subprocess.Popen(on_slurm, env=environ, stdout=log, stderr=log)
            try:
                if attempts == 1:
                    self.disturb(on_slurm[:-1], environ)
                code = study.wait(2400)
            finally:
                study.terminate()
            self.say(f"the command ended with {code}")
            if code == 0:
                break
        return self.verdict(undisturbed, attempts, code)

    def refuse(self, words, environ):
        done = subprocess.run(
            self.command(self.folder / "refused", "--cluster", "slurm", "--wait", "--cluster-args",
                         f"time={LIMIT} cores=1 {words}", seeds="0"),
            env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
        lines = done.stderr.strip().splitlines()
        self.say(f"{words}: {lines[-1:]}")
        if done.returncode != 2 or len(lines) != 1 or REFUSED[words] not in lines[0]:
            self.faults.append(f"{words}: {done.returncode}, {done.stderr}")

    def job(self, seed):
        """The number of a run's job."""
        path = min(self.out.glob("cluster-jobs/*/jobs.json"))
        place = "slow-lenet5/fold0" if seed == 0 else f"slow-lenet5/seed{seed}/fold0"
        return next(number for number, folder, _ in json.loads(path.read_text())["jobs"]
                    if folder == f"study/{place}")

    def epochs_of(self, seed):
        return sum(row[0] == seed for row in self.rows())

    def rows(self):
        """Lines of the trace: seed, process, epoch, time."""
        text = self.trace.read_text() if self.trace.exists() else ""
        return [(int(seed), int(pid), int(epoch), float(at))
                for seed, pid, epoch, at in map(str.split, text.splitlines())]

    def until(self, seed, epochs):
        for _ in range(600):
            if self.epochs_of(seed) >= epochs:
                return
            time.sleep(0.5)
        raise RuntimeError(f"run {seed} does not train; see {self.log.read_text()[-2000:]}")

    def disturb(self, command, environ):
        for seed in range(N_RUNS):
            self.until(seed, 2)
        self.slurm.ask("scontrol", "requeue", self.job(0))
        self.say("scontrol requeue of run 0")
        self.slurm.ask("scancel", self.job(1))
        with open(self.log, "a") as log:  # the command without --wait submits it again
            subprocess.run(command, env=environ, stdout=log, stderr=log, check=True)
        self.say("scancel of run 1, and the same command once more")
        self.slurm.stop("slurmctld", signal.SIGTERM)
        time.sleep(5)
        self.slurm.start_controller()
        self.say("slurmctld was stopped, and started again")
        self.slurm.stop("n2")
        self.say("kill -9 of the slurmd of n2")
        time.sleep(40)
        self.slurm.start_node("n2")
        self.say("slurmd of n2 started again")
        self.slurm.ask("scontrol", "update", "NodeName=n1", "State=DRAIN", "Reason=test")
        self.say("n1 drained")
        time.sleep(45)
        self.slurm.ask("scontrol", "update", "NodeName=n1", "State=RESUME")
        self.say("n1 resumed")

    def verdict(self, undisturbed, attempts, code):
        """Print the figures; returns 0 if all is as it should be."""
        faults = self.faults + ["the study does not come to its end"] * (code != 0)
        rows, text = self.rows(), self.log.read_text()
        for run in sorted(undisturbed.glob("study/**/fold0")):
            twin = self.out / run.relative_to(undisturbed)
            if not (twin / "summary.json").exists():
                faults.append(f"{twin}: not complete")
            elif harness.differences(twin, harness.results(run)):
                faults.append(f"{twin}: differs: "
                              f"{harness.differences(twin, harness.results(run))}")
        for seed in range(N_RUNS):
            spans = {}
            for _, pid, _, at in (row for row in rows if row[0] == seed):
                first, last = spans.get(pid, (at, at))
                spans[pid] = min(first, at), max(last, at)
            ordered = sorted(spans.values())
            if any(after[0] < before[1] for before, after in zip(ordered, ordered[1:])):
                faults.append(f"run {seed}: trained by two processes at a time")
        logs = "".join(path.read_text() for path in self.out.glob("cluster-jobs/*/*.out"))
        processes = Counter(seed for seed, _ in {(row[0], row[1]) for row in rows})
        cuts = len(re.findall("Requeued job", logs))
        self.figures = (
            f"{N_RUNS} runs of {self.epochs} epochs in {(time.monotonic() - self.begun) / 60:.0f} "
            f"minutes: the time limit cut jobs {cuts} times; {min(processes.values())} to "
            f"{max(processes.values())} processes trained each run, and "
            f"{len(rows) - len({(row[0], row[2]) for row in rows})} epochs were trained again; the "
            "command that waits was given "
            f"{attempts} times. All are complete, byte for byte as undisturbed; none was trained "
            "by two processes at a time.")
        if faults:
            print(text[-6000:], logs[-6000:], sep="\n")
        self.say("\n".join(faults) or self.figures)
        return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
