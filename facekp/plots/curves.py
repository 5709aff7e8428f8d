"""Loss curves: of any runs, by optimizer (figure 5), with and without dropout (figure 6)."""
import itertools

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from facekp.analysis.aggregate import mean_curve
from facekp.plots.style import COLORS, axes_or_new, pixel_axis, printed
from facekp.runs.read import RunResult, read_run

DIVERGED, UNFINISHED = dict(marker="X", ms=5, mec="white", mew=0.5), dict(marker="o", mfc="white",
                                                                          ms=3.5)
"""Marks at the last finite point of a run that diverged, or that has not come to its end."""

HIGHEST = 1.0
"""Losses above it are cut off: 48 px, half of the image. A run that diverged passes any number."""

NO_LOSS = (1e-4, 1.0)
"""The range of axes without a single loss, as of a run that diverged at once."""


def learning_curves(histories, title, ax=None):
    """Training and validation loss against epochs (figures 5 and 6), log scale.

    Parameters
    ----------
    histories : dict of str -> dict from :meth:`facekp.runs.folder.Run.read_history`
    title : str
    ax : matplotlib Axes or None

    Returns
    -------
    matplotlib Figure
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 4.6), constrained_layout=True)
    names = {"-": "validation", "--": "training, as measured in the batches"}
    for color, (label, history) in zip(itertools.cycle(COLORS), histories.items()):
        epochs, clean = np.array(history["epoch"]), np.array(history["train_loss_clean"])
        ax.plot(epochs, history["train_loss"], color=color, ls="--", lw=1.2)
        ax.plot(epochs, history["valid_loss"], color=color, lw=1.6, label=label)
        measured = np.isfinite(clean)
        if measured.any():
            ax.plot(epochs[measured], clean[measured], color=color, ls=":", lw=1.4)
            names[":"] = "training, dropout off"
    ax.set(xlabel="epoch", ylabel="mean squared error, scaled targets", title=title)
    log_scale(ax)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    pixel_axis(ax)
    styles = [plt.Line2D([], [], color="0.3", ls=ls) for ls in names]
    if len(histories) > 1:
        ax.add_artist(ax.legend(loc="upper right", fontsize="small"))
    ax.figure.legend(styles, list(names.values()), loc="outside lower center", ncol=3,
                     fontsize="small", frameon=False)
    ax.grid(alpha=0.3, which="both", lw=0.4)
    return ax.figure


@printed
def optimizer_curves(groups, title, ax=None):
    """Training and validation loss by optimizer (figure 5): mean and range over the runs.

    At each epoch over those runs that got so far: patience ends some before others.

    Parameters
    ----------
    groups : dict of str -> list of facekp.runs.read.RunResult, or of run folders
        The folds of each optimizer, in the order of the legend.
    title : str
    ax : two Axes, for training and validation loss, or None

    Returns
    -------
    matplotlib Figure
    """
    groups = read_groups(groups)
    figure, axes = axes_or_new(ax, 2, 1, height=4.6, sharex=True)
    for color, (name, runs) in zip(itertools.cycle(COLORS), groups.items()):
        for panel, column in zip(axes, ("train_loss", "valid_loss")):
            draw_runs(panel, runs, column, color, label=f"{name}: {describe(runs)}")
    for panel, column in zip(axes, ("training", "validation")):
        loss_axis(panel, f"{column} loss (MSE)")
    axes[0].set_xlabel("")
    figure.suptitle(title + explained(groups))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=1)
    return figure


@printed
def dropout_curves(groups, title, ax=None):
    """Loss with and without dropout (figure 6), the training loss in two ways.

    As the paper measures it, the training loss is that of the batches, dropout switched on. The
    noise-free one is that of the net after an epoch, on some of the training images.

    Parameters
    ----------
    groups : dict of str -> list of facekp.runs.read.RunResult, or of run folders
        Like "dropout" and "no dropout".
    title : str
    ax : Axes or None

    Returns
    -------
    matplotlib Figure
    """
    groups = read_groups(groups)
    figure, [panel] = axes_or_new(ax, height=3.3)
    columns = {"valid_loss": ("-", "validation"),
               "train_loss": ("--", "training, as measured in the batches")}
    if any(np.isfinite(run.history["train_loss_clean"]).any()
           for runs in groups.values() for run in runs):
        columns["train_loss_clean"] = (":", "training, dropout off")
    handles, labels = [], []
    for color, (name, runs) in zip(itertools.cycle(COLORS), groups.items()):
        for column, (ls, _) in columns.items():
            draw_runs(panel, runs, column, color, ls)
        handles.append(plt.Line2D([], [], color=color))
        labels.append(f"{name}: {describe(runs)}")
    loss_axis(panel, "loss (MSE)")
    handles += [plt.Line2D([], [], color="0.3", ls=ls) for ls, _ in columns.values()]
    labels += [words for _, words in columns.values()]
    figure.suptitle(title + explained(groups))
    figure.legend(handles, labels, loc="outside lower center", ncol=1)
    return figure


def explained(groups):
    """What lines and bands are, for a title; empty where each group is one run."""
    return "\nlines: mean of the runs that got so far\nbands: lowest to highest" if any(
        len(runs) > 1 for runs in groups.values()) else ""


def read_groups(groups):
    """dict of str -> list of RunResult, from one that may hold run folders too."""
    return {name: [run if isinstance(run, RunResult) else read_run(run) for run in runs]
            for name, runs in groups.items()}


def draw_runs(ax, runs, column, color, ls="-", label=None):
    """Draw a history column of several runs: their mean, their range, and where some ended early.

    Parameters
    ----------
    ax : matplotlib Axes
    runs : list of facekp.runs.read.RunResult
    column : str, like "valid_loss"
    color, ls : as in matplotlib
    label : str or None, of the mean's line
    """
    curve = mean_curve(runs, column)
    measured = curve.n > 0
    epoch = curve.epoch[measured]
    ax.plot(epoch, curve.mean[measured], color=color, ls=ls, label=label)
    if len(runs) > 1:
        ax.fill_between(epoch, curve.low[measured], curve.high[measured], color=color, alpha=0.2,
                        lw=0)
    for run in runs:
        values = np.asarray(run.history[column], float)
        finite = np.flatnonzero(np.isfinite(values))
        if len(finite) and (run.diverged or not run.complete):
            last = finite[-1]
            ax.plot([last + 1], [min(values[last], HIGHEST)], color=color, ls="none",
                    **(DIVERGED if run.diverged else UNFINISHED))


def describe(runs):
    """How many runs, and how they ended: ``5 runs, 1 unfinished``.

    Parameters
    ----------
    runs : list of facekp.runs.read.RunResult

    Returns
    -------
    str
    """
    if len(runs) == 1:
        [run] = runs
        if run.state != "complete":
            return run.state
        frozen = run.summary.get("frozen_since")
        return f"1 run, {run.epochs} epochs" + (f", frozen since epoch {frozen}" if frozen else "")
    diverged = sum(run.diverged for run in runs)
    unfinished = sum(not run.complete and not run.diverged for run in runs)
    return f"{len(runs)} runs" + (f", {diverged} diverged" if diverged else "") + (
        f", {unfinished} unfinished" if unfinished else "")


def loss_axis(ax, label):
    """Make axes ready for losses: log scale, whole epochs, a right axis in px."""
    ax.set(xlabel="epoch", ylabel=label)
    log_scale(ax)
    low, high = ax.get_ylim()
    if high > HIGHEST:
        ax.set_ylim(min(low, HIGHEST / 10), HIGHEST * 1.3)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    pixel_axis(ax)
    ax.grid(True)


def log_scale(ax):
    """Make the axis of losses logarithmic; it has a range even where no loss can be drawn."""
    losses = [np.asarray(line.get_ydata(), float) for line in ax.get_lines()]
    if not any((np.isfinite(values) & (values > 0)).any() for values in losses):
        # matplotlib's own may lie below 0, where a log scale has no ticks: it cannot be drawn
        ax.set_ylim(NO_LOSS)
    ax.set_yscale("log")
