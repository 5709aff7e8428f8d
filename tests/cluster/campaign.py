"""Six short runs on a real SLURM of two virtual nodes, disturbed in every way; then compared.

    PYTHONPATH=.:tests python -m cluster.campaign [--write]

The time limit must cut each at least twice. Each must end with the bytes of a run that nobody
disturbed, and no run may be trained by two processes at a time. Where SLURM cannot be started, one
line says so, and that is all. ``--write`` puts the figures into docs/cluster.md.
"""
import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from checkout import ROOT
from cluster import figures
from cluster.slurm import Slurm, missing
from cluster.verdict import Verdict
from faults import configurations

N_RUNS, LIMIT, CUTS, CANCELLED = 6, 2, 2, 1
REFUSED = {"partition=nowhere memory=1GB": "Invalid partition name specified",
           "memory=900GB": "Requested node configuration is not available",
           "memory=40MB": "used more memory than it asked for"}
"""Options that cannot be had, and words of the one line that says so."""

STUDY = ROOT / "tests" / "cluster" / "study.py"
SEEDS = ",".join(map(str, range(N_RUNS)))


def main(argv=None):
    parser = argparse.ArgumentParser(prog="cluster.campaign", description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # the daemons end with it
    if missing():
        print(f"no SLURM here, so nothing is tested: {missing()}")
        return 0
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp")))
        try:
            slurm = stack.enter_context(Slurm(folder))
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            print(f"no SLURM here, so nothing is tested: it does not start: {error}")
            return 0
        campaign = Campaign(folder, slurm)
        stack.callback(campaign.end)
        faults = campaign.run()
        if options.write and not faults:
            figures.write("campaign", campaign.figures)
        return int(bool(faults))


class Campaign:
    """The study and its disturbances."""

    def __init__(self, folder, slurm):
        self.folder, self.slurm = folder, slurm
        self.out, self.log = folder / "all runs", folder / "study.log"  # a name with a space
        self.begun, self.faults, self.on_lost_node = time.monotonic(), [], []
        self.started, self.cancelled = [], False
        self.environ = {**os.environ, **slurm.environ, "OMP_NUM_THREADS": "1",
                        "PYTHONPATH": str(ROOT)}

    def say(self, text):
        print(f"{time.monotonic() - self.begun:4.0f} s: {text}", flush=True)

    def start(self, out, *more, seeds=SEEDS, **options):
        """Start the study's command."""
        command = [sys.executable, str(STUDY), "--data", str(self.folder / "data"), "--out",
                   str(out), "--seeds", seeds, *more]
        self.started.append(
            subprocess.Popen(command, env=self.environ, universal_newlines=True, **options))
        return self.started[-1]

    def end(self):
        """End the commands that still run, after an error."""
        for process in self.started:
            process.terminate()
        for process in self.started:
            process.wait()

    def run(self):
        """Returns the faults, as a list of str."""
        configurations.write_data(self.folder / "data")
        undisturbed = self.start(self.folder / "undisturbed", "--jobs", "2",
                                 stdout=subprocess.DEVNULL, preexec_fn=lambda: os.nice(10))
        self.environ["STUDY_FOLDER"] = str(self.folder)
        refused = {words: self.start(
            self.folder / f"refused, {words}", "--cluster", "slurm", "--wait", "--cluster-args",
            f"time=20 cores=1 {words}", seeds="0",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE) for words in REFUSED}
        for attempt in range(1, 6):  # as a user does, who gives the same command again
            study = self.on_slurm("--wait")
            if attempt == 1:
                self.disturb()
            while study.poll() is None:
                self.release()
                time.sleep(1)
            self.say(f"the command that waits ended with {study.returncode}")
            if study.returncode == 0:
                break
        else:
            self.faults.append("the study does not come to its end")
        if not self.cancelled:
            self.faults.append(f"run {CANCELLED} was not cancelled")
        rows = len(self.rows())
        if self.on_slurm().wait(120) or len(self.rows()) != rows or self.jobs():
            self.faults.append("the same command, when all is complete, fails or trains again")
        for words, process in refused.items():
            self.check_refusal(words, process)
        if undisturbed.wait(600):
            self.faults.append("the undisturbed runs failed")
        verdict = Verdict(self, attempt)
        self.figures = verdict.figures
        self.say("\n".join(verdict.faults) or self.figures)
        return verdict.faults

    def on_slurm(self, *more):
        with open(self.log, "a") as log:
            return self.start(self.out, "--cluster", "slurm", "--cluster-args", "partition=short "
                              f"time={LIMIT} memory=2GB cores=1 signal_seconds=20", *more,
                              stdout=log, stderr=log)

    def check_refusal(self, words, process):
        _, said = process.communicate(timeout=300)
        if process.returncode != 2 or said.count("\n") != 1 or REFUSED[words] not in said:
            self.faults.append(f"{words}: {process.returncode}, {said}")
        self.say(f"{words}: {said.strip()}")

    def disturb(self):
        self.until(lambda: all(self.epochs_of(seed) > 1 for seed in range(N_RUNS)), "runs to train")
        self.slurm.ask("scontrol", "requeue", self.numbers_of(0)[-1])
        self.say("scontrol requeue of run 0")
        self.on_slurm().wait(120)
        self.say("the same command, beside the one that waits")
        self.slurm.stop("slurmctld", signal.SIGTERM)
        time.sleep(5)
        self.slurm.start_controller()
        self.say("slurmctld was stopped, and started again")
        self.until(lambda: self.jobs("--states=RUNNING", "--nodelist=n2"), "runs on n2")
        self.slurm.stop("n2")
        self.on_lost_node = self.jobs("--states=RUNNING", "--nodelist=n2")
        self.say(f"kill -9 of the slurmd of n2, with {len(self.on_lost_node)} runs")
        self.until(lambda: not self.jobs("--states=RUNNING", "--nodelist=n2"), "the end of n2")
        self.slurm.start_node("n2")
        self.say("SLURM has given n2 up; its slurmd started again")
        before = self.jobs("--states=RUNNING", "--nodelist=n1")
        self.slurm.ask("scontrol", "update", "NodeName=n1", "State=DRAIN", "Reason=test")
        self.say(f"n1 drained, with {len(before)} runs")
        end = time.monotonic() + 30
        self.until(lambda: time.monotonic() > end, "the end of draining")
        if not set(self.jobs("--states=RUNNING", "--nodelist=n1")) <= set(before):
            self.faults.append("a run began on a node that was drained")
        self.slurm.ask("scontrol", "update", "NodeName=n1", "State=RESUME")
        self.say("n1 resumed")

    def jobs(self, *options):
        """Numbers and times of start of the study's jobs."""
        return self.slurm.ask("squeue", "-h", "--array", "--format=%i %S", *options).splitlines()

    def numbers_of(self, seed):
        """The numbers of a run's jobs, the latest one last."""
        place = f"study/tiny/{f'seed{seed}/' * (seed > 0)}fold0"
        return [number for path in sorted(self.out.glob("cluster-jobs/*/jobs.json"))
                for number, folder, _ in json.loads(path.read_text())["jobs"] if folder == place]

    def cuts_of(self, seed):
        """How often the time limit has cut a run: then its job queues itself again."""
        return sum(len(re.findall("Requeued job", path.read_text()))
                   for number in self.numbers_of(seed)
                   for path in self.out.glob(f"cluster-jobs/*/{number}_0_log.out"))

    def release(self):
        """Let the runs come to their end that were cut often enough."""
        for seed in range(N_RUNS):
            released = self.folder / f"released-{seed}"
            if not released.exists() and self.cuts_of(seed) >= CUTS:
                if seed == CANCELLED and not self.cancel(seed):
                    continue
                released.touch()
                self.say(f"run {seed} was cut {CUTS} times; now it may come to its end")

    def cancel(self, seed):
        """scancel a run if it trains; whether it did. The same command later goes on with it."""
        number = self.numbers_of(seed)[-1]
        trains = number in [job.split()[0] for job in self.jobs("--states=RUNNING")]
        if trains:
            self.slurm.ask("scancel", number)
            self.cancelled = True
            self.say(f"scancel of run {seed}")
        return trains

    def rows(self):
        """Lines of the trace: seed, process, epoch, time."""
        trace = self.folder / "trace"
        lines = map(str.split, trace.read_text().splitlines() if trace.exists() else [])
        return [(int(seed), int(pid), int(epoch), float(at)) for seed, pid, epoch, at in lines]

    def epochs_of(self, seed):
        return sum(row[0] == seed for row in self.rows())

    def until(self, holds, words):
        """Wait until `holds()`; runs that were cut often enough are released meanwhile."""
        for _ in range(600):
            if holds():
                return
            self.release()
            time.sleep(0.5)
        raise RuntimeError(f"waited in vain for {words}: {self.log.read_text()[-2000:]}")


if __name__ == "__main__":
    sys.exit(main())
