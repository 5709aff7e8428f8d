"""Runs that may be compared, how sure a difference between them is, and what is found."""
from dataclasses import dataclass, field
from typing import NamedTuple, Tuple

import numpy as np
from scipy.special import stdtr

from facekp.analysis.aggregate import mean_sd

LEVEL = 0.05
"""Of the two-sided t test by which a difference of paired runs is called clear."""

OVERLAP = 1 / 4
"""Validation images by training images of a split: one fold of five by the other four."""

HOLDS, IN_PART, NOT, OPEN = "holds", "in part", "not", "open"
"""Verdicts on a claim; open: runs are lacking, or do not agree."""


def sides_of(collection, experiment, *variants):
    """Runs of variants by their labels: dict of str -> list of facekp.runs.result.RunResult.

    Each of `variants` is one of this experiment, or [experiment, variant]; without any, all.
    """
    if not variants:
        variants = dict.fromkeys(run.variant for run in collection.of(experiment)
                                 if run.base == run.variant)  # split as the experiment does
    places = [place if isinstance(place, (list, tuple)) else (experiment, place)
              for place in variants]
    return {collection.about(name).label(variant): collection.of(name, variant)
            for name, variant in places}


def paired(sides, ensembles=False):
    """The complete runs of each side on the (seed, fold) pairs, on the same faces, that all sides
    have.

    `sides` and what is returned: dict of str -> list of facekp.runs.result.RunResult. The pairs are
    in the same order on each side. If `ensembles`, those of runs of one fold count as well: they
    have an error, but no epochs.
    """
    tables = {name: {(run.label, run.settings["split"] == "grouped", run.seed, run.fold): run
                     for run in runs if run.complete and run.attempt == 1 and (
                         run.epochs or ensembles and _of_one_fold(run))}
              for name, runs in sides.items()}
    common = sorted(set.intersection(*map(set, tables.values()))) if tables else []
    return {name: [table[pair] for pair in common] for name, table in tables.items()}


def _of_one_fold(run):
    """Whether a run is an ensemble of runs of its own fold, so with the same validation images."""
    return run.config.get("members") is not None and run.folds == [run.fold]


def p_value(change):
    """How probable such differences (a MeanSd) are by chance: two-sided t test of paired runs.

    Splits by several seeds, or several folds, have most of their training images in common; the
    variance of the mean is corrected for that as by Nadeau & Bengio 2003 ("Inference for the
    generalization error", Machine Learning 52). NaN for a single pair, which has no spread.
    """
    if change.n < 2:
        return float("nan")
    error = change.sd * np.sqrt(1 / change.n + OVERLAP)
    if not error:
        return float(not change.mean)
    return float(2 * stdtr(change.n - 1, -abs(change.mean) / error))


def direction(change):
    """What a change of an error (the MeanSd of differences) is in words: "better", "worse", "no
    clear difference"; "lower", "higher", "no difference" of a single pair; "not measured" of none.
    """
    if not change.n:
        return "not measured"
    if change.n > 1 and not p_value(change) < LEVEL:
        return "no clear difference"
    if not change.mean:
        return "no difference"
    falls, rises = ("better", "worse") if change.n > 1 else ("lower", "higher")
    return rises if change.mean > 0 else falls


def compared(before, after):
    """Two MeanSd and that of their differences, over the pairs of numbers that are both finite."""
    pairs = [pair for pair in zip(before, after) if np.isfinite(pair).all()]
    return (mean_sd(a for a, _ in pairs), mean_sd(b for _, b in pairs),
            mean_sd(b - a for a, b in pairs))


class Basis(NamedTuple):
    """The runs that a finding rests on."""

    n: int = 0  # how many runs of each side
    seeds: Tuple[int, ...] = ()
    folds: Tuple[int, ...] = ()

    @classmethod
    def of(cls, sides):
        """What a dict of str -> list of RunResult rests on."""
        runs = [run for side in sides.values() for run in side]
        return cls(max(map(len, sides.values()), default=0),
                   *(tuple(sorted({getattr(run, name) for run in runs}))
                     for name in ("seed", "fold")))


@dataclass(frozen=True)
class Finding:
    """What runs say of a claim."""

    kind: str            # what `numbers` holds, and how it is worded
    statement: str = ""  # the paper's words, or what is compared
    verdict: str = ""    # one of the four; "": no claim
    numbers: dict = field(default_factory=dict)  # empty where nothing can be said yet
    basis: Basis = Basis()
