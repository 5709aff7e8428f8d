"""Which job of SLURM trains which run, and how far each is: one question for all of them.

Each submission has a folder ``<runs>/cluster-jobs/<date>-<time>/``, with ``jobs.json``, which
says what run each job trains, and submitit's files and the jobs' logs.
"""
import os
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from facekp import files
from facekp.errors import RunError
from facekp.runs.folder import Run
from facekp.text import clock, shown

FOLDER, RECORD = "cluster-jobs", "jobs.json"
MEMORY = "used more memory than it asked for; ask for more"
ENDED = {"OUT_OF_MEMORY": MEMORY, "NODE_FAIL": "its node failed", "CANCELLED": "was cancelled",
         "TIMEOUT": "reached its time limit before it could stop", "PREEMPTED": "was preempted"}
"""Words for those states of SLURM's accounting that say more than that a job ended."""

CUT = re.compile(r"CANCELLED AT \S+(?: DUE TO ([A-Z ]+))?")
CAUSES = {"TIME LIMIT": "TIMEOUT", "NODE FAILURE": "NODE_FAIL", "PREEMPTION": "PREEMPTED"}
"""What a log says that SLURM ended, and the state for it where there is no accounting."""

ERROR = re.compile("(?:facekp|slurmstepd|srun|sbatch)\\b.*?error: (.*)")
NO_REASON = re.compile("task [0-9,-]+: Exited with exit code")
OUT_OF_MEMORY = re.compile("oom-kill|exceeded memory limit|Exceeded job memory", re.I)


class State(NamedTuple):
    """Where a run stands: "new", "queued", "running", "done" or "failed", and words for a line."""

    kind: str
    words: str


class Job(NamedTuple):
    """A job of a run: its number ("12", or "12_3" in an array), its log, the run's epochs."""

    number: str
    log: Path
    epochs: int


def record(folder, root, plan, numbers):
    """Remember in a submission's folder which jobs train the runs of `plan`, below `root`."""
    files.write_json(folder / RECORD, {"jobs": [
        [number, os.path.relpath(run.folder, root), settings.epochs]
        for number, (run, settings) in zip(numbers, plan)]})


def alone(root):
    """A context in which no other command submits jobs for the runs below `root`; FolderError if
    one does just now."""
    return Run(Path(root, FOLDER)).locked()


def recorded(root):
    """All submitted jobs: dict of the real path of a run -> list of Job, the latest one last."""
    found = {}
    for path in sorted(Path(root).glob(f"{FOLDER}/*/{RECORD}")):
        try:
            for number, folder, epochs in files.read_json(path)["jobs"]:
                found.setdefault(os.path.realpath(Path(root, folder)), []).append(
                    Job(number, path.parent / f"{number}_0_log.out", epochs))
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{path}: holds no list of jobs ({error!r}); remove it") from None
    return found


def states(root, runs):
    """Where runs stand.

    Parameters
    ----------
    root : path of all runs
    runs : list of facekp.runs.folder.Run

    Returns
    -------
    dict of Run -> State

    Raises
    ------
    RunError
        If SLURM does not answer.
    """
    jobs = recorded(root)
    mine = {run: jobs.get(os.path.realpath(run.folder), []) for run in runs}
    # SLURM is asked first: a run that ends in between is then complete, not lost
    alive, found, ended = queue() if any(mine.values()) else {}, {}, {}
    for run, own in mine.items():
        here = [job for job in own if job.number in alive]
        if _complete(run, own):
            found[run] = State("done", "done")
        elif here:
            found[run] = _alive(run, here[-1], *alive[here[-1].number])
        else:
            found[run] = State("failed" if own else "new", "not submitted")
            ended.update({run: own[-1]} if own else {})
    account = accounting([job.number for job in ended.values()])
    for run, job in ended.items():
        reason = why(job, account)
        found[run] = State("failed", f"failed, job {job.number}: {reason}; log: {job.log}")
    return found


def counted(found):
    """How many runs are done, running and so on, in words."""
    counts = Counter(state.kind for state in found.values())
    return ", ".join(f"{counts[kind]} {kind}" for kind in (
        "done", "running", "queued", "failed", "new") if counts[kind])


def _complete(run, own):
    """Whether a run is complete; a network file system's memory of a folder ends when it is
    listed."""
    if own and not run.complete and run.folder.is_dir():
        return run.summary.name in os.listdir(run.folder)
    return run.complete


def _alive(run, job, state, reason):
    if state in ("PENDING", "REQUEUED"):
        return State("queued", f"queued ({reason}), job {job.number}")
    try:
        seconds = run.read_history()["seconds"]
    except RunError:  # no epoch yet
        return State("running", f"starting, job {job.number}")
    from statistics import median  # slow to import
    left = clock(max(0, job.epochs - len(seconds)) * float(median(seconds)))
    return State("running", f"epoch {len(seconds)} of {job.epochs}, {left} left at most, "
                            f"job {job.number}")


def queue():
    """This user's jobs that wait or run: dict of number -> (state, reason)."""
    told = _ask("squeue", "--user", str(os.getuid()), "--array", "--noheader",
                "--format", "%i|%T|%r")
    rows = (line.split("|", 2) for line in told.splitlines())
    return {row[0].strip(): tuple(row[1:]) for row in rows if len(row) == 3}


def accounting(numbers):
    """States of ended jobs by their numbers; none where SLURM keeps no accounts."""
    try:
        told = _ask("sacct", "--allocations", "--noheader", "--parsable2", "--format",
                    "JobID,State", "--jobs", ",".join(_arrays(numbers))) if numbers else ""
    except RunError:
        return {}
    rows = (line.split("|") for line in told.splitlines())
    return {row[0]: row[1].split()[0] for row in rows if len(row) == 2 and row[1]}


def why(job, account):
    """Why a job ended without a result, from its log and from :func:`accounting`, in words."""
    try:
        with open(job.log, "rb") as file:
            file.seek(max(0, os.path.getsize(job.log) - 20000))
            log = file.read().decode("utf-8", "replace")
    except OSError:
        log = ""
    log = log.rpartition("Starting with JobEnvironment")[2]  # what it said when it ran last
    errors = [text for text in ERROR.findall(log) if not NO_REASON.search(text)]
    state, cuts = account.get(job.number, ""), [cut for cut in map(CUT.search, errors) if cut]
    if cuts and not state:
        state = CAUSES.get((cuts[-1][1] or "").strip(), "CANCELLED")
    if any(map(OUT_OF_MEMORY.search, errors)):
        return MEMORY
    return ENDED.get(state) or (shown(errors[-1], 400) if errors else "ended without a result")


def cancel(root):
    """Cancel the jobs of the runs below `root` that wait or run; returns how many."""
    alive = queue()
    numbers = [job.number for own in recorded(root).values() for job in own
               if job.number in alive]
    if numbers:
        _ask("scancel", *_arrays(numbers))
    return len(numbers)


def _arrays(numbers):
    return dict.fromkeys(number.split("_")[0] for number in numbers)


def _ask(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True)
    except FileNotFoundError:
        raise RunError(f"{command[0]}: not on PATH; give this command where SLURM is, on the "
                       "cluster's login node") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        last = re.sub(f"^{command[0]}: ((error|fatal): )?", "", last)
        raise RunError(f"{command[0]}: {shown(last, 300)}; try again when SLURM answers")
    return done.stdout
