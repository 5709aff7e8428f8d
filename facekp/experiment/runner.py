"""Run an experiment: train the planned runs, and print the results."""
import contextlib
import os

import numpy as np

from facekp import data, files
from facekp.errors import ConfigError, FacekpError, RunError
from facekp.experiment import averages
from facekp.experiment.launch import in_turn, local
from facekp.runs.about import write_about
from facekp.runs.place import beside, place_of
from facekp.runs.read import read_run, warning
from facekp.settings import Settings


def run(experiment, options):
    """Train all runs that the options select, and print the results.

    Parameters
    ----------
    experiment : facekp.experiment.Experiment
    options : argparse.Namespace, as :meth:`Experiment.resolved` gives it

    Returns
    -------
    bool, whether all runs have ended; if not, they train elsewhere

    Raises
    ------
    RunError
        At the end, if some runs failed. The others are trained.
    """
    if options.device:
        os.environ["FACEKP_DEVICE"] = options.device
    plan = list(experiment.plan(options))
    faces = data.load_training(options.data, complete_only=complete_only(plan))
    tables = faces, *data.load_unlabelled(options.data)
    beside_of = {}
    if options.force_new:
        from facekp.training import describe  # slow: it imports Theano
        beside_of = {run.folder: beside(run.folder, describe(settings, *tables))
                     for run, settings in plan}
        plan = [(beside_of[run.folder], settings) for run, settings in plan]
    section = f" (section {experiment.section})" if experiment.section else ""
    beyond = f"; {faces.out_of_face} coordinates lie outside of their image"
    n_complete, n_others = count_images(faces)
    others = f" and {n_others} others" * (n_others > 0)
    print(f"{experiment.name}{section} on {n_complete} complete images{others}: "
          f"{faces.provenance['label']}{beyond if faces.out_of_face else ''}")
    if None in tables:
        print(f"{options.data}: without test.csv and IdLookupTable.csv, there is no submission")
    parts = stages(plan)
    launchers = [launcher(options, len(part), tables) for part in parts]  # engine's faults first
    with contextlib.suppress(OSError):  # if runs cannot be written either, they report it
        if not (options.dry_run or any(belongs_to_others(*pair) for pair in plan)):
            write_about(options.out, experiment.about())
    failures = {}
    for launch, part in zip(launchers, parts):
        failures.update(launch(part))
        if not all(run.complete or run in failures for run, _ in part):
            break  # they train elsewhere, and the next ones need their weights
    away = sum(not run.complete and run not in failures for run, _ in plan)
    faults = []
    if not away:
        faults = averages.make(experiment, options, tables, beside_of)
        say_results(experiment, options, plan, failures)
    if failures:
        faults.insert(0, failure_text(failures, len(plan), away))
    if faults:
        raise RunError("; ".join(faults))
    return not away


def complete_only(plan):
    """Whether all runs of a plan are trained on complete images alone."""
    return all(settings.labels == "complete" for _, settings in plan)


def count_images(faces):
    """How many images have all keypoints, and how many others there are: (int, int), of `faces`, a
    facekp.data.Training."""
    n_complete = int((~np.isnan(faces.y).any(axis=1)).sum())
    return n_complete, len(faces.y) - n_complete


def stages(plan):
    """The runs of a plan in parts, each of which needs only the weights of those before it."""
    parts, rest = [], plan
    while rest:
        waiting = {_start_from(run, settings) for run, settings in rest}
        part = [item for item in rest if item[1].start not in waiting]
        parts.append(part or rest)  # a circle: their trainings say what they lack
        rest = part and [item for item in rest if item[1].start in waiting]
    return parts


def _start_from(run, settings):
    """What the setting `start` of another run says to start from this one."""
    above, variant, _ = place_of(run.folder, settings)
    *names, last = variant.split("/")
    return "/".join(filter(None, (above.name, *names, last if last != settings.split else "")))


def launcher(options, n_runs, tables):
    """The launcher that trains the runs, see :mod:`facekp.experiment.launch`."""
    if options.cluster:
        if options.jobs > 1:
            raise ConfigError("jobs: it belongs to this machine; a cluster has at_a_time, one of "
                              "the options of its jobs; give that, or leave jobs out")
        from facekp.experiment.launch.slurm import Slurm
        return Slurm(options.data, options.out, tables[0], options.cluster_args, options.wait,
                     options.dry_run)
    for name in ("cluster_args", "wait", "dry_run"):
        if getattr(options, name):
            raise ConfigError(f"{name.replace('_', '-')}: it belongs to a cluster; name that, or "
                              "leave it out")
    jobs = min(options.jobs, n_runs)
    if jobs > 1:
        return local.Local(options.data, jobs)
    return in_turn.InTurn(tables)


def belongs_to_others(run, settings):
    """Whether another experiment of this name has begun the run: then the name is taken."""
    try:
        begun = files.read_json(run.config)["settings"]
        return Settings.from_dict(begun) != Settings.from_dict(settings.as_dict())
    except (OSError, KeyError, TypeError, FacekpError):  # no run yet, or whoever trains it says so
        return False


def say_results(experiment, options, plan, failures):
    """Print a line for each run, and the tables of all runs of the experiment.

    Parameters
    ----------
    plan : list of (Run, Settings)
    failures : dict of Run -> str
        Runs whose results cannot be read are added.
    """
    from facekp.report import story  # slow: pandas and Matplotlib, which no training needs

    print()
    for run, _ in plan:
        if run.complete and run not in failures:
            try:
                print(score_line(run, read_run(run.folder).summary))
            except RunError as error:
                failures[run] = str(error)
    story.conclude(options.out, experiment.name, warn=lambda text: warning(text) if not
                   any(reason in text for reason in failures.values()) else None)
    for run in [run for run, _ in plan if run.faces.exists()][:3]:
        print(f"predicted faces: {run.faces}")
        if run.submission.exists():
            print(f"submission: {run.submission}")


def failure_text(failures, total, away=0):
    """Which of `total` runs failed and why, as one line; `away` of them train elsewhere."""
    if total == 1:
        return next(iter(failures.values()))
    # a message about an error has the folder, a message about a signal does not
    reasons = [text if str(run.folder) in text else f"{run.folder}: {text}"
               for run, text in failures.items()]
    return (f"{len(failures)} of {total} runs failed: {'; '.join(reasons)}. The others are "
            f"{'on their way' if away else 'complete'}; the same command tries these again, from "
            "their last epochs")


def score_line(run, summary):
    """One line with a run's error and that of the mean face.

    Parameters
    ----------
    run : Run
    summary : dict, the contents of summary.json

    Returns
    -------
    str

    Raises
    ------
    RunError
        If the summary is not that of a run.
    """
    try:
        return _score_line(run, summary)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{run.summary}: holds no result of a run ({error!r}); remove "
                       f"{run.folder} and run the experiment again") from None


def _score_line(run, summary):
    if summary["state"] == "diverged":
        return f"{run.folder}: diverged in epoch {summary['epochs']} ({summary['data']})"
    line = (f"{run.folder}: validation {summary['valid_rmse_px']:.3f} px RMSE on "
            f"{summary['n_valid']} images, mean face {summary['mean_face_rmse_px']:.3f} px; "
            f"best epoch {summary['best_epoch']} of {summary['epochs']}, "
            f"{summary['seconds_per_epoch']:.2f} s each ({summary['data']})")
    if "valid_rmse_px_no_twin" in summary:
        line += (f"; {summary['valid_rmse_px_twin_in_train']:.3f} px where the mirror image was "
                 f"trained on, {summary['valid_rmse_px_no_twin']:.3f} px elsewhere")
    if "frozen_since" in summary:
        line += (f"; frozen since epoch {summary['frozen_since']}: from there on the net learned "
                 "nothing")
    return line
