"""What all figures share: colours, sizes for print, and how they become files."""
import io
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator

from facekp import files
from facekp.keypoints import SIZE

# Okabe & Ito 2008: told apart by colour-blind readers too. Seven, as many as vggnet-search has
# variants; their yellow is too light for a line on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

HALF_WIDTH, FULL_WIDTH = 3.35, 6.9
"""Inches: a column of a two-column page, and the page between its margins."""

STYLE = {
    "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "figure.titlesize": 8,
    "legend.fontsize": 7, "xtick.labelsize": 7, "ytick.labelsize": 7,
    "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "lines.linewidth": 1.1, "grid.linewidth": 0.4, "grid.alpha": 0.3, "image.cmap": "gray",
    "legend.frameon": False, "legend.handlelength": 1.6, "legend.columnspacing": 1.0,
}
"""matplotlib settings of a figure that is drawn in the size in which it is printed."""

printed = plt.rc_context(STYLE)
"""Decorator: the function draws with :data:`STYLE`."""


def save(figure, path, dpi=None, close=True):
    """Write a figure as PNG or PDF, atomically, and close it unless told otherwise.

    The same figure gives the same bytes: no date and no version is written.

    Parameters
    ----------
    figure : matplotlib Figure
    path : path; its ending says which, .png or .pdf
    dpi : int, pixels per inch of a PNG; None for a picture 1000 pixels wide
    close : bool

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(plt.figure(), Path(folder, "empty.png"))
    """
    path = Path(path)
    with files.replacing(path) as file:
        render(figure, file, path.suffix[1:], dpi, close)


def render(figure, file, kind, dpi=None, close=True):
    """Write a figure to an open file; see :func:`save`.

    Parameters
    ----------
    figure : matplotlib Figure
    file : binary file object
    kind : {"png", "pdf"}
    dpi, close : see :func:`save`
    """
    metadata = {"png": {"Software": None},
                "pdf": {"Creator": None, "Producer": None, "CreationDate": None}}[kind]
    with plt.rc_context({"pdf.fonttype": 42}):
        figure.savefig(file, format=kind, dpi=dpi or 1000 / figure.get_size_inches()[0],
                       metadata=metadata)
    if close:
        plt.close(figure)


def axes_or_new(ax, rows=1, columns=1, width=HALF_WIDTH, height=2.4, **options):
    """The axes that the caller gave, or those of a new figure.

    Parameters
    ----------
    ax : Axes, sequence of Axes, or None
    rows, columns : int
    width, height : float, inches
    options : for :func:`matplotlib.pyplot.subplots`

    Returns
    -------
    figure : matplotlib Figure
    axes : array (rows * columns,) of Axes
    """
    if ax is None:
        figure, axes = plt.subplots(rows, columns, squeeze=False, figsize=(width, height),
                                    layout="constrained", **options)
        return figure, axes.ravel()
    axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(axes) != rows * columns:
        raise ValueError(f"ax: found {len(axes)} axes, expected {rows * columns}")
    return axes[0].figure, axes


def wrapped(text):
    """A text of a legend in lines that fit into half of a page."""
    return textwrap.fill(text, 62)


def pixel_axis(ax):
    """Give axes of mean squared errors a right axis that reads them as RMSE in px.

    Parameters
    ----------
    ax : Axes whose y is the mean squared error of scaled targets, log scale

    Returns
    -------
    the secondary axis
    """
    pixels = ax.secondary_yaxis("right", functions=(
        lambda mse: np.sqrt(np.maximum(mse, 1e-12)) * SIZE / 2, lambda px: (px / (SIZE / 2)) ** 2))
    pixels.set_ylabel("RMSE, px")
    low, high = ax.get_ylim()
    wide = high > 400 * low  # a factor of 20 in px: more numbers would touch
    pixels.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if wide else (1, 1.5, 2, 3, 5, 7)))
    pixels.yaxis.set_minor_locator(NullLocator())
    pixels.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    return pixels


def small_png(figure):
    """A figure as a PNG in 256 colours: a third of the size, and no difference that a reader sees.

    Parameters
    ----------
    figure : matplotlib Figure, closed afterwards

    Returns
    -------
    bytes
    """
    from PIL import Image  # matplotlib brings it

    file, small = io.BytesIO(), io.BytesIO()
    render(figure, file, "png", dpi=180 if figure.get_size_inches()[0] < 5 else 120)
    Image.open(file).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        small, "PNG", optimize=True)
    return small.getvalue()
