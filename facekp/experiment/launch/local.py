"""Train several runs at a time, each in its own process with a share of this machine's cores.

The runs of an experiment are independent: if one fails or is killed, the others continue. Theano
locks its compile cache, so one process compiles a module, and the others wait and load it.
"""
import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from pathlib import Path

from facekp.engine.plan import users_environ
from facekp.experiment.estimate import left, time_left
from facekp.experiment.launch.worker import COMMAND, environ, job
from facekp.machine import usable_cores
from facekp.text import say

REPORT_SECONDS = 60.0


def threads_each(jobs):
    """Threads for each of `jobs` processes: their share of the cores, at least one.

    If the user has set OMP_NUM_THREADS, its value is used.
    """
    return users_environ().get("OMP_NUM_THREADS") or str(max(1, usable_cores() // jobs))


def short_names(runs):
    """Short names of runs: the part of their folders that differs, like "adam/fold0".

    Parameters
    ----------
    runs : list of facekp.runs.folder.Run, at least two different ones

    Returns
    -------
    dict of Run -> str
    """
    common = os.path.commonpath([str(run.folder) for run in runs])
    return {run: Path(os.path.relpath(run.folder, common)).as_posix() for run in runs}


class Local:
    """A launcher (:mod:`facekp.experiment.launch`).

    Parameters
    ----------
    data : path of Kaggle's files
    jobs : int, how many runs at a time
    say : callable taking a str
        Receives every line that the trainings print, with the run's name before it, and once a
        minute the progress of all runs.
    """

    def __init__(self, data, jobs, say=say):
        self.data, self.jobs, self.say = data, jobs, say

    def __call__(self, plan):
        """Train at least two runs. Every finished epoch is on disk, whatever happens."""
        pool = _Pool(plan, self.jobs, self.data, self.say)
        before = {number: signal.signal(number, pool.stop)
                  for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            pool.work()
        finally:
            pool.kill()
            for number, handler in before.items():
                signal.signal(number, handler)
        if pool.asked:
            raise KeyboardInterrupt(f"{pool.asked}: stopped all runs; every finished epoch is on "
                                    "disk; the same command goes on from there")
        return pool.failures


class _Pool:
    """The running processes and the waiting runs."""

    def __init__(self, plan, jobs, data, say):
        self.plan, self.jobs, self.data, self.say = plan, jobs, data, say
        self.names = short_names([run for run, _ in plan])
        self.waiting, self.working = deque(plan), {}
        self.lines = queue.Queue()  # (run, line), or (run, None) at the end of its output
        self.failures, self.last_error, self.asked = {}, {}, None

    def work(self):
        threads = threads_each(self.jobs)
        self.say(f"{len(self.plan)} runs, {self.jobs} at a time, "
                 f"{threads} thread{'s' * (threads != '1')} each")
        reported = time.monotonic()
        while self.working or self.waiting and not self.asked:
            while self.waiting and len(self.working) < self.jobs and not self.asked:
                self._start(*self.waiting.popleft(), threads)
            try:
                run, line = self.lines.get(timeout=0.5)
            except queue.Empty:
                run = line = None
            if run and line is None:
                self._ended(run)
            elif run:
                self._tell(run, line)
            if run and line is None or time.monotonic() - reported > REPORT_SECONDS:
                reported = time.monotonic()
                self._report()

    def _start(self, run, settings, threads):
        # In its own session, so that it receives Ctrl-C only once, from this process.
        process = subprocess.Popen(
            [*COMMAND, job(run, settings, self.data)], env=environ(threads), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.working[run] = process
        if self.asked:  # meanwhile
            process.send_signal(signal.Signals[self.asked])
        threading.Thread(target=self._read, args=(run, process), daemon=True).start()

    def _read(self, run, process):
        for line in process.stdout:
            self.lines.put((run, line.decode("utf-8", "replace").rstrip()))
        self.lines.put((run, None))

    def _tell(self, run, line):
        line = line.rpartition("\r")[2].replace(f"{run.folder}: ", "", 1)
        if line:
            self.last_error[run] = line
            self.say(f"{self.names[run]} | {line}")

    def _ended(self, run):
        code = self.working.pop(run).wait()
        if code and not self.asked:
            last = self.last_error.get(run, "it said nothing")
            self.failures[run] = (f"killed by {signal.Signals(-code).name}" + (
                " (out of memory?)" if code == -signal.SIGKILL else "") if code < 0
                else last.replace("facekp: error: ", "", 1))
            self.say(f"{self.names[run]} | failed: {self.failures[run]}")

    def _report(self):
        if not self.asked and (self.working or self.waiting):
            ended = len(self.plan) - len(self.working) - len(self.waiting)
            rest = [(run, settings) for run, settings in self.plan if run not in self.failures]
            self.say(f"{ended} of {len(self.plan)} runs ended, {len(self.working)} at work; "
                     f"{left(time_left(rest, self.jobs))}")

    def stop(self, number, frame):
        """Signal handler: pass the signal on; the work ends when all processes have ended."""
        self.asked = signal.Signals(number).name
        for process in list(self.working.values()):
            if process.poll() is None:
                process.send_signal(number)

    def kill(self):
        """Terminate the processes that still run, after an error in this process."""
        for process in self.working.values():
            if process.poll() is None:
                process.terminate()
        for process in self.working.values():
            process.wait()
