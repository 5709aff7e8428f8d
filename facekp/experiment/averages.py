"""Ensembles of an experiment: predictions of its runs that are averaged when they are complete."""
from dataclasses import dataclass
from typing import Tuple

from facekp.errors import FacekpError
from facekp.experiment.guard import worded
from facekp.runs.place import beside, run_at
from facekp.text import say


@dataclass(frozen=True)
class Ensemble:
    """Variants of an experiment whose runs are averaged: all folds of a seed together.

    Parameters
    ----------
    of : tuple of str
        Names of variants.
    label : str
        Its name in tables and figures; if empty, the name of its folder is used.
    mirror : bool
        Average the predictions of mirror images, too.
    averaged : bool
        Take the runs' averaged weights.
    """

    of: Tuple[str, ...]
    label: str = ""
    mirror: bool = False
    averaged: bool = False


def make(experiment, options, tables, beside_of=None):
    """Make the ensembles of an experiment, those whose runs are all complete.

    Parameters
    ----------
    experiment : facekp.experiment.Experiment
    options : argparse.Namespace, as :meth:`Experiment.resolved` gives it
    tables : (facekp.data.Training, facekp.data.Test, facekp.data.Lookup)
    beside_of : dict of Path -> facekp.runs.folder.Run, or None
        The runs that were started beside others, by the folders of these.

    Returns
    -------
    list of str : why some ensembles could not be made
    """
    faults = []
    for seed in options.seeds:
        for name, ensemble in experiment.ensembles.items():
            runs = [(beside_of or {}).get(run.folder, run) for variant in ensemble.of
                    for run, _ in experiment.runs_of(variant, seed, options)]
            complete = [run.folder for run in runs if run.complete]
            if len(complete) < len(runs):
                say(f"{experiment.name}, {name}: {len(complete)} of the {len(runs)} runs that it "
                    "is the mean of are complete; it is made when all are")
                continue
            try:
                _average(experiment, name, complete, options, tables)
            except (FacekpError, OSError, MemoryError) as error:
                faults.append(f"{experiment.name}, {name}: {worded(error)}")
    return faults


def _average(experiment, name, folders, options, tables):
    from facekp.training.ensemble import ensemble as average  # slow: it imports Theano
    ensemble = experiment.ensembles[name]
    own_split = experiment.variants[ensemble.of[0]].settings.split

    def place(settings, config):
        run = run_at(options.out, experiment.name, name, settings, own_split)
        return beside(run.folder, config) if options.force_new else run

    average(place, folders, *tables, mirror=ensemble.mirror, averaged=ensemble.averaged, anew=True)
