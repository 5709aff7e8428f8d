"""What a job of the cluster does: it trains one run, in a process of its own.

SLURM sends SIGUSR2 to a job that nears its time limit. Then the training stops, of which every
epoch is on disk, and submitit queues the job again.
"""
import contextlib
import os
import signal
import subprocess
import sys
import time

from submitit.helpers import DelayedSubmission

from facekp.errors import FolderError
from facekp.experiment.launch.worker import COMMAND, environ
from facekp.runs.folder import Run

LOCK_SECONDS = 120
"""A node that was lost may hold its run until the file server notices."""

STOP_SECONDS = 60
"""A batch of the largest net takes less; then the training is killed, which loses no more."""

IDLE = 3
"""A job that was cut so often without a new epoch would never come to its end."""


class SlurmJob:
    """A function for submitit.

    Parameters
    ----------
    folder : str, the run's
    text : str, as :func:`facekp.experiment.launch.worker.job` gives it
    cores : int
    """

    def __init__(self, folder, text, cores):
        self.folder, self.text, self.cores, self.idle = folder, text, cores, 0

    def __call__(self):
        run, asked = Run(self.folder), []
        # submitit's handler queues the job again; here it is called when the training has stopped
        queue_again = signal.signal(signal.SIGUSR2, lambda number, frame: asked.append(number))
        if os.environ.get("SLURM_RESTART_COUNT", "0") != "0":
            _wait_for(run)
        epochs = _epochs(run)
        # SLURM sends the signal to all processes of a job: the training itself never sees it
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        process = subprocess.Popen([*COMMAND, self.text], env=environ(str(self.cores)),
                                   stdin=subprocess.DEVNULL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
        while process.poll() is None and not asked:
            time.sleep(0.2)
        if asked:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            process.kill()
        code = process.wait()
        if code and asked:
            self.idle = self.idle + 1 if _epochs(run) == epochs else 0
            self._again(queue_again)
        if code < 0:
            print(f"facekp: error: killed by {signal.Signals(-code).name}"
                  f"{' (out of memory?)' * (code == -signal.SIGKILL)}", flush=True)
        if code:
            sys.exit(code if code > 0 else 128 - code)

    def _again(self, queue_again):
        if self.idle == IDLE:
            sys.exit("facekp: error: no epoch came to its end before the time limit; give jobs "
                     "more time")
        while True:
            try:
                queue_again(signal.SIGUSR2, None)  # leaves with SystemExit
            except (OSError, subprocess.SubprocessError) as error:  # SLURM does not answer
                print(f"cannot be queued again ({error}); trying once more", flush=True)
                time.sleep(10)

    def checkpoint(self):
        """What the job does when it is queued again; submitit asks."""
        return DelayedSubmission(self)


def _epochs(run):
    """How many epochs are on disk, from the rows of history.csv."""
    try:
        return run.history.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def _wait_for(run):
    for _ in range(LOCK_SECONDS):
        with contextlib.suppress(FolderError), run.locked():
            return
        time.sleep(1)
