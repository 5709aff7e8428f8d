"""Runs read back: the one way from a folder of runs to arrays.

Reads ``runs/`` and the ``results/`` that a checkout brings alike: the same folders, the latter with
small files only. Figures, tables and reports take :class:`RunResult`; how several of them are
averaged is in :mod:`facekp.analysis.aggregate`.
"""
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

import numpy as np

from facekp import files, metrics
from facekp.errors import RunError
from facekp.runs.checks import (check_config, check_errors, check_name, check_near_duplicates,
                                check_summary, read_predictions)
from facekp.runs.config import modernized
from facekp.runs.folder import Run
from facekp.runs.history import HISTORY
from facekp.runs.place import place_of
from facekp.settings import Settings

SHARED = {
    ("dropout-ablation", "no-dropout"): ("optimizer-study", "adagrad"),
    ("cnn14", ""): ("dropout-ablation", "dropout"),
}
"""Variants (experiment, variant) that are another experiment's: trained once, kept there."""


@dataclass(frozen=True)
class RunResult:
    """What a run has left so far.

    Parameters
    ----------
    folder : Path
    experiment, model, variant : str
        Variant "" where the experiment has one only; with a split that is not the experiment's
        own it ends in the split, like "adagrad/grouped" or "grouped" (:attr:`own_variant`).
    seed, fold : int
    attempt : int
        1; 2, 3, ... for runs that were started beside another one (``NEW=1``).
    config : dict, the contents of config.json
    history : dict of str -> float64 array (epochs,)
        The columns :data:`facekp.runs.history.HISTORY`; losses are mean squared errors of the
        scaled targets. NaN where nothing was measured.
    summary : dict or None
        The contents of summary.json; None while the run is not complete.
    near_duplicates : dict or None
        The error apart on validation images with a near-duplicate in training, and on the others:
        ``near_duplicates`` of summary.json, or what earlier versions wrote into
        near_duplicates.json; None without it.
    """

    folder: Path
    experiment: str
    model: str
    variant: str
    seed: int
    fold: int
    attempt: int
    config: dict
    history: dict
    summary: Optional[dict]
    near_duplicates: Optional[dict] = None

    @property
    def settings(self):
        """dict, the parameters of the run (:class:`facekp.settings.Settings`)."""
        return self.config["settings"]

    @property
    def own_variant(self):
        """str, the variant without a split that is not the experiment's own."""
        split = self.settings["split"]
        return self.variant[:-len(split)].rstrip("/") if (
            self.variant.split("/")[-1] == split) else self.variant

    @property
    def label(self):
        """str, what the images are, like "synthetic faces"."""
        return self.config["data"]["label"]

    @property
    def epochs(self):
        """int, how many epochs are on disk."""
        return len(self.history["epoch"])

    @property
    def diverged(self):
        """bool, whether a loss is no number any more."""
        if self.summary is not None:
            return self.summary["state"] == "diverged"
        last = [self.history[name][-1:] for name in ("train_loss", "valid_loss")]
        return not np.isfinite(np.concatenate(last)).all()

    @property
    def complete(self):
        """bool, whether the run has come to its end, be it by divergence."""
        return self.summary is not None

    @property
    def state(self):
        """str: "complete", "diverged in epoch 3", or "unfinished at epoch 3 of 500"."""
        if self.diverged:
            return f"diverged in epoch {self.epochs}"
        if self.complete:
            return "complete"
        return f"unfinished at epoch {self.epochs} of {self.settings['epochs']}"

    @property
    def best_epoch(self):
        """int, the epoch with the lowest validation loss; 0 where there is none."""
        loss = self.history["valid_loss"]
        return int(np.nanargmin(loss)) + 1 if np.isfinite(loss).any() else 0

    @property
    def best_valid_rmse_px(self):
        """float, px: validation RMSE of the best epoch; NaN where there is none."""
        return float(self.history["valid_rmse_px"][self.best_epoch - 1]
                     if self.best_epoch else np.nan)

    @property
    def train_rmse_px(self):
        """float, px: RMSE on all training images, of the best epoch's weights, dropout off; NaN
        while the run is not complete."""
        value = (self.summary or {}).get("train_rmse_px")
        return float("nan") if value is None else float(value)

    @property
    def seconds_per_epoch(self):
        """float, the median; NaN before the first epoch."""
        return float(np.median(self.history["seconds"])) if self.epochs else float("nan")

    @property
    def whole_history(self):
        """dict like `history`; of a run that stood still and was stopped, up to the last
        epoch that its settings name, the rows that are lacking like its last one."""
        if not (self.complete and self.summary.get("stopped_by") == "frozen"):
            return self.history
        rest = max(0, self.settings["epochs"] - self.epochs)
        return {name: np.append(values, np.full(rest, self.final(name)))
                for name, values in self.history.items()}

    def final(self, name):
        """The last epoch's value of a column of the history; NaN before the first."""
        values = self.history[name]
        return float(values[-1]) if len(values) else float("nan")

    def errors(self):
        """Errors by keypoint on the validation images, of the best epoch's weights.

        Returns
        -------
        dict of :func:`facekp.metrics.keypoint_errors`, or None where the run left no predictions

        Raises
        ------
        RunError
            If the file is damaged.
        """
        stored, predictions = self.folder / "errors.json", self.folder / "predictions.npz"
        if stored.exists():
            errors = files.read_json(stored)
            check_errors(errors, stored)
            return errors
        if not predictions.exists():
            return None
        y_valid, y_pred = read_predictions(predictions, "y_valid", "y_pred_valid")
        if y_valid is None or y_pred is None or y_valid.shape != y_pred.shape or not len(y_valid):
            raise RunError(f"{predictions}: lacks validation images; remove {self.folder} and run "
                           "the experiment again")
        return metrics.keypoint_errors(y_valid, y_pred)


def warning(text):
    """Say on stderr that something was left out."""
    print(f"facekp: warning: {text}", file=sys.stderr)


def find_runs(root, warn=warning):
    """All runs below a folder, in the order of their names.

    Parameters
    ----------
    root : path
        ``runs``, ``results``, or a folder in them.
    warn : callable taking a str
        Told about each run that is damaged, which is left out.

    Returns
    -------
    list of RunResult; empty if there is no such folder
    """
    root, found = Path(root), []
    for config in sorted(root.rglob("config.json"), key=lambda path: path.parts):
        try:
            found.append(read_run(config.parent, root, warn))
        except RunError as error:
            warn(f"{error} (left out)")
    return found


def read_run(folder, root=None, warn=warning):
    """Read one run.

    Parameters
    ----------
    folder : path
        See :mod:`facekp.runs.place`.
    root : path or None
        Of all runs: an experiment deeper in it, like ``demo/lenet-augmented``, has that name.
    warn : callable taking a str
        Told about a damaged near_duplicates.json, which the run does without.

    Returns
    -------
    RunResult

    Raises
    ------
    RunError
        If a file in it is damaged, or its place is not one that facekp gives.
    """
    run = Run(folder)
    config = files.read_json(run.config)
    check_config(config, run.config)
    config = modernized(config)
    settings = Settings.from_dict(config["settings"])
    place = place_of(run.folder, settings)
    below_root = root and Path(root).absolute() in place.above.parents
    experiment = (place.above.relative_to(Path(root).absolute()).as_posix() if below_root
                  else place.above.name)
    variant = "/".join(filter(None, (place.variant, place.split)))
    check_name(f"{experiment}/{variant}", run.config)
    history = (run.read_history() if run.history.exists() or run.complete
               else {name: [] for name in HISTORY})
    summary = files.read_json(run.summary) if run.complete else None
    if summary is not None:
        check_summary(summary, run.summary)
    return RunResult(run.folder, experiment, settings.model, variant, settings.seed, settings.fold,
                     place.attempt, config,
                     {name: np.array(values, np.float64) for name, values in history.items()},
                     summary, (summary or {}).get("near_duplicates")
                     or _read_near_duplicates(run.near_duplicates, warn))


def _read_near_duplicates(path, warn):
    if not path.exists():
        return None
    try:
        found = files.read_json(path)
        check_near_duplicates(found)
        return found
    except (RunError, ValueError) as error:
        warn(f"{path}: is left out ({error})")
        return None


def on_photographs(runs):
    """Those runs that were trained on photographs; all, if none was.

    So that the synthetic faces of `make demo` never mix with Kaggle's.
    """
    runs = list(runs)
    return [run for run in runs if run.config["data"].get("kind") != "synthetic"] or runs


def labels(runs):
    """Whose faces runs were trained on, for a title."""
    return ", ".join(dict.fromkeys(run.label for run in runs))


def of_experiment(runs, name):
    """The runs of an experiment, those among them that it shares with another one.

    Parameters
    ----------
    runs : iterable of RunResult
    name : str

    Returns
    -------
    list of RunResult
        With `experiment` and `variant` as this experiment names them.
    """
    runs = list(runs)
    own = [run for run in runs if run.experiment == name]
    there = {(run.variant, run.seed, run.fold) for run in own}
    for (experiment, variant), place in SHARED.items():
        if experiment == name:
            own += [replace(run, experiment=name, variant=variant) for run in runs
                    if (run.experiment, run.variant) == place
                    and (variant, run.seed, run.fold) not in there]
    return own


def experiment_runs(root, name, warn=warning):
    """Read the runs of one experiment below a folder, those that it shares included.

    Of runs on synthetic faces and on others, the others.

    Parameters
    ----------
    root : path, ``runs`` or ``results``
    name : str
    warn : callable taking a str

    Returns
    -------
    list of RunResult
    """
    places = [name] + [place[0] for (sharing, _), place in SHARED.items() if sharing == name]
    return on_photographs(of_experiment([run for place in dict.fromkeys(places)
                                         for run in find_runs(Path(root, place), warn)], name))
