"""Stand-ins for SLURM's commands: they note what is asked, and answer from files.

``install(folder)`` writes them; the folder then holds ``calls`` (a line for each call), ``queue``
(a line ``number|state|reason`` for each job, as squeue prints it), and what a test puts there:
``refusal`` (what sbatch says instead of submitting), ``down`` (squeue does not answer) and
``accounts`` (what sacct prints).
"""
import os
import subprocess
from pathlib import Path

SCRIPTS = {
    "sbatch": """
if [ -e refusal ]; then cat refusal >&2; exit 1; fi
number=$(( $(cat number 2> /dev/null || echo 0) + 1 ))
echo $number > number
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\)%.*/\\1/p' "$1")
cp "$1" script-$number
if [ "$last" ]; then seq -f "${number}_%.0f|PENDING|Priority" 0 "$last" >> queue
else echo "$number|PENDING|Priority" >> queue; fi
echo "Submitted batch job $number"
""",
    "squeue": """
if [ -e down ]; then
    echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1
fi
cat queue 2> /dev/null || true
""",
    "sacct": "[ -e accounts ] || { echo 'Slurm accounting storage is disabled' >&2; exit 1; }\n"
             "cat accounts",
    "scancel": """for number; do sed -i "/^$number[|_]/d" queue; done""",
    "scontrol": "true",
    # its own options, then the command, whose output goes to the file
    "srun": """
while case "$1" in --output) log=$2; shift 2;; -*) shift;; *) false;; esac; do :; done
log=${log//%A/${SLURM_ARRAY_JOB_ID-}}; log=${log//%a/${SLURM_ARRAY_TASK_ID-}}
log=${log//%j/${SLURM_JOB_ID-}}; log=${log//%t/0}
cd "$OLDPWD"; exec "$@" >> "$log" 2>&1
"""}


def install(folder, monkeypatch):
    """Put the stand-ins first on PATH.

    Returns
    -------
    Path, the folder that holds ``calls`` and the other files
    """
    folder = Path(folder)
    (folder / "bin").mkdir(parents=True)
    for name, text in SCRIPTS.items():
        path = folder / "bin" / name
        path.write_text(f'#!/bin/bash\nset -eu\ncd "{folder}"\necho "{name} $*" >> calls\n{text}')
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return folder


def run_job(folder, number):
    """Do what SLURM does with a job: run its script; it leaves the queue. Returns the exit code."""
    array, _, index = number.partition("_")
    env = dict(os.environ, SLURM_JOB_ID=array, SLURM_NTASKS="1", SLURM_PROCID="0")
    if index:
        env.update(SLURM_ARRAY_JOB_ID=array, SLURM_ARRAY_TASK_ID=index)
    code = subprocess.run(["bash", str(folder / f"script-{array}")], env=env).returncode
    leave(folder, number)
    return code


def leave(folder, number):
    """Take a job out of the queue."""
    lines = (folder / "queue").read_text().splitlines(keepends=True)
    (folder / "queue").write_text("".join(line for line in lines
                                          if not line.startswith(f"{number}|")))


def calls(folder, name):
    """How often a command was called."""
    return sum(line.split()[0] == name for line in (folder / "calls").read_text().splitlines())
