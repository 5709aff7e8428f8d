"""What the benchmark's workers share: they read commands on stdin and answer in JSON lines.

A worker trains one net with one engine. It starts from given weights and given images, so that
all engines can be compared on the same losses, and stays alive, so that the engines can take turns.

Commands: ``check`` (the loss before training, then those of three training steps, from the given
weights), ``train N`` and ``evaluate N`` (seconds of each of N steps), ``predict N`` (seconds of
each of N predictions of one image), ``quit``.
"""
import json
import re
import resource
import sys
import time

import numpy as np


def load(path):
    """Images, targets and initial weights of a case, as engines.py wrote them."""
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
    try:  # ru_maxrss would start from what the parent held
        with open("/proc/self/status") as status:
            return int(re.search(r"VmHWM:\s*(\d+) kB", status.read()).group(1)) * 1024
    except (OSError, AttributeError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def serve(engine):
    """Answer commands until ``quit``.

    Parameters
    ----------
    engine : object with check(), train(), evaluate() for one batch, predict() for one image, and
        ready (dict); where it has a peak_bytes() of its own, that of a GPU, it is asked
    """
    peak = getattr(engine, "peak_bytes", peak_bytes)
    answer(dict(engine.ready, peak_bytes=peak()))
    for line in sys.stdin:
        command, *count = line.split()
        if command == "quit":
            break
        if command == "check":
            answer({"losses": [float(loss) for loss in engine.check()]})
        else:
            answer({"seconds": seconds(getattr(engine, command), int(count[0])),
                    "peak_bytes": peak()})


def answer(value):
    print(json.dumps(value), flush=True)
