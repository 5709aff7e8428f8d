"""Loss curves of any trainings (figures 5 and 6): means, ranges, and where some ended early."""
import itertools

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from facekp.keypoints import SIZE
from facekp.plots.style import COLORS, legend_below, literal, new_axes, printed

STYLES = {"valid_loss": ("-", "validation"),
          "averaged_loss": ("-.", "validation, averaged weights"),
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
    apart : bool
        Training and validation loss in two Axes (figure 5), or all losses in one with a line style
        each (figure 6).

    Examples
    --------
    >>> curve = {"epoch": [1, 2], "mean": [0.02, 0.01]}
    >>> figure = loss_curves({"adam": {"train_loss": curve, "valid_loss": curve}}, "two epochs")
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['adam', 'validation', 'training, as measured in the batches']
    """
    panels = {"training ": ["train_loss"], "validation ": ["valid_loss"]} if apart else {
        "": list(STYLES)}
    figure, axes = new_axes(title, ax, len(panels), height=4.6 if apart else 3.3, sharex=True)
    handles = {}
    for color, (name, losses) in zip(itertools.cycle(COLORS), curves.items()):
        handles[name] = Line2D([], [], color=color)
        for panel, columns in zip(axes, panels.values()):
            for column in filter(losses.get, columns):
                style = STYLES["valid_loss" if apart else column][0]
                if _draw(panel, losses[column], color, style) and not apart:
                    handles[column] = Line2D([], [], color="0.3", ls=style)
    for panel, name in zip(axes, panels):
        _loss_axis(panel, f"{name}loss (MSE)")
    axes[-1].set_xlabel("epoch")
    if any(panel.collections for panel in axes):
        figure.suptitle(f"{literal(title)}\nlines: mean of the runs that got so far\n"
                        "bands: lowest to highest")
    order = [*curves, *(column for column in STYLES if column in handles)]
    legend_below(figure, [handles[name] for name in order],
                 [STYLES[name][1] if name in STYLES else name for name in order])
    return figure


def learning_curves(histories, title, ax=None):
    """Loss curves of single trainings, each as it is.

    Parameters
    ----------
    histories : dict of str -> dict of str -> sequence of float
        By the net's name: ``epoch`` and the losses of :data:`STYLES`, like
        :meth:`facekp.runs.folder.Run.read_history`.

    Examples
    --------
    >>> history = {"epoch": [1, 2], "train_loss": [0.02, 0.01], "valid_loss": [0.03, 0.02]}
    >>> figure = learning_curves({"a net": history}, "synthetic faces")
    """
    return loss_curves({name: {column: {"epoch": history["epoch"], "mean": history[column]}
                               for column in STYLES if column in history}
                        for name, history in histories.items()}, title, ax=ax)


@printed
def learning_rates(histories, title, ax=None):
    """The learning rate of each epoch.

    Parameters
    ----------
    histories : dict of str -> dict of str -> sequence of float
        By the net's name: ``epoch`` and ``learning_rate``.

    Examples
    --------
    >>> history = {"epoch": [1, 2], "learning_rate": [0.001, 0.0005]}
    >>> figure = learning_rates({"a net": history}, "synthetic faces")
    """
    figure, [axes] = new_axes(title, ax)
    lines = [axes.plot(history["epoch"], history["learning_rate"], color=color)[0]
             for color, history in zip(itertools.cycle(COLORS), histories.values())]
    axes.set(xlabel="epoch", ylabel="learning rate")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(True)
    legend_below(figure, lines, list(histories))
    return figure


def _draw(ax, curve, color, style):
    """Draw a curve, its band and its marks; say whether it has a finite value."""
    mean = np.asarray(curve["mean"], float)
    finite = np.isfinite(mean)
    if not finite.any():
        return False
    epoch = np.asarray(curve["epoch"])[finite]
    ax.plot(epoch, mean[finite], color=color, ls=style)
    low, high = (np.asarray(curve.get(side, mean), float)[finite] for side in ("low", "high"))
    if (high > low).any():
        ax.fill_between(epoch, low, high, color=color, alpha=0.2, lw=0)
    for last, loss, kind in curve.get("ends", ()):
        ax.plot([last], [min(loss, HIGHEST)], color=color, ls="none", **MARKS[kind])
    return True


def _loss_axis(ax, label):
    """Make axes ready for losses: log scale, whole epochs, a right axis that reads RMSE in px."""
    losses = np.concatenate([np.asarray(line.get_ydata(), float) for line in ax.get_lines()] + [[]])
    if not (np.isfinite(losses) & (losses > 0)).any():
        # matplotlib's own may lie below 0, where a log scale has no ticks: it cannot be drawn
        ax.set_ylim(NO_LOSS)
    ax.set(ylabel=label, yscale="log")
    low, high = ax.get_ylim()
    if high > HIGHEST:
        ax.set_ylim(min(low, HIGHEST / 10), HIGHEST * 1.3)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(True)
    pixels = ax.secondary_yaxis("right", functions=(
        lambda mse: np.sqrt(np.maximum(mse, 1e-12)) * SIZE / 2, lambda px: (px / (SIZE / 2)) ** 2))
    pixels.set_ylabel("RMSE, px")
    wide = high > 400 * low  # a factor of 20 in px: more numbers would touch
    pixels.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if wide else (1, 1.5, 2, 3, 5, 7)))
    pixels.yaxis.set_minor_locator(NullLocator())
    pixels.yaxis.set_major_formatter("{x:g}")
