"""How often modules are compiled when many jobs begin at a time with an empty compile cache.

    PYTHONPATH=.:tests python -m cluster.compiling [--jobs 50] [--write]

Each job builds the tiny net of the study, as a training does when it starts, and does no more; a
wrapper of the compiler counts. ``--write`` puts the table into docs/cluster.md.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from checkout import ROOT
from cluster import figures

from facekp import machine

JOB = """
import sys
from cluster.study import STUDY
from facekp.nets import models
models.build(STUDY.variants[""].settings).compile()
"""


def main(argv=None):
    parser = argparse.ArgumentParser(prog="cluster.compiling", description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(argv)
    n_jobs = options.jobs
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        host = machine.host()
        table = "\n".join([
            f"{host['cpu']}, {host['cores']} cores, the tiny net of `tests/cluster/study.py`:",
            "", "| jobs at a time | compile cache | modules compiled | seconds until the first job "
            "is ready | until the last |", "|---|---|---|---|---|",
            row(folder, 1, ["one"], "empty"), row(folder, 1, ["one"], "full"),
            row(folder, n_jobs, ["shared"], "one for all, empty"),
            row(folder, n_jobs, ["n1", "n2"], "one for each half of the jobs, empty"),
            row(folder, n_jobs, ["shared"], "one for all, full")])
    print(table)
    if options.write:
        figures.write("compiling", table)


def row(folder, n_jobs, caches, words):
    """A row of the table: starts jobs at a time, which use the caches in turn."""
    compiler, calls = folder / "g++", folder / "calls"
    calls.write_text("")
    compiler.write_text(f'#!/bin/sh\ncase " $* " in *" -shared "*) echo >> "{calls}";; esac\n'
                        f'exec {shutil.which("g++")} "$@"\n')
    compiler.chmod(0o755)
    env = dict(os.environ, OMP_NUM_THREADS="1", THEANO_FLAGS=f"cxx={compiler}",
               PYTHONPATH=os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
    begun, ready = time.monotonic(), []
    jobs = [subprocess.Popen(
        [sys.executable, "-c", JOB],
        env={**env, "XDG_CACHE_HOME": str(folder / caches[number % len(caches)])},
        stderr=subprocess.DEVNULL) for number in range(n_jobs)]
    waiting = list(jobs)
    while waiting:
        ended = [job for job in waiting if job.poll() is not None]
        ready += [time.monotonic() - begun] * len(ended)
        waiting = [job for job in waiting if job not in ended]
        time.sleep(0.1)
    if any(job.returncode for job in jobs):
        raise RuntimeError("a job failed")
    return (f"| {n_jobs} | {words} | {calls.read_text().count(chr(10))} | "
            f"{ready[0]:.0f} | {ready[-1]:.0f} |")


if __name__ == "__main__":
    main()
