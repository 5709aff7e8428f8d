"""Seconds from SIGTERM to the end of a training, and its exit code, for nets of full size.

    PYTHONPATH=.:tests python -m faults.stopping [--work FOLDER]

The signal comes while a batch is trained, and where the answer takes longest: when the evaluation
begins, behind which the checkpoint is written. What docs/reliability.json has already, of the same
code, is not measured again.
"""
import argparse
import shutil
import signal
from pathlib import Path

from facekp import provenance
from faults import configurations, figures, harness

MOMENTS = {"training a batch": ("epochs", "train", 3), "evaluating": ("epochs", "evaluate", 1)}


def main(argv=None):
    parser = argparse.ArgumentParser(prog="faults.stopping", description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("runs/faults"), metavar="FOLDER")
    options = parser.parse_args(argv)
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    section = figures.read().get("stopping", {})
    known = section["result"] if section.get("code") == provenance.code_digest() else {}
    for name in configurations.STOPPED:
        for words, moment in MOMENTS.items():
            if words in known.get(name, {}):
                continue
            out = options.work / "stopping"
            shutil.rmtree(out, ignore_errors=True)
            done = harness.attempt(f"STOPPED/{name}", Path("data/synthetic").resolve(), out,
                                   options.work / "stopping.log", moment, signal.SIGTERM)
            known.setdefault(name, {})[words] = {
                "seconds": done.struck, "code": done.code, "saved": done.saved,
                "last_line": done.output.strip().splitlines()[-1].replace(str(out), "runs")}
            figures.write("stopping", known)
            print(name, words, known[name][words], flush=True)


if __name__ == "__main__":
    main()
