"""``facekp cluster``: where the jobs on a cluster stand, and their end."""
import os
from pathlib import Path

from facekp.experiment.launch import slurm_queue
from facekp.experiment.options import add
from facekp.runs.folder import Run


def add_to(commands):
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser("cluster", help="where the runs stand that --cluster submitted; "
                                                 "their cancellation")
    parser.add_argument("what", choices=("status", "cancel"),
                        help="a line for each run; or cancel those that wait or train")
    add(parser, "out")
    parser.set_defaults(run=_cluster)


def _cluster(options):
    roots = sorted({path.parents[2] for path in Path(options.out).rglob(
        f"{slurm_queue.FOLDER}/*/{slurm_queue.RECORD}")})  # with those of --quick
    if options.what == "cancel":
        number = sum(map(slurm_queue.cancel, roots))
        print(f"{options.out}: {number} jobs cancelled; what they trained is kept")
        return
    for root in roots:
        runs = [Run(min(os.path.relpath(folder), folder, key=len))
                for folder in slurm_queue.recorded(root)]
        found = slurm_queue.states(root, runs)
        for run, state in found.items():
            print(f"{run.folder}: {state.words}")
        print(f"{root}: {slurm_queue.counted(found)}")
    if not roots:
        print(f"{options.out}: nothing was submitted")
