"""What all figures share: colours, sizes for print, axes, and how they become files."""
import io
import textwrap
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.figure import Figure

from facekp import files

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe & Ito 2008: told apart by colour-blind readers too; less their yellow, which is too light
for a line on white."""

HALF_WIDTH, FULL_WIDTH = 3.35, 6.9
"""Inches: a column of a two-column page, and the page between its margins."""

STYLE = {
    "font.size": 8, "axes.titlesize": 7, "axes.titlepad": 2, "axes.labelsize": 8,
    "figure.titlesize": 8, "legend.fontsize": 7, "xtick.labelsize": 7, "ytick.labelsize": 7,
    "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "lines.linewidth": 1.1, "grid.linewidth": 0.4, "grid.alpha": 0.3, "image.cmap": "gray",
    "legend.frameon": False, "legend.handlelength": 1.6, "legend.columnspacing": 1.0,
    "pdf.fonttype": 42}
"""matplotlib settings of a figure that is drawn in the size in which it is printed."""

printed = matplotlib.style.context(STYLE, after_reset=True)
"""Decorator: the function draws with :data:`STYLE` and else with matplotlib's own defaults."""


def new_axes(title, ax=None, rows=1, columns=1, width=HALF_WIDTH, height=2.4, **options):
    """The Figure and the array (rows * columns,) of Axes that a figure is drawn in, under a title.

    `ax` are the caller's Axes; if None, a new figure of so many inches is made, and `options` go to
    :meth:`matplotlib.figure.Figure.subplots`.
    """
    if ax is None:
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, **options).ravel()
    else:
        axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(axes) != rows * columns:
            raise ValueError(f"ax: found {len(axes)} axes, expected {rows * columns}")
        figure = axes[0].figure
    lines = [textwrap.fill(line, int(17 * figure.get_figwidth())) for line in title.split("\n")]
    figure.suptitle(literal("\n".join(lines)))
    return figure, axes


def legend_below(figure, handles, names, **options):
    """Give a figure a legend below its axes, in lines that fit into half of a page."""
    figure.legend(handles, [literal(textwrap.fill(name, 62)) for name in names],
                  loc="outside lower center", **options)


def literal(text):
    """A text from a run or a file, in which matplotlib finds no formula."""
    return text.replace("$", r"\$")


def save(figure, path, dpi=None):
    """Write a figure as PNG or PDF, atomically.

    The same figure gives the same bytes: no date and no version is written.

    Parameters
    ----------
    figure : matplotlib Figure
    path : path; its ending says which, .png or .pdf
    dpi : int, pixels per inch of a PNG; None for a picture 1000 pixels wide

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Figure(), Path(folder, "empty.png"))
    """
    with files.replacing(Path(path)) as file:
        render(figure, file, Path(path).suffix[1:], dpi)


@printed
def render(figure, file, kind, dpi=None):
    """Write a figure to an open binary file; `kind` is "png" or "pdf", see :func:`save`."""
    metadata = {"png": {"Software": None},
                "pdf": {"Creator": None, "Producer": None, "CreationDate": None}}[kind]
    figure.savefig(file, format=kind, dpi=dpi or 1000 / figure.get_size_inches()[0],
                   metadata=metadata)


def small_png(figure):
    """A figure as bytes of a PNG in 256 colours: a third of the size, and no difference is seen."""
    from PIL import Image  # matplotlib brings it

    file, small = io.BytesIO(), io.BytesIO()
    render(figure, file, "png", dpi=180 if figure.get_size_inches()[0] < 5 else 120)
    Image.open(file).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        small, "PNG", optimize=True)
    return small.getvalue()
