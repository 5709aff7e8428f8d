"""How often modules are compiled when many jobs begin at a time with an empty compile cache.

    PYTHONPATH=.:tests python -m cluster.compiling [--jobs 4] [--write]

The jobs train one epoch of the small study; a wrapper of the compiler counts. ``--write`` puts the
table into docs/cluster.md.
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
from cluster.campaign import STUDY
from faults import configurations

from facekp import machine


def main(argv=None):
    parser = argparse.ArgumentParser(prog="cluster.compiling", description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        configurations.write_data(folder / "data")
        host = machine.host()
        table = "\n".join([
            f"{host['cpu']}, {host['cores']} cores, the small net of `tests/cluster/study.py`:",
            "", "| jobs at a time | cache | modules compiled | seconds to the last one's end |",
            "|---|---|---|---|",
            row(folder, 1, "one", "empty"), row(folder, options.jobs, "shared", "empty, shared"),
            row(folder, options.jobs, "shared", "full, shared")])
    print(table)
    if options.write:
        figures.write("compiling", table)


def row(folder, n_jobs, cache, words):
    """A row of the table: starts jobs at a time, each a run of its own."""
    compiler = folder / "g++"
    calls = folder / "calls"
    calls.write_text("")
    compiler.write_text(f'#!/bin/sh\ncase " $* " in *" -shared "*) echo >> "{calls}";; esac\n'
                        f'exec {shutil.which("g++")} "$@"\n')
    compiler.chmod(0o755)
    env = dict(os.environ, OMP_NUM_THREADS="1", XDG_CACHE_HOME=str(folder / cache),
               THEANO_FLAGS=f"cxx={compiler}", PYTHONPATH=str(ROOT))
    begun = time.monotonic()
    processes = [subprocess.Popen(
        [sys.executable, str(STUDY), "--data", str(folder / "data"), "--epochs", "1", "--seed",
         str(seed), "--out", str(folder / f"runs-{cache}-{words[:4]}")], env=env,
        stdout=subprocess.DEVNULL) for seed in range(n_jobs)]
    if any([process.wait() for process in processes]):
        raise RuntimeError("a job failed")
    return (f"| {n_jobs} | {words} | {calls.read_text().count(chr(10))} | "
            f"{time.monotonic() - begun:.0f} |")


if __name__ == "__main__":
    main()
