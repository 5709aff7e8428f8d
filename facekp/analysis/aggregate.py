"""Several runs as one: means and standard deviations over folds and seeds.

Only runs that differ in nothing but seed and fold are averaged (:func:`group_runs`).
"""
import json
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

LEVELS = (0.004, 0.003, 0.002, 0.0015, 0.0012, 0.0010208)
"""Validation losses that a run is timed to: 3.0 px to 1.5 px RMSE. All are better than the mean
face of Kaggle's complete images (3.2 px); the last one is where the paper's net ended."""


class MeanSd(NamedTuple):
    """A mean over `n` runs and their sample standard deviation (n - 1); NaN for one run."""

    mean: float
    sd: float
    n: int

    def format(self, digits=4):
        """As text: ``1.234 ± 0.012``, without the deviation for one run, "-" for none."""
        if not self.n:
            return "-"
        if self.n == 1 and self.mean == int(self.mean):
            return f"{self.mean:.0f}"
        mean = f"{self.mean:#.{digits}g}".rstrip(".")
        # Rounded first: 999.7 is 1000 in three digits, a number with one more.
        if abs(float(mean)) >= 10 ** digits:
            mean = f"{self.mean:.0f}"
        if self.n == 1:
            return mean
        # As many decimals as the mean has: the rest says nothing.
        return f"{mean} ± " + (f"{self.sd:.1g}" if "e" in mean
                               else f"{self.sd:.{len(mean.partition('.')[2])}f}")


def mean_sd(values):
    """The :class:`MeanSd` of those values (float or None) that are finite."""
    values = np.array([np.nan if value is None else value for value in values], float)
    values = values[np.isfinite(values)]
    return MeanSd(float(values.mean()) if len(values) else np.nan,
                  float(values.std(ddof=1)) if len(values) > 1 else np.nan, len(values))


@dataclass(frozen=True)
class Group:
    """Runs that differ in seed and fold only."""

    experiment: str
    model: str
    variant: str
    name: str    # the variant's label, with what tells it apart from others of the same one
    runs: tuple  # of facekp.runs.result.RunResult, at least one

    @property
    def label(self):
        """str, what the images are."""
        return self.runs[0].label

    @property
    def seeds(self):
        """list of int"""
        return sorted({run.seed for run in self.runs})

    @property
    def folds(self):
        """list of int"""
        return sorted({fold for run in self.runs for fold in run.folds})

    def mean(self, measure):
        """The :class:`MeanSd` of a number of each settled run (:func:`settled`); `measure` is an
        attribute of RunResult, or a function of one."""
        return mean_sd(measure(run) if callable(measure) else getattr(run, measure)
                       for run in settled(self.runs))


def group_runs(runs):
    """Put runs together that differ in seed and fold only: a list of :class:`Group`, in the order
    of their first runs."""
    found = {}
    for run in runs:
        settings = {**run.settings, "seed": None, "fold": None}
        key = (run.experiment, run.model, run.variant, run.attempt,
               json.dumps([settings, run.config["data"]], sort_keys=True))
        found.setdefault(key, []).append(run)
    groups = []
    for key, members in found.items():
        rivals = [other for other in found if other != key and other[:3] == key[:3]]
        name = members[0].name + (f" ({_distinction(key, rivals)})" if rivals else "")
        groups.append(Group(*key[:3], name, tuple(members)))
    return groups


def _distinction(key, rivals):
    """What of a group's settings, data or attempt differs from its rivals', as text."""
    settings, data = json.loads(key[4])
    others = [json.loads(other[4]) for other in rivals]
    words = [f"{name} {value}" for name, value in settings.items()
             if any(other.get(name) != value for other, _ in others)]
    if any(other != data for _, other in others):
        words.append(data["label"])
    if any(other[3] != key[3] for other in rivals):
        words.append(f"run {key[3]}")
    return ", ".join(words)


def settled(runs):
    """The runs to average end results over: the complete ones; if there is none, all."""
    runs = list(runs)
    return [run for run in runs if run.complete] or runs


class Curve(NamedTuple):
    """A history column over several runs: arrays (epochs,), over the runs that have that epoch and
    a finite value there; NaN where none has."""

    epoch: np.ndarray  # 1, 2, ... up to the longest run's last
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: np.ndarray      # how many runs


def mean_curve(runs, column):
    """The :class:`Curve` of a history column, like "valid_loss", of runs of any length."""
    curves = [run.whole_history[column] for run in runs] or [pd.Series(dtype=float)]
    values = pd.concat(curves, axis=1).replace([np.inf, -np.inf], np.nan)
    return Curve(np.arange(1, len(values) + 1), *(
        getattr(values, name)(axis=1).to_numpy() for name in ("mean", "min", "max", "count")))


class Reached(NamedTuple):
    """When a run came to a loss."""

    epoch: int      # the first at or below the level
    seconds: float  # epochs times the median one: a machine may sleep while a run trains


def reach(run, level, column="valid_loss"):
    """When a run's loss was first at or below a level (MSE of scaled targets): :class:`Reached`, or
    None if it never was."""
    at = np.flatnonzero(run.history[column] <= level) + 1
    return Reached(int(at[0]), int(at[0]) * run.seconds_per_epoch) if len(at) else None
