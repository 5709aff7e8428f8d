"""Kills training processes again and again; their result must be that of one left alone."""
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from faults import configurations

TESTS = Path(__file__).resolve().parents[1]
ANY_MOMENT = "any moment"  # killed from outside, by the clock
HUNG = 3600.0  # seconds
PERHAPS = ("averaged_weights.npz", "rates.png")  # of a run whose settings ask for them


class Attempt(NamedTuple):
    """What became of one process.

    Attributes
    ----------
    code : int, its exit code
    struck_at : str like ``epochs/write``; None if it got no signal
    struck : float, seconds from the signal to its end
    saved : int, epochs that were safe when it ended; 0 if it got none further
    went_on : int or None, the epoch after which it said it went on
    passed : dict, how often each moment was met, if it ended by itself
    seconds : float
    output : str
    """

    code: int
    struck_at: str
    struck: float
    saved: int
    went_on: int
    passed: dict
    seconds: float
    output: str


def attempt(name, data, out, log, moment=None, number=signal.SIGKILL, env=None):
    """Start a process that trains a configuration; let it be killed, or end.

    Parameters
    ----------
    name : str, a name in :mod:`faults.configurations`
    data, out : Path
    log : Path, truncated
    moment : None, (phase, kind, number), or seconds after which it is killed from outside
    number : int, the signal that it gets at that moment
    env : dict or None

    Returns
    -------
    Attempt
    """
    inside = [str(part) for part in (*moment, int(number))] if isinstance(moment, tuple) else []
    Path(log).write_text("")
    env = dict(env or os.environ, PYTHONPATH=os.pathsep.join([str(TESTS.parent), str(TESTS)]),
               OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MPLBACKEND="agg")
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "faults.victim", name, str(data), str(out), str(log)] + inside,
        env=env, cwd=TESTS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        universal_newlines=True)
    struck_at, struck = None, 0.0
    try:
        output, _ = process.communicate(timeout=moment if isinstance(moment, float) else HUNG)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        struck_at = ANY_MOMENT if isinstance(moment, float) else None  # else: it hung
    text = Path(log).read_text()
    found = re.search("^at ([0-9.]+) (.*)$", text, re.M)
    if found:
        struck, struck_at = time.time() - float(found.group(1)), found.group(2)
    passed = re.search("^passed (.*)$", text, re.M)
    went_on = re.search("going on after epoch ([0-9]+)", output)
    return Attempt(process.returncode, struck_at, struck,
                   max(map(int, re.findall("^saved ([0-9]+)$", text, re.M)), default=0),
                   int(went_on.group(1)) if went_on else None,
                   json.loads(passed.group(1)) if passed else {},
                   time.monotonic() - begun, output)


def results(folder):
    """All that a run says about its net, as bytes, without what the clock says.

    Parameters
    ----------
    folder : Path, of a complete run

    Returns
    -------
    dict of str -> bytes or dict
    """
    folder = Path(folder)
    found = {name: (folder / name).read_bytes()
             for name in ("weights.npz", "predictions.npz", "submission.csv", "faces.png",
                          "curves.png", *sorted(path.name for path in folder.iterdir()
                                                if path.name in PERHAPS))}
    rows = [line.rsplit(b",", 1)[0]
            for line in (folder / "history.csv").read_bytes().splitlines()]  # less the seconds
    summary = json.loads((folder / "summary.json").read_text())
    return {**found, "history.csv": b"\n".join(rows),
            "summary.json": {key: value for key, value in summary.items()
                             if not key.startswith(("seconds", "peak_memory"))}}


def differences(folder, expected):
    """Names of the files that are not as expected, or should not be there.

    Parameters
    ----------
    folder : Path, of a complete run
    expected : dict, from :func:`results`

    Returns
    -------
    list of str
    """
    found = results(folder)
    left = [path.name for path in Path(folder).iterdir()
            if path.name.startswith((".", "checkpoint"))]  # half-written, or of no use any more
    return [name for name in expected if found.get(name) != expected[name]] + sorted(left)


def draw(random, passed, saved, seconds):
    """The next moment to kill at, given how far the run is.

    An epoch's moments are drawn from the next one and a half, so that a run is killed often; the
    last files' from all there are, in the second half of a run; the first files' only while there
    is no epoch.

    Parameters
    ----------
    random : RandomState
    passed : dict, moments of an undisturbed run
    saved : int, epochs that are safe
    seconds : float, what an undisturbed run takes

    Returns
    -------
    tuple, float or None, as for :func:`attempt`; None lets it end
    """
    if random.rand() < 0.15:
        return float(random.uniform(0.3, 1.1 * seconds))
    left = configurations.EPOCHS - saved
    if left == 0 and random.rand() < 0.25:
        return None
    if left == 0 or saved >= left and random.rand() < 0.4:
        phase = "last files"
    elif saved == 0 and random.rand() < 0.3:
        phase = "first files"
    else:
        phase = "epochs"
    kinds = sorted(at.split("/")[1] for at in passed if at.startswith(phase))
    kind = kinds[random.randint(len(kinds))]
    n = passed[f"{phase}/{kind}"]
    if phase == "epochs":
        n = max(1, round(min(1.5, left) * n / configurations.EPOCHS))
    return phase, kind, int(random.randint(n) + 1)
