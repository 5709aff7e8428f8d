"""Run several experiments one after the other, then draw the figures and write the page."""
import argparse
import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Tuple

from facekp.errors import ConfigError, FacekpError, RunError
from facekp.experiment import known, options as declared
from facekp.experiment.guard import guarded, worded
from facekp.text import clock


@dataclass(frozen=True)
class Series:
    """Experiments that belong together.

    Parameters
    ----------
    name : str
        With underscores, the name of the file.
    experiments : tuple of str or Experiment
        In the order in which they are run.
    title : str
    """

    name: str
    experiments: Tuple
    title: str = ""

    def main(self, argv=None, prog=None):
        """Run from the command line, as :meth:`facekp.experiment.Experiment.main`.

        Returns
        -------
        int, the exit code
        """
        parser = argparse.ArgumentParser(
            prog=prog or f"experiments/{self.name.replace('-', '_')}.py", description=self.title)
        declared.add(parser, *declared.OF_EXPERIMENTS, only={"help": "some of the experiments"})
        return guarded(lambda: self.run(parser.parse_args(argv)))

    def run(self, options):
        """Run the experiments that ``--only`` names, all without it; see :func:`run_all`."""
        run_all(choose([known.get(part) if isinstance(part, str) else part
                        for part in self.experiments], options.only), options)


def choose(experiments, only):
    """The experiments with the names in `only`, separated by commas; all if it is None."""
    by_name = {experiment.name: experiment for experiment in experiments}
    names = list(by_name) if only is None else only.split(",")
    for name in names:
        if name not in by_name:
            raise ConfigError(f"only: found {name or only!r}, expected some of "
                              f"{', '.join(by_name)}")
    return [by_name[name] for name in by_name if name in names]


def run_all(experiments, options, measure=None, say=print):
    """Tell how long it will take, and run all. If one fails, the others are run all the same.

    Raises
    ------
    RunError
        At the end, if some failed.
    """
    from facekp.experiment import estimate
    own = copy.copy(options)
    own.only = None  # it selects experiments here; each runs all of its variants
    if own.cluster and own.wait and not own.dry_run:
        # all are submitted before the first is waited for
        own.wait = False
        _run_each(experiments, own, say)
        own.wait = True
    if not own.cluster:  # its launcher tells what each experiment needs
        say("how long it will take: measuring the nets that no run has trained yet ...")
        say("\n".join(forecast(experiments, own, measure or estimate.time_epoch)))
    faults, ended = _run_each(experiments, own, say)
    if ended:
        draw(experiments, own)
    if faults:
        raise RunError("; ".join(faults))


def _run_each(experiments, options, say):
    """Run experiments; returns their faults, and whether all runs have ended."""
    faults, ended = [], True
    for experiment in experiments:
        say(f"\n== {experiment.name}")
        try:
            ended &= experiment.run(options) is not False
        except BrokenPipeError:  # nobody reads what is said
            raise
        except (FacekpError, OSError, MemoryError) as error:
            say(f"{experiment.name}: failed: {worded(error)}")
            faults.append(f"{experiment.name}: {worded(error)}")
    return faults, ended


def draw(experiments, options):
    """Draw the figures and write the page, from all runs that are there."""
    from facekp.report import figures, page
    from facekp.report.sources import Sources
    root = Path(experiments[0].resolved(options).out)
    sources = Sources(root, page.faces_at_hand(options.data))
    figures.draw_all(sources, root / "figures" if options.quick else "figures")
    page.write_report(sources, root / "report.html")


def forecast(experiments, options, measure):
    """How long each experiment will take at most, as lines of text.

    Earlier runs have measured the time of their epochs. For nets without an earlier run, a few
    training steps are measured now.

    Parameters
    ----------
    experiments, options : as for :func:`run_all`
    measure : callable taking Settings, a number of complete images, and a number of others;
        returning seconds per epoch

    Returns
    -------
    list of str
    """
    from facekp import data
    from facekp.experiment import estimate, runner
    from facekp.runs.read import find_runs
    plans = {experiment.name: list(experiment.plan(options)) for experiment in experiments}
    every = [item for plan in plans.values() for item in plan]
    n_images = runner.count_images(data.load_training(
        options.data, complete_only=runner.complete_only(every)))
    measured = estimate.measured(find_runs(options.out))
    n_measured, lines, seen, total = len(measured), [], set(), 0.0
    for name, plan in plans.items():
        plan = [(run, settings) for run, settings in plan if run.folder not in seen]
        seen.update(run.folder for run, _ in plan)  # a run of two experiments counts only once
        for run, settings in plan:
            key = estimate.cost_key(settings.as_dict())
            if key not in measured and not run.complete:
                measured[key] = measure(settings, *n_images)
        seconds, _ = estimate.time_left(plan, 1, measured)
        total += seconds
        todo = sum(not run.complete for run, _ in plan)
        lines.append(f"{name:<18} {todo:>3} of {len(plan):>2} runs to do  "
                     f"{clock(seconds):>9} at most")
    how = [f"epochs of earlier runs in {options.out}"] * (n_measured > 0) + [
        "training steps made now"] * (len(measured) > n_measured)
    return lines + [f"{'all':<18} {'':>21}  {clock(total):>9} at most; by "
                    f"{' and '.join(how) or 'nothing: all is done'}, one run at a time, without "
                    "compiling; patience may end runs early. Stop and go on whenever you like."]
