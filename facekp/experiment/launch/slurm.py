"""Train runs on a SLURM cluster: each is a job; runs that need the same are one array of jobs.

The command returns when the jobs are submitted; given again, it tells where they stand, and submits
what failed. submitit writes the jobs' scripts, and queues a job again that SLURM has cut.
"""
import contextlib
import io
import math
import os
import re
import shutil
import time
from collections import Counter
from pathlib import Path

from facekp import files, machine
from facekp.errors import ConfigError, RunError
from facekp.experiment import estimate
from facekp.experiment.launch import slurm_options, slurm_queue
from facekp.experiment.launch.worker import job
from facekp.runs.config import READABLE, disagreements
from facekp.runs.read import find_runs
from facekp.text import clock, say, shown, shown_path

POLL_SECONDS, SHOWN = 30, 100
MARGIN, START_MINUTES, LONGEST = 2, 15, 24 * 60
"""A job gets the estimated time twice and some to start, but never more than a day: a job that is
cut goes on, and shorter ones start earlier."""


class Slurm:
    """A launcher (:mod:`facekp.experiment.launch`).

    Parameters
    ----------
    data : path of Kaggle's files
    root : path of all runs
    training : facekp.data.Training
    words : str, options of jobs as :func:`facekp.experiment.launch.slurm_options.read` takes them
    wait : bool, return when the jobs have ended, not when they are submitted
    dry_run : bool, show the scripts and submit nothing
    say : callable taking a str
    """

    def __init__(self, data, root, training, words="", wait=False, dry_run=False, say=say):
        try:
            import submitit  # noqa: F401  (before anything is measured)
        except ImportError:
            raise ConfigError("cluster: submitit is not installed; make env CLUSTER=slurm, or "
                              "install the package's extra 'cluster'") from None
        self.options = slurm_options.read(words)
        for name in ("sbatch", "srun"):
            if shutil.which(name) is None:
                raise ConfigError(f"cluster: found no {name} on PATH; give this command where "
                                  "SLURM is, on the cluster's login node")
        if "%" in os.path.abspath(root):
            raise ConfigError(f"cluster: found a % in {shown_path(os.path.abspath(root))}, which "
                              "sbatch takes for a number of the job; take another folder")
        self.data, self.root, self.training = data, root, training
        self.wait, self.dry_run, self.say = wait, dry_run, say

    def __call__(self, plan):
        """Submit what is not complete and in no queue; with `wait`, see all to their ends."""
        failures = {run: text for run, text in (
            (run, self._unfit(run, settings)) for run, settings in plan) if text}
        plan = [(run, settings) for run, settings in plan if run not in failures]
        # two commands at a time would submit the same runs
        with contextlib.nullcontext() if self.dry_run else slurm_queue.alone(self.root):
            found = slurm_queue.states(self.root, [run for run, _ in plan])
            self._tell(found)
            todo = [pair for pair in plan if found[pair[0]].kind in ("new", "failed")]
            if todo:
                self._submit(todo)
        if self.wait and not self.dry_run:
            failures.update(self._follow([run for run, _ in plan], found))
        return failures

    def _unfit(self, run, settings):
        """Why a run that is there is another one, or ""."""
        try:
            differences = run.config.exists() and disagreements(files.read_json(run.config), {
                "settings": settings.as_dict(), "data": self.training.provenance}, READABLE)
        except RunError as error:
            return str(error)
        return f"{run.folder}: was begun with other values: {'; '.join(differences)}; choose " \
               "another folder, or a new one beside it" if differences else ""

    def _tell(self, found, before=()):
        """A line for each run that stands where it did not before, and one for all."""
        changed = [run for run in found if not before or found[run] != before[run]]
        for run in changed[:SHOWN]:
            self.say(f"{run.folder}: {found[run].words}")
        if len(changed) > SHOWN:
            self.say(f"... and {len(changed) - SHOWN} more")
        if changed:
            self.say(slurm_queue.counted(found))

    def _submit(self, todo):
        groups = {}
        for pair, need in zip(todo, self._needs(todo)):
            groups.setdefault(need, []).append(pair)
        size = self.options.array_size
        parts = [(need, pairs[k:k + size]) for need, pairs in groups.items()
                 for k in range(0, len(pairs), size)]
        for need, pairs in parts:
            self._submit_array(pairs, *need, len(parts))
        if not self.dry_run:
            self.say(f"submitted {len(todo)} run{'s' * (len(todo) > 1)} as {len(parts)} "
                     f"array{'s' * (len(parts) > 1)} of jobs; the same command tells where they "
                     "stand, and makes tables and figures when all are complete")

    def _needs(self, todo):
        """(minutes, memory) of the job of each run, by the options or the estimate; told first."""
        from facekp.experiment.runner import count_images  # which imports the launchers
        runs = find_runs(self.root, warn=lambda text: None)
        seconds, memory = estimate.measured(runs), estimate.measured_memory(runs)
        needs, told, total = [], Counter(), 0.0
        for _, settings in todo:
            key = estimate.cost_key(settings.as_dict())
            if not (key in seconds and key in memory or self.options.time and self.options.memory):
                self.say(f"{settings.model}: measuring training steps here, as no run tells ...")
                seconds.setdefault(key, estimate.time_epoch(settings, *count_images(self.training)))
                memory[key] = machine.peak_memory_mb()
            longest = seconds.get(key, 0.0) * settings.epochs
            total += longest
            needs.append((self.options.time or _minutes(longest),
                          self.options.memory or _gigabytes(memory[key])))
            told[(settings.model, longest, needs[-1])] += 1
        for (model, longest, (minutes, asked)), count in told.items():
            known = f"at most {clock(longest)} each" if longest else "nobody knows how long"
            self.say(f"{count} of {model}: {known}; a job gets {clock(60 * minutes)}, {asked}, "
                     f"{self.options.cores} cores")
        if total:
            self.say(f"all together at most {clock(total)} of training")
        return needs

    def _submit_array(self, pairs, minutes, memory, n_arrays):
        from submitit import SlurmExecutor
        from facekp.experiment.launch.slurm_job import SlurmJob
        own = self.options
        # UTC: no hour comes twice, and the latest is the last one by its name
        now = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{time.time_ns() % 10**9:09}"
        folder = Path(self.root, slurm_queue.FOLDER, now).absolute()
        executor = SlurmExecutor(folder, max_num_timeout=10**6)
        executor.update_parameters(**{name: value for name, value in dict(
            job_name="facekp", partition=own.partition, account=own.account, qos=own.qos,
            time=minutes, mem=memory, cpus_per_task=own.cores, setup=list(own.setup),
            array_parallelism=max(1, own.at_a_time // n_arrays) if own.at_a_time else len(pairs),
            signal_delay_s=own.signal_seconds, stderr_to_stdout=True,
            srun_args=[f"--cpus-per-task={own.cores}"],
            additional_parameters={"requeue": True, **own.sbatch}).items() if value})
        if self.dry_run:
            executor.parameters.update(map_count=len(pairs))  # as submitit itself does
            self.say(executor._make_submission_file_text(executor._submitit_command_str, ""))
            return
        jobs = [SlurmJob(str(run.folder), job(run, settings, self.data), own.cores)
                for run, settings in pairs]
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # the error has it
                numbers = [each.job_id for each in executor.submit_array(jobs)]
        except (RuntimeError, ValueError) as error:  # submitit's
            lines = [re.sub("^sbatch: (error: )?", "", line) for line in str(error).splitlines()]
            raise ConfigError(f"sbatch: {shown('; '.join(filter(None, lines)), 300)}; correct "
                              f"{slurm_options.FILE} or the options; jobs that were submitted "
                              "before go on") from None
        slurm_queue.record(folder, self.root, pairs, numbers)

    def _follow(self, runs, found):
        """Wait until no job is alive; returns the reasons of the runs that failed."""
        while True:
            try:
                before, found = found, slurm_queue.states(self.root, runs)
                self._tell(found, before)
                if not any(state.kind in ("queued", "running") for state in found.values()):
                    return {run: state.words for run, state in found.items()
                            if state.kind == "failed"}
            except RunError as error:  # SLURM's controller may be restarted
                self.say(str(error))
            try:
                time.sleep(POLL_SECONDS)
            except KeyboardInterrupt:
                raise KeyboardInterrupt("SIGINT: not waiting any more; the jobs go on; `facekp "
                                        "cluster cancel` ends them") from None


def _minutes(seconds):
    """The time limit of a job that is estimated to train so long, in half hours."""
    return min(LONGEST, 30 * math.ceil((MARGIN * seconds / 60 + START_MINUTES) / 30))


def _gigabytes(megabytes):
    """The memory of a job whose process held so much: half as much again, and 2 GB at least, which
    the compiler may need."""
    return f"{max(2, math.ceil(1.5 * megabytes / 1000))}GB"
