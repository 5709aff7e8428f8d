"""``make paper``: all experiments of the paper, one after the other, and what follows from them."""
import argparse
import copy
from pathlib import Path

from facekp.experiment import estimate
from facekp.experiment.arguments import path_name, whole_number, whole_numbers
from facekp.errors import ConfigError, FacekpError, RunError
from facekp.experiment.experiment import guarded
from facekp.runs.read import find_runs

EXPERIMENTS = ("lenet", "lenet-augmented", "vggnet", "dropout-ablation", "optimizer-study", "cnn14")
"""What the paper ran: names of the run folders."""

PUBLISHED = EXPERIMENTS + ("vggnet-search",)
"""And what decided choices that the paper leaves open: `make results` takes both."""

QUICK_EPOCHS = {"vggnet": 1}
"""Epochs of each run with ``QUICK=1``, where they are not three: an epoch of VGGNet takes as long
as 25 of LeNet-5."""


def main(experiments, argv=None):
    """Run from the command line.

    Parameters
    ----------
    experiments : iterable of facekp.experiment.experiment.Experiment
    argv : list of str or None

    Returns
    -------
    int, the exit code, as for one experiment
    """
    parser = argparse.ArgumentParser(prog="experiments/paper.py", description=__doc__)
    parser.add_argument("--data", type=path_name, default="data/kaggle", metavar="FOLDER")
    parser.add_argument("--out", type=path_name, default="runs", metavar="FOLDER",
                        help="where run folders go; with --quick, quick/ in it")
    parser.add_argument("--quick", action="store_true", help="few epochs, one fold")
    parser.add_argument("--only", metavar="NAME,...", help="some of the experiments")
    parser.add_argument("--epochs", type=whole_number(1, 10**6), metavar="N")
    parser.add_argument("--seeds", "--seed", type=whole_numbers, default=[0], metavar="N,...")
    parser.add_argument("--folds", type=whole_number(1, 5), metavar="N",
                        help="default: each experiment's, with --quick one")
    parser.add_argument("--jobs", type=whole_number(1, 1000), default=1, metavar="N")
    parser.add_argument("--device", metavar="DEVICE")
    options = parser.parse_args(argv)
    return guarded(lambda: run_all(choose(experiments, options.only), options))


def choose(experiments, only):
    """The experiments whose names are given with commas between them; all without names."""
    by_name = {experiment.name: experiment for experiment in experiments}
    names = list(by_name) if only is None else only.split(",")
    for name in names:
        if name not in by_name:
            raise ConfigError(f"only: found {name!r}, expected some of {', '.join(by_name)}")
    return [by_name[name] for name in by_name if name in names]


def options_of(experiment, options):
    """The options of `main` as the experiment's own."""
    own = copy.copy(options)
    own.only, own.force_new = None, False
    own.folds = options.folds or (1 if options.quick else experiment.folds)
    if options.quick:
        own.out = str(Path(options.out, "quick"))
        own.epochs = options.epochs or QUICK_EPOCHS.get(experiment.name, 3)
    return own


def run_all(experiments, options, measure=None, say=print):
    """Say how long it will take, and run all; an experiment that fails does not end the others.

    Raises
    ------
    RunError
        At the end, if some failed.
    """
    say("how long it will take: measuring the nets that no run has trained yet ...")
    say("\n".join(forecast(experiments, options, measure or estimate.time_epoch)))
    faults = []
    for experiment in experiments:
        say(f"\n== {experiment.name}")
        try:
            experiment.run(options_of(experiment, options))
        except FacekpError as error:
            say(f"{experiment.name}: failed: {error}")
            faults.append(f"{experiment.name}: {error}")
    draw(experiments, options)
    if faults:
        raise RunError("; ".join(faults))


def draw(experiments, options):
    """Draw the figures and write the page of all runs, from what there is."""
    from facekp.report import figures, page as report
    from facekp.report.sources import Sources
    root = Path(options_of(experiments[0], options).out)
    sources = Sources(root, report.faces_at_hand(options.data))
    figures.draw_all(sources, root / "figures" if options.quick else "figures")
    report.write_report(sources, root / "report.html")


def forecast(experiments, options, measure):
    """How long each experiment will take at most, as lines of text.

    Runs that are there have measured their epochs; nets that no run has trained make a few
    training steps now.

    Parameters
    ----------
    experiments, options : as for :func:`run_all`
    measure : callable taking Settings and a number of images, returning seconds per epoch

    Returns
    -------
    list of str
    """
    from facekp import data
    n_images = len(data.load_training(options.data, complete_only=True).X)
    plans = {experiment.name: list(experiment.plan(options_of(experiment, options)))
             for experiment in experiments}
    known = estimate.measured(find_runs(options.out))
    n_known, lines, seen, total = len(known), [], set(), 0.0
    for name, plan in plans.items():
        plan = [(run, settings) for run, settings in plan if run.folder not in seen]
        seen.update(run.folder for run, _ in plan)  # a run that two experiments share counts once
        for run, settings in plan:
            key = estimate.cost_key(settings.as_dict())
            if key not in known and not run.complete:
                known[key] = measure(settings, n_images)
        seconds, _ = estimate.time_left(plan, 1, known)
        total += seconds
        todo = sum(not run.complete for run, _ in plan)
        lines.append(f"{name:<18} {todo:>3} of {len(plan):>2} runs to do  "
                     f"{estimate.clock(seconds):>9} at most")
    how = [f"epochs of earlier runs in {options.out}"] * (n_known > 0) + [
        "training steps made now"] * (len(known) > n_known)
    return lines + [f"{'all':<18} {'':>21}  {estimate.clock(total):>9} at most; by "
                    f"{' and '.join(how) or 'nothing: all is done'}, one run at a time, without "
                    "compiling; patience may end runs early. Stop and go on whenever you like."]
