"""Runs read back: the one way from a folder of runs to tables of numbers.

Reads ``runs/`` and the ``results/`` that a checkout brings alike: the same folders, the latter with
small files only. Several runs are averaged in :mod:`facekp.analysis.aggregate`.
"""
import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from facekp import files
from facekp.errors import RunError
from facekp.runs.about import FILE, About, read_about
from facekp.runs.checks import (NEAR_DUPLICATES, check, check_config, check_images,
                                check_summary)
from facekp.runs.config import modernized
from facekp.runs.folder import HISTORY, PERHAPS, Run
from facekp.runs.place import place_of
from facekp.runs.result import RunResult
from facekp.settings import Settings


def warning(text):
    """Say on stderr that something was left out."""
    print(f"facekp: warning: {text}", file=sys.stderr)


def find_runs(root, warn=warning):
    """All runs (:class:`RunResult`) in ``runs``, ``results`` or a folder in them, by their names;
    `warn` is told about each that is damaged, which is left out."""
    root, found, abouts = Path(root), [], {}
    for config in sorted(root.rglob("config.json"), key=lambda path: path.parts):
        try:
            found.append(read_run(config.parent, root, warn, abouts))
        except RunError as error:
            warn(f"{error} (left out)")
    return found


def read_run(folder, root=None, warn=warning, abouts=None):
    """Read one run.

    Parameters
    ----------
    folder : path, see :mod:`facekp.runs.place`
    root : path or None
        Of all runs: an experiment deeper in it, like ``demo/lenet-augmented``, has that name.
    warn : callable taking a str
        Told about a damaged experiment.json or near_duplicates.json, which the run does without.
    abouts : dict of Path -> About, or None; what was read before, and is added to

    Raises
    ------
    RunError
        If a file in it is damaged, or its place is not one that facekp gives.
    """
    from pandas import DataFrame  # slow; who only asks for help needs none
    run = Run(folder)
    config = files.read_json(run.config)
    check_config(config, run.config)
    config = modernized(config)
    settings = Settings.from_dict(config["settings"])
    above, variant, attempt = place_of(run.folder, settings)
    below_root = root and Path(root).absolute() in above.parents
    experiment = above.relative_to(Path(root).absolute()).as_posix() if below_root else above.name
    history = run.read_history() if run.history.exists() or run.complete else None
    summary = _read_summary(run, warn)
    if (summary or {}).get("epochs") and not history["epoch"]:
        raise RunError(f"{run.history}: holds no epoch, though summary.json names some; remove "
                       f"{run.folder} and run the experiment again")
    abouts = {} if abouts is None else abouts
    if above not in abouts:
        abouts[above] = _about(above, experiment, warn)
    return RunResult(run.folder, experiment, settings.model, variant, settings.seed, settings.fold,
                     attempt, config,
                     DataFrame(history, columns=[*HISTORY, *PERHAPS], dtype=np.float64), summary,
                     abouts[above])


def _about(folder, name, warn):
    """What the experiment in a folder says of itself; a damaged file is done without."""
    try:
        return replace(read_about(folder.parent, folder.name), name=name)
    except RunError as error:
        warn(f"{error} (left out)")
        return About(name)


def _read_summary(run, warn):
    """summary.json with the errors on near-duplicates, which older runs have in their own file."""
    if not run.complete:
        return None
    summary = files.read_json(run.summary)
    check_summary(summary, run.summary)
    if "near_duplicates" not in summary and run.near_duplicates.exists():
        try:
            found = files.read_json(run.near_duplicates)
            check(run.near_duplicates, found, NEAR_DUPLICATES)
            check_images(found, run.near_duplicates)
            summary["near_duplicates"] = found
        except RunError as error:
            warn(f"{error} (left out)")
    return summary


def on_photographs(runs):
    """Those runs that were trained on photographs; all, if none was: so that the synthetic faces of
    `make demo` never mix with Kaggle's."""
    runs = list(runs)
    return [run for run in runs if not run.synthetic] or runs


def labels(runs):
    """Whose faces runs were trained on, for a title."""
    return ", ".join(dict.fromkeys(run.label for run in runs))


def of_experiment(runs, about):
    """The runs of an experiment, and those that it shares with another one as its own: with
    `experiment`, `variant` and `about` as this experiment names them."""
    own = [run for run in runs if run.experiment == about.name]
    there = {(run.variant, run.seed, run.fold) for run in own}
    for variant, place in about.shares.items():
        for run in runs:
            name = "/".join(filter(None, (variant, run.variant[len(run.base):].strip("/"))))
            if [run.experiment, run.base] == place and (name, run.seed, run.fold) not in there:
                own.append(replace(run, experiment=about.name, variant=name, about=about))
    return own


class Collection:
    """The runs of a folder by their experiments; each is read when it is first needed.

    Parameters
    ----------
    root : path, ``runs`` or ``results``
    warn : callable taking a str
        Told about damaged runs and experiments, which are left out.
    known : iterable of About
        Experiments that may have left nothing in the folder yet.
    """

    def __init__(self, root, warn=warning, known=()):
        self.root, self.warn, self.known = Path(root), warn, tuple(known)

    @cached_property
    def all_runs(self):
        """list of RunResult: all in the folder"""
        return find_runs(self.root, self.warn)

    @cached_property
    def runs(self):
        """list of RunResult: those on photographs; if there is none, those on synthetic faces"""
        return on_photographs(self.all_runs)

    @cached_property
    def abouts(self):
        """dict of str -> About: what the experiments say of themselves, in the order of tables;
        an experiment below another folder, like ``demo/lenet-augmented``, after the others."""
        found = {one.name: one for one in self.known}
        found.update((run.experiment, run.about) for run in self.all_runs
                     if run.about.title or run.experiment not in found)
        for path in self.root.rglob(FILE):
            name = path.parent.relative_to(self.root).as_posix()
            name = self.root.absolute().name if name == "." else name
            if name not in found or found[name] in self.known:
                found[name] = _about(path.parent, name, self.warn)
        order = sorted(found, key=lambda name: (name.count("/"), found[name].order, name))
        return {name: found[name] for name in order}

    @property
    def side_by_side(self):
        """list of About: those experiments that are no trials deeper in the folder"""
        return [about for name, about in self.abouts.items() if "/" not in name]

    def about(self, name):
        """What an experiment says of itself; no more than its name where it says nothing."""
        return self.abouts.get(name) or About(name)

    def of(self, place, variant=None):
        """Runs that have an epoch, and ensembles, those included that the experiment shares.

        `place` is an experiment, like ``lenet``, or a variant, like ``dropout-ablation/dropout``;
        `variant` is the variant, if not by the place. On photographs, if some are.
        """
        name, of_place = self.parts(place)
        variant = of_place or None if variant is None else variant
        return [run for run in on_photographs(of_experiment(self.all_runs, self.about(name)))
                if run.has_results and variant in (None, run.variant)]

    def parts(self, place):
        """(experiment, variant) of a place; the experiment's name may have a slash itself."""
        return (place, "") if place in self.abouts else place.partition("/")[::2]
