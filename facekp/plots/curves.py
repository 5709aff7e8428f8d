"""Loss curves: of any runs, by optimizer (figure 5), with and without dropout (figure 6)."""
import itertools

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from facekp.plots.style import COLORS, pixel_axis


def learning_curves(histories, title, ax=None):
    """Training and validation loss against epochs (figures 5 and 6), log scale.

    Parameters
    ----------
    histories : dict of str -> dict from :meth:`facekp.runs.Run.read_history`
    title : str
    ax : matplotlib Axes or None

    Returns
    -------
    matplotlib Figure
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 4.6), constrained_layout=True)
    for color, (label, history) in zip(itertools.cycle(COLORS), histories.items()):
        epochs, clean = np.array(history["epoch"]), np.array(history["train_loss_clean"])
        ax.plot(epochs, history["train_loss"], color=color, ls="--", lw=1.2)
        ax.plot(epochs, history["valid_loss"], color=color, lw=1.6, label=label)
        measured = np.isfinite(clean)
        ax.plot(epochs[measured], clean[measured], color=color, ls=":", lw=1.4)
    ax.set(xlabel="epoch", ylabel="mean squared error, scaled targets", yscale="log", title=title)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    pixel_axis(ax)
    styles = [plt.Line2D([], [], color="0.3", ls=ls) for ls in ("-", "--", ":")]
    names = ["validation", "training", "training without dropout noise"]
    if len(histories) > 1:
        ax.add_artist(ax.legend(loc="upper right", fontsize="small"))
    ax.figure.legend(styles, names, loc="outside lower center", ncol=3, fontsize="small",
                     frameon=False)
    ax.grid(alpha=0.3, which="both", lw=0.4)
    return ax.figure
