"""The paper's figures, one function each; arrays in, a matplotlib figure out."""
import itertools

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullLocator

from facekp import storage
from facekp.keypoints import SIZE

# Okabe & Ito 2008: told apart by colour-blind readers too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def save(figure, path):
    """Write a figure as PNG, atomically, and close it.

    Parameters
    ----------
    figure : matplotlib Figure
    path : path
    """
    with storage.replacing(path) as file:
        figure.savefig(file, format="png", dpi=150, metadata={"Software": None})
    plt.close(figure)


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
    pixels = ax.secondary_yaxis("right", functions=(
        lambda mse: np.sqrt(np.maximum(mse, 1e-12)) * SIZE / 2, lambda px: (px / (SIZE / 2)) ** 2))
    pixels.set_ylabel("RMSE, px")
    pixels.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    pixels.yaxis.set_minor_locator(NullLocator())
    pixels.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    styles = [plt.Line2D([], [], color="0.3", ls=ls) for ls in ("-", "--", ":")]
    names = ["validation", "training", "training without dropout noise"]
    if len(histories) > 1:
        ax.add_artist(ax.legend(loc="upper right", fontsize="small"))
    ax.figure.legend(styles, names, loc="outside lower center", ncol=3, fontsize="small",
                     frameon=False)
    ax.grid(alpha=0.3, which="both", lw=0.4)
    return ax.figure


def draw_face(ax, image, y_pred_px=None, y_true_px=None):
    """One face with its keypoints: predicted as blue crosses, labelled as open circles.

    Parameters
    ----------
    ax : matplotlib Axes
    image : array (96, 96) or (1, 96, 96)
    y_pred_px, y_true_px : float arrays (30,), px, or None
    """
    ax.imshow(np.reshape(image, (SIZE, SIZE)), cmap="gray", vmin=0, vmax=1)
    if y_true_px is not None:
        ax.plot(y_true_px[0::2], y_true_px[1::2], "o", ms=5, mfc="none", mec=COLORS[4], mew=1.2)
    if y_pred_px is not None:
        ax.plot(y_pred_px[0::2], y_pred_px[1::2], "x", ms=4, color="#1f5fff", mew=1.4)
    ax.set(xlim=(-0.5, SIZE - 0.5), ylim=(SIZE - 0.5, -0.5), xticks=[], yticks=[])


def predicted_faces(X, y_pred_px, title, y_true_px=None):
    """Sample faces with predicted keypoints marked by blue crosses (figure 9).

    Parameters
    ----------
    X : float array (n, 1, 96, 96); n = 16 gives the paper's 4 x 4
    y_pred_px : float array (n, 30), px
    title : str
    y_true_px : float array (n, 30), px, or None

    Returns
    -------
    matplotlib Figure
    """
    columns = min(4, len(X))
    rows = -(-len(X) // columns)
    figure, axes = plt.subplots(rows, columns, squeeze=False, constrained_layout=True,
                                figsize=(1.9 * columns, 1.9 * rows + 0.3))
    for ax in axes.flat:
        ax.axis("off")
    for i, ax in enumerate(axes.flat[:len(X)]):
        draw_face(ax, X[i], y_pred_px[i], None if y_true_px is None else y_true_px[i])
    figure.suptitle(title, fontsize="medium")
    return figure
