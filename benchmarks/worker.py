"""What the benchmark's workers share: they read commands on stdin and answer in JSON lines.

A worker trains one net with one engine. It starts from given weights and given images, so that
all engines can be compared on the same losses, and stays alive, so that the engines can take turns.

Commands: ``check`` (the losses of the first three training steps, from the given weights),
``train N`` (seconds of each of N training steps), ``evaluate N`` (seconds of each of N evaluation
steps), ``quit``.
"""
import json
import resource
import sys
import time

import numpy as np


def load(path):
    """Images, targets and initial weights of a case, as run.py wrote them."""
    with np.load(path) as case:
        weights = {name[2:]: case[name] for name in case.files if name.startswith("w/")}
        return case["X"], case["y"], weights


def seconds(step, count):
    """Seconds of each of `count` calls."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return times


def peak_bytes():
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def serve(engine):
    """Answer commands until ``quit``.

    Parameters
    ----------
    engine : object with check(), train(), evaluate() for one batch, and ready (dict)
    """
    answer(dict(engine.ready, peak_bytes=peak_bytes()))
    for line in sys.stdin:
        command, *count = line.split()
        if command == "quit":
            break
        if command == "check":
            answer({"losses": [float(loss) for loss in engine.check()]})
        else:
            answer({"seconds": seconds(getattr(engine, command), int(count[0])),
                    "peak_bytes": peak_bytes()})


def answer(value):
    print(json.dumps(value), flush=True)
