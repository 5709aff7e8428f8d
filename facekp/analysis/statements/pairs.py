"""What all statements share: runs that may be compared, how sure a difference is, and words."""
import numpy as np
from scipy.special import stdtr

LEVEL = 0.05
"""Of the two-sided t test by which a difference of paired runs is called clear."""

OVERLAP = 1 / 4
"""Validation images by training images of a split: one fold of five by the other four."""


def paired(sides):
    """The runs of each side on the (seed, fold) pairs, on the same faces, that all sides have.

    Parameters
    ----------
    sides : dict of str -> list of facekp.runs.read.RunResult

    Returns
    -------
    dict of str -> list of RunResult, in the same order of pairs; empty lists without a pair.
    Pairs of complete runs; where there is none, all.
    """
    tables = {name: {(run.label, run.seed, run.fold): run for run in runs
                     if run.epochs and run.attempt == 1} for name, runs in sides.items()}
    common = sorted(set.intersection(*map(set, tables.values()))) if tables else []
    complete = [pair for pair in common if all(table[pair].complete for table in tables.values())]
    return {name: [table[pair] for pair in complete or common] for name, table in tables.items()}


def p_value(change):
    """How probable such differences are by chance: two-sided t test of paired runs.

    Splits by several seeds, or several folds, have most of their training images in common; the
    variance of the mean is corrected for that as by Nadeau & Bengio 2003 ("Inference for the
    generalization error", Machine Learning 52).

    Parameters
    ----------
    change : facekp.analysis.aggregate.MeanSd, of the differences

    Returns
    -------
    float, 0 to 1; NaN for a single pair, which has no spread to go by
    """
    if change.n < 2:
        return float("nan")
    error = change.sd * np.sqrt(1 / change.n + OVERLAP)
    if not error:
        return float(not change.mean)
    return float(2 * stdtr(change.n - 1, -abs(change.mean) / error))


def is_clear(change):
    """bool, whether paired differences are off zero by :func:`p_value`; False for a single pair"""
    return p_value(change) < LEVEL


def basis(change, each=" each"):
    """What a comparison rests on, in brackets: how many runs, and :func:`p_value`."""
    p = p_value(change)
    words = "" if np.isnan(p) else ", p < 0.001" if p < .001 else f", p = {p:.2g}"
    return f" ({plural(change.n, 'run')}{each}{words})"


def better_or_worse(change):
    """A change of an error in a word; of a single pair no more than its direction.

    Parameters
    ----------
    change : facekp.analysis.aggregate.MeanSd, of the differences

    Returns
    -------
    str
    """
    if not change.n:
        return "not measured"
    if change.n > 1 and not is_clear(change):
        return "no clear difference"
    if not change.mean:
        return "no difference"
    falls, rises = ("better", "worse") if change.n > 1 else ("lower", "higher")
    return rises if change.mean > 0 else falls


def finite_pairs(before, after):
    """Pairs of numbers, both finite, as two lists."""
    pairs = [pair for pair in zip(before, after) if np.isfinite(pair).all()]
    return [a for a, _ in pairs], [b for _, b in pairs]


def by_variant(runs):
    """dict of variant -> list of runs that have at least one epoch."""
    sides = {}
    for run in runs:
        if run.epochs:
            sides.setdefault(run.variant, []).append(run)
    return sides


def unfinished(sides):
    """Which sides have runs that are not complete, as " (so far: adam epoch 42 of 500)", or ""."""
    words = []
    for name, runs in sides.items():
        epochs = [run.epochs for run in runs if not run.complete]
        if epochs:
            words.append(f"{name} epoch {span(epochs)} of {runs[0].settings['epochs']}")
    return f" (so far: {', '.join(words)})" if words else ""


def span(values):
    """Whole numbers as text: "500", or "77 to 94"."""
    values = list(values)
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"


def plural(n, word):
    """A number and its noun: "1 epoch", "2 epochs"."""
    return f"{n} {word}" + "s" * (n != 1)


def listed(words):
    """Words as an enumeration: "a", "a and b", "a, b and c"."""
    words = list(words)
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def seeds_and_folds(runs):
    """The seeds and folds of runs, as "seed 0, folds 0 and 1"."""
    words = []
    for name in ("seed", "fold"):
        numbers = sorted({getattr(run, name) for run in runs})
        words.append(f"{name}{'s' * (len(numbers) > 1)} {listed(map(str, numbers))}")
    return ", ".join(words)


def stopped_learning(sides):
    """Which sides' runs diverged or stand still, as sentences."""
    lines = []
    for name, runs in sides.items():
        diverged = [run.epochs for run in runs if run.diverged]
        still = [run.summary["frozen_since"] for run in runs
                 if run.complete and "frozen_since" in run.summary]
        for words, epochs in ((f"{name} diverged in epoch", diverged),
                              (f"{name} learned nothing, to the last bit, after epoch", still)):
            if epochs:
                lines.append(f"{words} {span(epochs)} ({len(epochs)} of "
                             f"{plural(len(runs), 'run')}).")
    return lines
