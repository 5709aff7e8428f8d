"""Loss curves of any trainings (figures 5 and 6): means, ranges, and where some ended early."""
import itertools

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from facekp.plots.style import COLORS, axes_or_new, pixel_axis, printed, wrapped

STYLES = {"valid_loss": ("-", "validation"),
          "train_loss": ("--", "training, as measured in the batches"),
          "train_loss_clean": (":", "training, dropout off")}
"""The line of each loss where several share axes, and its name."""

MARKS = {"diverged": dict(marker="X", ms=5, mec="white", mew=0.5),
         "unfinished": dict(marker="o", mfc="white", ms=3.5)}
"""The mark at the last finite loss of a training that diverged, or has not come to its end."""

HIGHEST = 1.0
"""Losses above it are cut off: 48 px, half of the image. A training that diverged passes any."""

NO_LOSS = (1e-4, 1.0)
"""The range of axes without a single loss, as of a training that diverged at once."""


@printed
def loss_curves(curves, title, apart=False, ax=None):
    """Training and validation loss against epochs, log scale (figures 5 and 6).

    Parameters
    ----------
    curves : dict of str -> dict of str -> dict
        By the text of the legend, then by the loss, one of :data:`STYLES`. Each curve has arrays
        (epochs,) ``epoch`` and ``mean``, the mean squared error of scaled targets, NaN where
        there is none. Where it stands for several trainings it has ``low`` and ``high`` too. Its
        ``ends``, if any, are (epoch, loss, kind): the marks of :data:`MARKS`.
    title : str
    apart : bool
        Training and validation loss in axes of their own (figure 5), or all losses in the same
        axes with a line style each (figure 6).
    ax : matplotlib Axes, two of them if `apart`, or None

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> curve = {"epoch": [1, 2], "mean": [0.02, 0.01]}
    >>> figure = loss_curves({"adam": {"train_loss": curve, "valid_loss": curve}}, "two epochs")
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['adam', 'validation', 'training, as measured in the batches']
    """
    panels = [["train_loss"], ["valid_loss"]] if apart else [list(STYLES)]
    figure, axes = axes_or_new(ax, len(panels), 1, height=4.6 if apart else 3.3, sharex=True)
    handles, names, drawn = [], [], []
    for color, (name, losses) in zip(itertools.cycle(COLORS), curves.items()):
        for panel, columns in zip(axes, panels):
            for column in columns:
                if column in losses:
                    some = _draw(panel, losses[column], color, "-" if apart else STYLES[column][0])
                    drawn += [column] * some
        handles.append(plt.Line2D([], [], color=color))
        names.append(wrapped(name))
    for panel, (column, *_) in zip(axes, panels):
        which = {"train_loss": "training ", "valid_loss": "validation "}[column] if apart else ""
        _loss_axis(panel, f"{which}loss (MSE)", panel is axes[-1])
    if not apart:
        handles += [plt.Line2D([], [], color="0.3", ls=ls) for column, (ls, _) in STYLES.items()
                    if column in drawn]
        names += [words for column, (_, words) in STYLES.items() if column in drawn]
    several = any(panel.collections for panel in axes)
    figure.suptitle(title + "\nlines: mean of the runs that got so far\nbands: lowest to highest"
                    * several)
    figure.legend(handles, names, loc="outside lower center", ncol=1)
    return figure


def learning_curves(histories, title, ax=None):
    """Loss curves of single trainings, each as it is.

    Parameters
    ----------
    histories : dict of str -> dict of str -> sequence of float
        By the net's name: ``epoch`` and the losses of :data:`STYLES`, like
        :meth:`facekp.runs.folder.Run.read_history`.
    title : str
    ax : matplotlib Axes or None

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> history = {"epoch": [1, 2], "train_loss": [0.02, 0.01], "valid_loss": [0.03, 0.02]}
    >>> figure = learning_curves({"lenet5": history}, "synthetic faces")
    """
    return loss_curves({name: {column: {"epoch": history["epoch"], "mean": history[column]}
                               for column in STYLES if column in history}
                        for name, history in histories.items()}, title, ax=ax)


def _draw(ax, curve, color, ls):
    """Draw a curve, its band and its marks; say whether there is a finite value."""
    mean = np.asarray(curve["mean"], float)
    finite = np.isfinite(mean)
    epoch = np.asarray(curve["epoch"])[finite]
    ax.plot(epoch, mean[finite], color=color, ls=ls)
    low, high = (np.asarray(curve.get(side, mean), float)[finite] for side in ("low", "high"))
    if (high > low).any():
        ax.fill_between(epoch, low, high, color=color, alpha=0.2, lw=0)
    for last, loss, kind in curve.get("ends", ()):
        ax.plot([last], [min(loss, HIGHEST)], color=color, ls="none", **MARKS[kind])
    return bool(finite.any())


def _loss_axis(ax, label, lowest):
    """Make axes ready for losses: log scale, whole epochs, a right axis in px."""
    ax.set(xlabel="epoch" if lowest else "", ylabel=label)
    losses = [np.asarray(line.get_ydata(), float) for line in ax.get_lines()]
    if not any((np.isfinite(values) & (values > 0)).any() for values in losses):
        # matplotlib's own may lie below 0, where a log scale has no ticks: it cannot be drawn
        ax.set_ylim(NO_LOSS)
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    if high > HIGHEST:
        ax.set_ylim(min(low, HIGHEST / 10), HIGHEST * 1.3)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    pixel_axis(ax)
    ax.grid(True)
