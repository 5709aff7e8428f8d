"""Seconds from SIGTERM to the end of a training, and its exit code, for nets of full size.

    PYTHONPATH=.:tests python -m faults.stopping [--work FOLDER]

The signal comes when a batch is about to be trained or evaluated, or a checkpoint to be written.
The process ends before the next batch, so that the number of images does not matter: there are five
batches of them. What docs/reliability.json has already, of the same code, is not measured again.
"""
import argparse
import shutil
import signal
from pathlib import Path

from faults import configurations, figures, harness

MOMENTS = {"training a batch": ("epochs", "train", 2), "evaluating a batch":
           ("epochs", "evaluate", 1), "writing a checkpoint": ("epochs", "write", 1)}


def main(argv=None):
    parser = argparse.ArgumentParser(prog="faults.stopping", description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("runs/faults"), metavar="FOLDER")
    options = parser.parse_args(argv)
    options.work = options.work.resolve()
    known = figures.known("stopping")
    for name, settings in configurations.STOPPED.items():
        n = 5 * settings.batch_size
        data = configurations.write_data(options.work / f"data-{n}", n)
        for words, moment in MOMENTS.items():
            if words in known.get(name, {}):
                continue
            out = options.work / "stopping"
            shutil.rmtree(out, ignore_errors=True)
            done = harness.attempt(f"STOPPED/{name}", data, out, options.work / "stopping.log",
                                   moment, signal.SIGTERM)
            known.setdefault(name, {})[words] = {
                "seconds": done.struck, "code": done.code, "saved": done.saved,
                "last_line": done.output.strip().splitlines()[-1].replace(str(out), "runs")}
            figures.write("stopping", known)
            print(name, words, known[name][words], flush=True)


if __name__ == "__main__":
    main()
